"""A list: what it shows, how it is filtered and summed, and the same rows as a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select

from portal.core.clock import now
from portal.listing import values
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.paging import Order
from portal.rendering.tables import spreadsheet

Rows: TypeAlias = Select[Any]
"""A statement of rows, bounded to what may be seen at all."""
EXCEL_ROWS = 20_000
PRINT_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked of a list: filter values as typed, keys of the chosen columns (none: the usual ones), the mark
    that the page follows (``after``) or precedes (``before``)."""

    filters: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] = ()
    after: str = ""
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of a list with totals and neighbours."""

    of: ListPage
    columns: tuple[Column, ...]
    rows: Sequence[Any]
    values: Mapping[str, str]
    problems: Mapping[str, str]
    count: int
    totals: Mapping[str, int] = field(default_factory=dict)
    newer: str | None = None
    older: str | None = None

    def acts(self, row: Row[Any]) -> Sequence[Act]:
        """Return the next legal steps of a row."""
        return self.of.acts(row) if self.of.acts is not None else ()

    @property
    def with_acts(self) -> bool:
        """Whether any row of the page has a next step for this person."""
        return any(self.acts(row) for row in self.rows)

    def total(self, column: Column) -> str:
        """Return the sum of a column over all rows that the filters leave, as text."""
        return column.shape(self.totals[column.key]) if column.key in self.totals else ""

    @property
    def told(self) -> str:
        """The filters in force, for print and Excel."""
        words = []
        for filter_ in self.of.filters:
            value = self.values.get(filter_.key, "")
            if value and filter_.kind == "kept":
                words.append(f"{filter_.title}：已限定")
            elif value:
                word = filter_.options().get(value, value) if filter_.kind == "choice" else value
                words.append(f"{filter_.title}：{word}")
        return "；".join(words) or "全部"

    def excel(self, exporter: str) -> bytes:
        """Return the rows as an Excel file; its foot names the filters, the number of rows and the exporter."""
        heads = [spreadsheet.SheetColumn(column.title, column.kind) for column in self.columns]
        rows = [[column.cell(row) for column in self.columns] for row in self.rows]
        cut = f"（仅前 {len(rows):,} 行，共 {self.count:,} 行）" if self.count > len(rows) else ""
        foot = f"条件：{self.told}；{len(rows):,} 行{cut}；导出人：{exporter}；{values.moment(now())}"
        return spreadsheet.workbook(self.of.title, heads, rows, foot, self._summed())

    def sums(self, rows: Sequence[Any]) -> dict[str, int]:
        """Add up the summed columns over some rows, by column key."""
        summed = [column.key for column in self.columns if column.key in self.totals]
        return {key: sum(getattr(row, key) or 0 for row in rows) for key in summed}

    def _summed(self) -> list[spreadsheet.Value]:
        """Return the last row of an Excel file: what its own rows add up to; nothing where no column is summed."""
        sums = self.sums(self.rows)
        if not sums:
            return []
        shown: list[spreadsheet.Value] = [
            None
            if column.key not in sums
            else Decimal(sums[column.key]) / 100
            if column.kind == "money"
            else sums[column.key]
            for column in self.columns
        ]
        if self.columns[0].key not in sums:
            shown[0] = f"合计 {len(self.rows):,} 行"
        return shown


@dataclass(frozen=True, slots=True)
class ListPage:
    """A list. ``order``: columns of the statement that together are unique, biggest first unless ``ascending``; a list
    of computed rows, which is one page, has none.

    ``empty`` says what would be here and how it gets here; ``acts`` gives the next legal steps of a row.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    order: tuple[ColumnElement[Any], ...] = ()
    filters: tuple[Filter, ...] = ()
    empty: str = "没有符合条件的记录。"
    acts: Callable[[Any], Sequence[Act]] | None = None
    ascending: bool = False
    size: int = 50

    @property
    def kept(self) -> tuple[str, ...]:
        """Keys of the filters whose values no address may hold."""
        return tuple(filter_.key for filter_ in self.filters if filter_.kind == "kept")

    def read(self, connection: Connection, statement: Select[Any], query: ListQuery, most: int = 0) -> Listing:
        """Read the rows, totals and neighbours that a query asks for; ``most`` reads so many rows instead of a page.

        ``statement`` selects what may be seen at all (bounded by unit), with labels equal to column keys.
        """
        typed, problems, conditions = self._filtered(query)
        statement = statement.where(*conditions)
        count, totals = self._sums(connection, statement)
        order = Order(self.order, self.ascending)
        page = (
            order.first(connection, statement, most)
            if most
            else order.page(connection, statement, self.size, query.after, query.before)
        )
        return Listing(
            self, self._chosen(query), page.rows, typed, problems, count, totals, newer=page.newer, older=page.older
        )

    def counted(self, connection: Connection, statement: Select[Any], query: ListQuery) -> int:
        """Count the rows that a query leaves: exactly those that the list then shows."""
        _, _, conditions = self._filtered(query)
        inner = statement.where(*conditions).order_by(None).subquery()
        return connection.scalar(select(func.count()).select_from(inner)) or 0

    def computed(self, rows: Sequence[Any], query: ListQuery) -> Listing:
        """Filter rows that were computed and not selected: all of them are one page."""
        typed, problems, conditions = self._filtered(query)
        kept = [] if problems else [row for row in rows if all(condition(row) for condition in conditions)]
        return Listing(self, self._chosen(query), kept, typed, problems, len(kept))

    def _sums(self, connection: Connection, statement: Select[Any]) -> tuple[int, dict[str, int]]:
        inner = statement.order_by(None).subquery()
        sums = [func.sum(inner.c[column.key]).label(f"sum_{column.key}") for column in self.columns if column.total]
        whole = connection.execute(select(func.count().label("rows"), *sums).select_from(inner)).one()
        totals = {key.removeprefix("sum_"): int(value or 0) for key, value in whole._mapping.items() if key != "rows"}
        return whole.rows, totals

    def _filtered(self, query: ListQuery) -> tuple[dict[str, str], dict[str, str], list[Any]]:
        typed: dict[str, str] = {}
        problems: dict[str, str] = {}
        conditions: list[Any] = []
        for filter_ in self.filters:
            text = query.filters.get(filter_.key)
            typed[filter_.key] = text[:100] if text is not None else filter_.default()
            try:
                condition = filter_.condition(typed[filter_.key])
            except ValueError as error:
                problems[filter_.key] = str(error)
                condition = literal(False)
            if condition is not None:
                conditions.append(condition)
        return typed, problems, conditions

    def _chosen(self, query: ListQuery) -> tuple[Column, ...]:
        chosen = tuple(column for column in self.columns if column.key in query.columns)
        return chosen or tuple(column for column in self.columns if column.shown)
