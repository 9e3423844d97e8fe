"""A list on paper: pages that are numbered beforehand, each with its sum; no row and no character is left out."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import openpyxl

from portal.listing.columns import Column
from portal.listing.lists import Listing, ListPage
from portal.listing.printed import ROOM, WIDTH, printed

COLUMNS = (
    Column("name", "名称", "long"),
    Column("count", "份数", "count", total=True),
    Column("fen", "金额", "money", total=True),
)
PAGE = ListPage("test", "试验", COLUMNS)


def listing(rows: list[Any], count: int | None = None, totals: dict[str, int] | None = None) -> Listing:
    """A list of these rows; ``count``: how many there are in all."""
    sums = {"count": sum(row.count for row in rows), "fen": sum(row.fen for row in rows)}
    return Listing(
        PAGE, COLUMNS, rows, {}, {}, len(rows) if count is None else count, sums if totals is None else totals
    )


def row(name: str, count: int = 1, fen: int = 100) -> Any:
    """One row."""
    return SimpleNamespace(name=name, count=count, fen=fen)


def test_rows_stand_on_pages_with_sums_that_add_up() -> None:
    rows = [row(f"第 {place} 行", place, 100 * place) for place in range(1, 101)]
    paper = printed(listing(rows))
    assert [page.number for page in paper.pages] == [1, 2, 3, 4, 5]
    assert [cell for page in paper.pages for cell, *_ in page.rows] == [f"第 {place} 行" for place in range(1, 101)]
    assert [page.sums["count"] for page in paper.pages] == ["231", "672", "1,113", "1,554", "1,480"]
    assert paper.pages[0].sums["fen"] == "231.00" and paper.whole == {"count": "5,050", "fen": "5,050.00"}
    assert paper.lead == 1 and abs(sum(paper.shares) - 100) < 0.1


def test_long_texts_take_lines_and_none_is_cut() -> None:
    text = "备注" * 120
    paper = printed(listing([row(text) for _ in range(30)]))
    assert all(page.rows[0][0] == text for page in paper.pages)
    per_line = paper.shares[0] / 100 * WIDTH / 2
    lines = len(text) / per_line
    assert max(len(page.rows) for page in paper.pages) * (12 * lines + 5) <= ROOM
    assert sum(len(page.rows) for page in paper.pages) == 30


def test_an_empty_list_is_one_page_without_sums() -> None:
    paper = printed(listing([], totals={}))
    assert [(page.number, page.rows, page.sums) for page in paper.pages] == [(1, [], {})] and paper.lead == 0


def test_excel_has_the_sums_below_and_says_what_is_missing() -> None:
    rows = [row("甲", 2, 12_345), row("乙", 3, 55)]
    whole = openpyxl.load_workbook(io.BytesIO(listing(rows).excel("陈某"))).active
    found = [[cell.value for cell in line] for line in whole.iter_rows()]
    assert found[3] == ["合计 2 行", 5, 124] and "2 行；导出人：陈某" in found[4][0]
    cut = openpyxl.load_workbook(io.BytesIO(listing(rows, count=7_025).excel("陈某"))).active
    assert "2 行（仅前 2 行，共 7,025 行）" in str(cut.cell(5, 1).value)
    none = openpyxl.load_workbook(io.BytesIO(listing(rows, totals={}).excel("陈某"))).active
    assert none.max_row == 4
