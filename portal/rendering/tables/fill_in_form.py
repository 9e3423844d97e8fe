"""Excel files that people fill in: a heading row with drop-down lists, and a sheet that explains every column."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from portal.rendering.tables.spreadsheet import clean

_HEAD = PatternFill("solid", fgColor="EEF3F1")
_MUST = PatternFill("solid", fgColor="FBE9E7")


@dataclass(frozen=True, slots=True)
class FormColumn:
    """A column to fill in. ``choices``: the words of its drop-down list; ``number``: else it is set to text."""

    title: str
    required: bool = False
    hint: str = ""
    choices: tuple[str, ...] = ()
    number: bool = False


def form(
    title: str,
    columns: Sequence[FormColumn],
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[str]]]],
    notes: Sequence[str],
    rows: int,
) -> bytes:
    """The workbook: sheet ``title`` with lists over ``rows`` rows, 填写说明 with ``notes``, and ``tables`` to look up.

    Required columns are marked with ``*`` in their heading.
    """
    book = Workbook()
    sheet: Any = book.active
    sheet.title = title
    sheet.freeze_panes = "A2"
    lists: Any = book.create_sheet("可选值")
    for place, column in enumerate(columns, 1):
        letter = get_column_letter(place)
        _write(sheet, 1, place, column.title + ("*" if column.required else ""), _MUST if column.required else _HEAD)
        sheet.column_dimensions[letter].width = max(10, len(column.title) * 2 + 4)
        if not column.number:
            sheet.column_dimensions[letter].number_format = "@"
        if column.choices:
            _offer(sheet, lists, place, column, rows)
    _explain(book.create_sheet("填写说明", 1), columns, notes)
    for name, (heads, found) in tables.items():
        table: Any = book.create_sheet(name)
        table.freeze_panes = "A2"
        for number, values in enumerate((heads, *found), 1):
            for place, value in enumerate(values, 1):
                _write(table, number, place, value, _HEAD if number == 1 else None)
        for place in range(1, len(heads) + 1):
            table.column_dimensions[get_column_letter(place)].width = 18
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(sheet: Any, row: int, place: int, value: str, fill: PatternFill | None = None) -> None:
    cell = sheet.cell(row, place, clean(value))
    cell.data_type, cell.number_format = "s", "@"
    if fill is not None:
        cell.fill, cell.font = fill, Font(bold=True)


def _offer(sheet: Any, lists: Any, place: int, column: FormColumn, rows: int) -> None:
    letter = get_column_letter(place)
    for number, value in enumerate((column.title, *column.choices), 1):
        _write(lists, number, place, value, _HEAD if number == 1 else None)
    source = f"=可选值!${letter}$2:${letter}${len(column.choices) + 1}"
    rule = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=True)
    rule.errorTitle, rule.error = column.title, "请从下拉列表中选择"
    rule.add(f"{letter}2:{letter}{rows + 1}")
    sheet.add_data_validation(rule)


def _explain(sheet: Any, columns: Sequence[FormColumn], notes: Sequence[str]) -> None:
    for number, note in enumerate(notes, 1):
        _write(sheet, number, 1, f"{number}. {note}")
    first = len(notes) + 2
    for place, head in enumerate(("列", "必填", "说明", "可选值"), 1):
        _write(sheet, first, place, head, _HEAD)
    for number, column in enumerate(columns, first + 1):
        texts = (column.title, "是" if column.required else "", column.hint, "、".join(column.choices))
        for place, text in enumerate(texts, 1):
            _write(sheet, number, place, text)
            sheet.cell(number, place).alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in (("A", 20), ("B", 8), ("C", 48), ("D", 70)):
        sheet.column_dimensions[letter].width = width
