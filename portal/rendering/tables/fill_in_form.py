"""Excel files that people fill in: a heading row with drop-down lists, and a sheet that explains every column."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.rendering.tables.spreadsheet import HEAD, new_book, write_text

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet


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
    """Return the workbook: sheet ``title`` with lists over ``rows`` rows, 填写说明 with ``notes``, and ``tables``.

    Required columns are marked with ``*`` in their heading.
    """
    out = io.BytesIO()
    book = new_book(out)
    looks = _Looks(book)
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    _explain(book.add_worksheet("填写说明"), looks, columns, notes)
    lists = book.add_worksheet("可选值")
    for place, column in enumerate(columns):
        width = max(10, len(column.title) * 2 + 4)
        sheet.set_column(place, place, width, None if column.number else looks.text)
        head = looks.must if column.required else looks.head
        write_text(sheet, 0, place, column.title + ("*" if column.required else ""), head)
        if column.choices:
            _offer(sheet, lists, looks, place, column, rows)
    for name, (heads, found) in tables.items():
        table = book.add_worksheet(name)
        table.freeze_panes(1, 0)
        table.set_column(0, len(heads) - 1, 18)
        for number, values in enumerate((heads, *found)):
            for place, value in enumerate(values):
                write_text(table, number, place, value, looks.text if number else looks.head)
    book.close()
    return out.getvalue()


class _Looks:
    """How the cells of such a workbook look; all of them hold text."""

    def __init__(self, book: Workbook) -> None:
        text = {"num_format": "@"}
        self.text: Format = book.add_format(text)
        self.head: Format = book.add_format(text | HEAD)
        self.must: Format = book.add_format(text | HEAD | {"bg_color": "#FBE9E7"})
        self.wrapped: Format = book.add_format(text | {"text_wrap": True, "valign": "top"})


def _offer(sheet: Worksheet, lists: Worksheet, looks: _Looks, place: int, column: FormColumn, rows: int) -> None:
    from xlsxwriter.utility import xl_range_abs

    for number, value in enumerate((column.title, *column.choices)):
        write_text(lists, number, place, value, looks.text if number else looks.head)
    rule = {
        "validate": "list",
        "source": "=可选值!" + xl_range_abs(1, place, len(column.choices), place),
        "error_title": column.title,
        "error_message": "请从下拉列表中选择",
    }
    if sheet.data_validation(1, place, rows, place, rule):
        raise ValueError(f"no drop-down list can be made for {column.title}")


def _explain(sheet: Worksheet, looks: _Looks, columns: Sequence[FormColumn], notes: Sequence[str]) -> None:
    for number, note in enumerate(notes):
        write_text(sheet, number, 0, f"{number + 1}. {note}", looks.text)
    first = len(notes) + 1
    for place, head in enumerate(("列", "必填", "说明", "可选值")):
        write_text(sheet, first, place, head, looks.head)
    for number, column in enumerate(columns, first + 1):
        texts = (column.title, "是" if column.required else "", column.hint, "、".join(column.choices))
        for place, text in enumerate(texts):
            write_text(sheet, number, place, text, looks.wrapped)
    for place, width in enumerate((20, 8, 48, 70)):
        sheet.set_column(place, place, width)
