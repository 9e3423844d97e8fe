"""Excel files out: plain rows in, bytes out; text stays text whatever it begins with (checks F4)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpyxl.cell import Cell

# openpyxl is imported where a file is made: every process would pay half a second for it at its start

Value = str | int | Decimal | date | datetime | None

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_RISKY = tuple("=+-@\t\r\n＝＋－＠")
MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A heading and how its values are shown: text, money (Decimal yuan), count, date, time."""

    title: str
    kind: str = "text"


_FORMATS = {
    "money": "#,##0.00",
    "price": "#,##0.00####",
    "count": "#,##0",
    "date": "yyyy-mm-dd",
    "time": "yyyy-mm-dd hh:mm:ss",
}


def clean(text: str) -> str:
    """Text as a cell can hold it: without characters that XML forbids, at most 32,767 long."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:32_767]


def workbook(title: str, columns: Sequence[SheetColumn], rows: Iterable[Sequence[Value]], foot: str = "") -> bytes:
    """One sheet with a heading row that stays in view, and ``foot`` below the last row (who, when, which filters)."""
    from openpyxl import Workbook
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "Sheet")
    sheet.freeze_panes = "A2"
    for place, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = 22 if column.kind in ("text", "time") else 14
    heads = []
    for column in columns:
        cell = _cell(sheet, column.title, "text")
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="EEF3F1")
        heads.append(cell)
    sheet.append(heads)
    for row in rows:
        sheet.append([_cell(sheet, value, column.kind) for value, column in zip(row, columns, strict=True)])
    if foot:
        sheet.append([_cell(sheet, foot, "text")])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Value, kind: str) -> Cell:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment

    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    made: Any = WriteOnlyCell
    cell: Cell = made(sheet, value=clean(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"  # openpyxl would make a formula of anything that begins with "="
        if value.startswith(_RISKY):
            cell.quotePrefix = True
    elif kind in _FORMATS:
        cell.number_format = _FORMATS[kind]
    if kind in ("money", "price", "count"):
        cell.alignment = Alignment(horizontal="right")
    return cell
