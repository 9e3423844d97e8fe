"""Lists: columns, filters kept in the address, totals, paging by key, column choice, Excel and print (features §3).

A list is declared once and answers with :meth:`ListPage.respond`. Filters stand in addresses, so none of them may
take personal data (a name, a card): those go through the search box, which posts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Response, request, url_for
from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, tuple_

from admin.kit import export_reasons
from admin.kit import values as kit_values
from admin.kit.shell import current_actor, current_staff, page
from admin.kit.values import State
from portal import audit
from portal.core.clock import local, now
from portal.domain.money import MICRO
from portal.rendering.tables import spreadsheet
from portal.web.edge import services

EXCEL_ROWS = 20_000
PRINT_ROWS = 2_000


_SHAPES: dict[str, Callable[..., str]] = {
    "money": kit_values.money,
    "price": lambda micro: kit_values.micro(micro, 2),
    "count": kit_values.count,
    "date": kit_values.day,
    "time": kit_values.moment,
}


class Act(NamedTuple):
    """A next legal step at the end of a row: its verb and the page that does it. ``main``: the usual one."""

    title: str
    href: str
    main: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``kind``: text, money (fen), count, date, time, state, number (shown in fixed-width figures).

    ``value`` takes the row (default: its attribute ``key``); ``link`` may give an address; ``states`` names the
    words of kind ``state``; ``total``: summed below, needs a column of that name in the statement;
    ``shown``: whether it is there before anybody chooses columns.
    """

    key: str
    title: str
    kind: str = "text"
    value: Callable[[Any], Any] | None = None
    link: Callable[[Any], str | None] | None = None
    states: Mapping[Any, State] = field(default_factory=dict)
    total: bool = False
    shown: bool = True

    def of(self, row: Any) -> Any:
        """The raw value of a row."""
        return self.value(row) if self.value is not None else getattr(row, self.key)

    def state(self, row: Any) -> State:
        """The state of a row, for kind ``state``."""
        value = self.of(row)
        return self.states.get(value) or State(str(value))

    def text(self, row: Any) -> str:
        """The value of a row as it is shown."""
        if self.kind == "state":
            return self.state(row).title
        return self.shape(self.of(row))

    def shape(self, value: Any) -> str:
        """A raw value as it is shown."""
        shape = _SHAPES.get(self.kind)
        if shape is not None:
            return str(shape(value))
        return "" if value is None else str(value)

    def cell(self, row: Any) -> spreadsheet.Value:
        """The value of a row for Excel: yuan as a number, times in the hospital's time, the rest as text."""
        value = self.of(row)
        if value is None:
            return None
        if self.kind == "money":
            return Decimal(value) / 100
        if self.kind == "price":
            return Decimal(value) / MICRO
        if self.kind in ("time", "date") and isinstance(value, datetime):
            return local(value) if self.kind == "time" else local(value).date()
        if self.kind in ("count", "date"):
            return value  # type: ignore[no-any-return]
        return self.text(row)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. ``kind``: text, date, choice. ``where`` turns the typed value (a ``date`` for kind date) into a
    condition, ``None`` for no restriction; it may raise ValueError with a Chinese reason. Of a list of rows that were
    computed (:meth:`ListPage.show`) a condition is a function of a row. ``choices`` maps value → word, or is a
    function giving that; ``default`` holds while the address says nothing."""

    key: str
    title: str
    where: Callable[[Any], Any]
    kind: str = "text"
    choices: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    default: Callable[[], str] = str

    def options(self) -> Mapping[str, str]:
        """Value → word."""
        return self.choices() if callable(self.choices) else self.choices

    def condition(self, text: str) -> Any:
        """The condition of a typed value. Raises ValueError."""
        text = text.strip()
        if not text:
            return None
        if self.kind == "date":
            try:
                return self.where(_day(text))
            except ValueError:
                raise ValueError(f"{self.title}请写成 2026-11-24 的样子") from None
        if self.kind == "choice" and text not in self.options():
            raise ValueError(f"{self.title}没有这个选项")
        return self.where(text)


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not 1970 <= day.year <= 2200:  # a moment of such a day must be a moment in UTC and in every database
        raise ValueError(text)
    return day


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, ready for the template."""

    of: ListPage
    columns: tuple[Column, ...]
    rows: Sequence[Any]
    values: Mapping[str, str]
    problems: Mapping[str, str]
    count: int
    totals: Mapping[str, int]
    newer: str | None
    older: str | None

    def address(self, **changes: str | None) -> str:
        """This page's address with other parameters; ``None`` drops one."""
        kept = {key: value for key, value in request.args.items(multi=True) if key not in (*changes, "cols")}
        chosen = {"cols": request.args.getlist("cols")} if request.args.getlist("cols") else {}
        arguments: dict[str, Any] = kept | chosen | {key: value for key, value in changes.items() if value is not None}
        return url_for(request.endpoint or "", **(request.view_args or {}), **arguments)

    def acts(self, row: Row[Any]) -> Sequence[Act]:
        """The next legal steps of a row."""
        return self.of.acts(row) if self.of.acts is not None else ()

    @property
    def with_acts(self) -> bool:
        """Whether any row of the page has a next step for this person."""
        return any(self.acts(row) for row in self.rows)

    def total(self, column: Column) -> str:
        """The sum of a column over all rows that the filters leave."""
        return column.shape(self.totals[column.key]) if column.key in self.totals else ""

    @property
    def told(self) -> str:
        """The filters in force, for print and Excel."""
        said = []
        for one in self.of.filters:
            value = self.values.get(one.key, "")
            if value:
                said.append(f"{one.title}：{one.options().get(value, value) if one.kind == 'choice' else value}")
        return "；".join(said) or "全部"


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

    def respond(self, statement: Select[Any], template: str = "kit/list.html", **values: Any) -> Response:
        """Answer the request: the page, or the same rows as Excel (``format=xlsx``) or for print (``format=print``).

        ``statement`` selects what the person may see at all (bounded by unit), with labels equal to column keys.
        """
        form = request.args.get("format", "")
        with services().database.read() as connection:
            listing = self.read(connection, statement, {"xlsx": EXCEL_ROWS, "print": PRINT_ROWS}.get(form, 0))
        return self._answer(listing, template, values)

    def show(self, rows: Sequence[Any], template: str, **values: Any) -> Response:
        """The same for rows that were computed and not selected: all of them are one page of ``template``."""
        typed, problems, conditions = self._filtered()
        kept = [] if problems else [row for row in rows if all(condition(row) for condition in conditions)]
        listing = Listing(self, self._chosen(), kept, typed, problems, len(kept), {}, None, None)
        return self._answer(listing, template, values)

    def _answer(self, listing: Listing, template: str, values: Mapping[str, Any]) -> Response:
        form = request.args.get("format", "")
        if form in ("xlsx", "print"):
            return self._taken_out(listing, form)
        return page(template, listing=listing, title=self.title, **values)

    def read(self, connection: Connection, statement: Select[Any], most: int = 0) -> Listing:
        """The rows, totals and neighbours for the present address; ``most`` reads so many instead of one page."""
        values, problems, conditions = self._filtered()
        statement = statement.where(*conditions)
        columns = self._chosen()
        inner = statement.order_by(None).subquery()
        sums = [func.sum(inner.c[column.key]).label(f"sum_{column.key}") for column in self.columns if column.total]
        whole = connection.execute(select(func.count().label("rows"), *sums).select_from(inner)).one()
        totals = {key.removeprefix("sum_"): int(value or 0) for key, value in whole._mapping.items() if key != "rows"}
        rows, newer, older = self._page(connection, statement, most)
        return Listing(self, columns, rows, values, problems, whole.rows, totals, newer, older)

    def _filtered(self) -> tuple[dict[str, str], dict[str, str], list[Any]]:
        values: dict[str, str] = {}
        problems: dict[str, str] = {}
        conditions: list[Any] = []
        for one in self.filters:
            values[one.key] = request.args[one.key][:100] if one.key in request.args else one.default()
            try:
                condition = one.condition(values[one.key])
            except ValueError as error:
                problems[one.key] = str(error)
                condition = literal(False)
            if condition is not None:
                conditions.append(condition)
        return values, problems, conditions

    def _chosen(self) -> tuple[Column, ...]:
        wanted = request.args.getlist("cols")
        chosen = tuple(column for column in self.columns if column.key in wanted)
        return chosen or tuple(column for column in self.columns if column.shown)

    def _page(
        self, connection: Connection, statement: Select[Any], most: int
    ) -> tuple[list[Row[Any]], str | None, str | None]:
        keyed = statement.add_columns(*(column.label(f"key_{place}") for place, column in enumerate(self.order)))
        if most:
            return list(connection.execute(keyed.order_by(*self._sorted(False)).limit(most))), None, None
        back = "before" in request.args
        cursor = self._cursor(request.args.get("before" if back else "after", ""))
        if cursor is not None:
            keyed = keyed.where(self._beyond(cursor, back))
        rows = list(connection.execute(keyed.order_by(*self._sorted(back)).limit(self.size + 1)))
        more, rows = len(rows) > self.size, rows[: self.size]
        if back and cursor is not None:
            rows.reverse()
            return rows, self._mark(rows[0]) if more and rows else None, self._mark(rows[-1]) if rows else None
        newer = self._mark(rows[0]) if cursor is not None and rows else None
        return rows, newer, self._mark(rows[-1]) if more else None

    def _sorted(self, back: bool) -> list[ColumnElement[Any]]:
        up = self.ascending != back
        return [column.asc() if up else column.desc() for column in self.order]

    def _beyond(self, cursor: list[Any], back: bool) -> ColumnElement[bool]:
        typed = tuple_(*(literal(value, column.type) for value, column in zip(cursor, self.order, strict=True)))
        place = tuple_(*self.order)
        return place > typed if self.ascending != back else place < typed

    def _mark(self, row: Row[Any]) -> str:
        parts = [row._mapping[f"key_{place}"] for place in range(len(self.order))]
        plain = [part.isoformat() if isinstance(part, date) else part for part in parts]
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")

    def _cursor(self, text: str) -> list[Any] | None:
        """The place that an address names; ``None`` for none and for one that was tampered with."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            kinds = [column.type.python_type for column in self.order]
            found = [_typed(kind, part) for kind, part in zip(kinds, parts, strict=True)]
        except (ValueError, TypeError):
            return None
        return found

    def _taken_out(self, listing: Listing, form: str) -> Response:
        """All rows as a file or for print: logged, and many of them not without a reason."""
        said = export_reasons.granted(len(listing.rows))
        if said is None:
            return export_reasons.ask(self.title, len(listing.rows))
        actor, action = current_actor(), export_reasons.DONE if said else "list.exported"
        details = {"rows": len(listing.rows), "form": form, "filters": dict(listing.values)}
        audit.note(services(), actor, action, ("list", self.name), details | ({"explained": said} if said else {}))
        return self._excel(listing) if form == "xlsx" else page("kit/print.html", listing=listing, printed_at=now())

    def _excel(self, listing: Listing) -> Response:
        heads = [spreadsheet.SheetColumn(column.title, column.kind) for column in listing.columns]
        rows = [[column.cell(row) for column in listing.columns] for row in listing.rows]
        cut = f"（仅前 {EXCEL_ROWS} 行，共 {listing.count} 行）" if listing.count > EXCEL_ROWS else ""
        foot = f"条件：{listing.told}；{len(rows)} 行{cut}；导出人：{current_staff().name}；{kit_values.moment(now())}"
        data = spreadsheet.workbook(self.title, heads, rows, foot)
        response = Response(data, mimetype=spreadsheet.MIMETYPE)
        response.headers.set("Content-Disposition", "attachment", filename=f"{self.name}-{kit_values.day(now())}.xlsx")
        return response


def _typed(kind: type, part: Any) -> Any:
    if issubclass(kind, datetime):
        return datetime.fromisoformat(part).astimezone()
    if issubclass(kind, date):
        return date.fromisoformat(part)
    if not isinstance(part, kind) or isinstance(part, bool):
        raise ValueError("a cursor of another list")
    if isinstance(part, int) and not -(2**63) <= part < 2**63:
        raise ValueError("out of range")
    return part
