"""Paging by key: a page is found by the last row of the one before, however long the list is."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, literal, tuple_


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page; ``newer`` and ``older`` mark the pages before and after, None where there is none."""

    rows: list[Row[Any]]
    newer: str | None = None
    older: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Columns that together are unique, biggest first unless ``ascending``."""

    columns: tuple[ColumnElement[Any], ...]
    ascending: bool = False

    def first(self, connection: Connection, statement: Select[Any], most: int) -> Page:
        """Read the first ``most`` rows."""
        return Page(list(connection.execute(self._keyed(statement).order_by(*self._sorted(False)).limit(most))))

    def page(self, connection: Connection, statement: Select[Any], size: int, after: str, before: str | None) -> Page:
        """Read the page after or before a mark; the first page without one or for one that was tampered with."""
        back = before is not None
        cursor = self._cursor(before or "" if back else after)
        keyed = self._keyed(statement)
        if cursor is not None:
            keyed = keyed.where(self._beyond(cursor, back))
        rows = list(connection.execute(keyed.order_by(*self._sorted(back)).limit(size + 1)))
        more, rows = len(rows) > size, rows[:size]
        if back and cursor is not None:
            rows.reverse()
            newer = self._mark(rows[0]) if more and rows else None
            return Page(rows, newer, self._mark(rows[-1]) if rows else None)
        newer = self._mark(rows[0]) if cursor is not None and rows else None
        return Page(rows, newer, self._mark(rows[-1]) if more else None)

    def _keyed(self, statement: Select[Any]) -> Select[Any]:
        return statement.add_columns(*(column.label(f"key_{place}") for place, column in enumerate(self.columns)))

    def _sorted(self, back: bool) -> list[ColumnElement[Any]]:
        up = self.ascending != back
        return [column.asc() if up else column.desc() for column in self.columns]

    def _beyond(self, cursor: list[Any], back: bool) -> ColumnElement[bool]:
        typed = tuple_(*(literal(value, column.type) for value, column in zip(cursor, self.columns, strict=True)))
        place = tuple_(*self.columns)
        return place > typed if self.ascending != back else place < typed

    def _mark(self, row: Row[Any]) -> str:
        parts = [row._mapping[f"key_{place}"] for place in range(len(self.columns))]
        plain = [part.isoformat() if isinstance(part, date) else part for part in parts]
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")

    def _cursor(self, text: str) -> list[Any] | None:
        """Return the place that an address names; ``None`` for none and for one that was tampered with."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            kinds = [column.type.python_type for column in self.columns]
            found = [_typed(kind, part) for kind, part in zip(kinds, parts, strict=True)]
        except (ValueError, TypeError):
            return None
        return found


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
