"""Columns of a list and the next steps at the end of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from portal.core.clock import local
from portal.domain.money import MICRO
from portal.domain.numbers import searchable
from portal.listing import values
from portal.listing.values import State
from portal.rendering.tables import spreadsheet

_SHAPES: dict[str, Callable[..., str]] = {
    "money": values.money,
    "price": lambda micro: values.micro(micro, 2),
    "count": values.count,
    "date": values.day,
    "time": values.moment,
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
        """Return the raw value of a row."""
        return self.value(row) if self.value is not None else getattr(row, self.key)

    def state(self, row: Any) -> State:
        """Return the state of a row, for kind ``state``."""
        value = self.of(row)
        return self.states.get(value) or State(str(value))

    def text(self, row: Any) -> str:
        """Return the value of a row as it is shown."""
        if self.kind == "state":
            return self.state(row).title
        return self.shape(self.of(row))

    def shape(self, value: Any) -> str:
        """Return a raw value as it is shown."""
        shape = _SHAPES.get(self.kind)
        if shape is not None:
            return str(shape(value))
        return "" if value is None else str(value)

    def cell(self, row: Any) -> spreadsheet.Value:
        """Return the value of a row for Excel: yuan as a number, times in the hospital's time, the rest as text.

        Bill numbers are without the gaps for reading, so that a sheet can be searched for them.
        """
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
        return searchable(self.text(row))
