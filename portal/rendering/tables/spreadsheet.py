"""Excel files out: plain rows in, bytes out; text stays text whatever it begins with."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

# XlsxWriter is imported where a file is made: every process would pay a third of a second for it at its start

Value = str | int | Decimal | date | datetime | None

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_RISKY = tuple("=+-@\t\r\n＝＋－＠")
MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEAD = {"bold": True, "bg_color": "#EEF3F1"}
"""How the cells of a heading row look."""


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
_RIGHT = ("money", "price", "count")


def clean(text: str) -> str:
    """Text as a cell can hold it: without characters that XML forbids, at most 32,767 long."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:32_767]


def new_book(out: io.BytesIO, row_by_row: bool = False) -> Workbook:
    """Begin a workbook that makes no formula, link or number of a text; ``close()`` writes it to ``out``.

    ``row_by_row``: rows are written once and in order, and half the memory is needed.
    """
    from xlsxwriter import Workbook

    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    return Workbook(out, plain | {"constant_memory": row_by_row})


def write_text(sheet: Worksheet, row: int, place: int, text: str, look: Format) -> None:
    """Write ``text`` as it is."""
    text = clean(text)
    if text.startswith("<r>") and text.endswith("</r>"):
        # XlsxWriter would take this for XML that it has made itself, and put it into the file as it stands
        sheet.write_rich_string(row, place, text[:1], look, text[1:], look)
    else:
        sheet.write_string(row, place, text, look)


def workbook(
    title: str,
    columns: Sequence[SheetColumn],
    rows: Iterable[Sequence[Value]],
    foot: str = "",
    sums: Sequence[Value] = (),
) -> bytes:
    """One sheet with a heading row that stays in view; below the last row ``sums``, where there are any, and ``foot``
    (who, when, which filters)."""
    out = io.BytesIO()
    book = new_book(out, row_by_row=True)
    sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31].strip("'") or "Sheet")
    sheet.freeze_panes(1, 0)
    head, looks = book.add_format(HEAD), {column.kind: _Looks(book, column.kind) for column in columns}
    looks.setdefault("text", _Looks(book, "text"))
    for place, column in enumerate(columns):
        sheet.set_column(place, place, 22 if column.kind in ("text", "time") else 14)
    for place, column in enumerate(columns):
        write_text(sheet, 0, place, column.title, head)
    number = 0
    for number, row in enumerate(rows, 1):
        for place, (value, column) in enumerate(zip(row, columns, strict=True)):
            looks[column.kind].write(sheet, number, place, value)
    for place, (value, column) in enumerate(zip(sums, columns, strict=False)):
        looks["text" if isinstance(value, str) else column.kind].write(sheet, number + 1, place, value)
    if foot:
        looks["text"].write(sheet, number + (2 if sums else 1), 0, foot)
    book.close()
    return out.getvalue()


class _Looks:
    """How the values of one kind look in a workbook: as text, as text that a program might calculate, as a value."""

    def __init__(self, book: Workbook, kind: str) -> None:
        aligned = {"align": "right"} if kind in _RIGHT else {}
        self._text = book.add_format(aligned)
        self._risky = book.add_format(aligned | {"quote_prefix": True})
        self._value = book.add_format(aligned | ({"num_format": _FORMATS[kind]} if kind in _FORMATS else {}))

    def write(self, sheet: Worksheet, row: int, place: int, value: Value) -> None:
        """Write one cell; nothing of ``None``."""
        if isinstance(value, str):
            write_text(sheet, row, place, value, self._risky if value.startswith(_RISKY) else self._text)
        elif isinstance(value, datetime):
            sheet.write_datetime(row, place, value.replace(tzinfo=None), self._value)
        elif isinstance(value, date):
            sheet.write_datetime(row, place, datetime.combine(value, time()), self._value)
        elif value is not None:
            sheet.write_number(row, place, float(value), self._value)
