"""What people and their programs put into the cells of a file that is imported, and what is wrong with it."""

from __future__ import annotations

import re
from decimal import Decimal

from portal.core import spreadsheet
from portal.domain.days import day_of
from portal.domain.documents.manual_input import clean

HIDDEN = ("这一行在 Excel 中被隐藏或筛选掉了", "请取消隐藏或筛选后再看一遍；不要的行请删去")
_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)
_QUOTED = re.compile("'(?![a-z])[^']*")
"""The apostrophe by which Excel is told to take a number as text; that of the name 't Hooft and a pair of them stay."""
_POWER = re.compile(r"-?\d(\.\d+)?[eE]\+?\d+", re.ASCII)


def plain(text: str) -> str:
    """Return a text without what programs put around it so that Excel leaves it alone: ``="0123"``, ``'0123``."""
    text = clean(text)
    if wrapped := _WRAPPED.fullmatch(text):
        text = clean(wrapped[1].replace('""', '"'))
    return text[1:] if _QUOTED.fullmatch(text) else text


def title(text: str) -> str:
    """Return a heading without the marks of a column that must be filled in."""
    return plain(text).replace("*", "").replace("＊", "").replace("（必填）", "").strip()


def is_blank(row: spreadsheet.Row) -> bool:
    """Tell whether a row says nothing."""
    return not any(cell.text.strip() or cell.kind == "formula" for cell in row.cells)


def text_of(cell: spreadsheet.Cell) -> str:
    """Return the text of a cell as it was meant; of one that cannot be taken (:func:`complaint`) ``""``."""
    if cell.kind in ("formula", "error"):
        return ""
    return plain(cell.text) if cell.kind == "text" else clean(cell.text)


def complaint(cell: spreadsheet.Cell, is_number: bool) -> tuple[str, str] | None:
    """Say what is wrong with a cell and what to do; ``is_number``: it holds a code, whose digits all count."""
    if cell.kind == "formula":
        return "单元格是公式", "请复制后用“粘贴为数值”"
    if cell.kind == "error":
        return f"单元格的值是 {clean(cell.text)}", "请填写实际的内容"
    if cell.kind == "long" or (cell.kind == "text" and is_number and _POWER.fullmatch(text_of(cell))):
        return "长号码被 Excel 变成科学计数或丢了末尾几位", "请先把这一列设为文本格式，再重新填写号码"
    if is_number and cell.kind in ("date", "styled"):
        reason = "号码被 Excel 变成了日期" if cell.kind == "date" else "Excel 的数字格式给号码添了字，单元格里没有"
        return reason, "请先把这一列设为文本格式，再重新填写号码"
    return None


def day(cell: spreadsheet.Cell) -> str:
    """Return a day as ``2026-01-05``, so that rows that write it differently agree; else the text as it stands."""
    text = text_of(cell)
    if cell.kind in ("number", "styled") and 20_000 <= Decimal(text) <= 73_050:
        return spreadsheet.day_of_serial(Decimal(text))
    try:
        return day_of(text).isoformat()
    except ValueError:
        return text
