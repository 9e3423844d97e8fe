"""Filters of a list. They stand in addresses; one that takes personal data (a name, a card) is of kind ``kept``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from portal.core.clock import SHANGHAI, business_day, now
from portal.listing.values import State


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. ``kind``: text, date, choice, kept (text that stays on the server).

    ``where`` turns the typed value (a ``date`` for kind date) into a condition, ``None`` for no restriction; it may
    raise ValueError with a Chinese reason. Of a list of rows that were computed (:meth:`ListPage.computed`) a condition
    is a function of a row. ``choices`` maps value → word, or is a function giving that; ``group`` gives the heading
    that a value stands under; ``default`` holds while the address says nothing.
    """

    key: str
    title: str
    where: Callable[[Any], Any]
    kind: str = "text"
    choices: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    default: Callable[[], str] = str
    group: Callable[[str], str] | None = None

    def grouped(self) -> Mapping[str, Mapping[str, str]]:
        """Heading → value → word, headings in the order of their first values; one heading "" without groups."""
        found: dict[str, dict[str, str]] = {}
        for value, word in self.options().items():
            found.setdefault(self.group(value) if self.group is not None else "", {})[value] = word
        return found

    def options(self) -> Mapping[str, str]:
        """Value → word."""
        return self.choices() if callable(self.choices) else self.choices

    def condition(self, text: str) -> Any:
        """Return the condition of a typed value. Raises ValueError."""
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


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def _ago(days: int | None) -> str:
    return "" if days is None else (business_day(now()) - timedelta(days=days)).isoformat()


def day_filters(column: Any, back: int, title: str = "业务日期从") -> tuple[Filter, Filter]:
    """From … to on a day, at first from ``back`` days ago until today."""
    return (
        Filter("from", title, lambda day: column >= day, "date", default=lambda: _ago(back)),
        Filter("to", "到", lambda day: column <= day, "date", default=lambda: _ago(0)),
    )


def moment_filters(column: Any, back: int | None = None, title: str = "日期从") -> tuple[Filter, Filter]:
    """From … to on a moment, by the hospital's day; ``back`` as :func:`day_filters`, ``None``: all time at first."""
    until = None if back is None else 0
    return (
        Filter("from", title, lambda day: column >= _midnight(day), "date", default=lambda: _ago(back)),
        Filter(
            "to",
            "到",
            lambda day: column < _midnight(day) + timedelta(days=1),
            "date",
            default=lambda: _ago(until),
        ),
    )


def state_filter(column: Any, states: Mapping[Any, State]) -> Filter:
    """One of the states."""
    words = {value: state.title for value, state in states.items()}
    return Filter("state", "状态", lambda state: column == state, "choice", choices=words)


def scene_filter(column: Any, scenes: Any, title: str = "业务") -> Filter:
    """One of the scenes, an enumeration with titles."""
    words = {scene.value: scene.title for scene in scenes}
    return Filter("scene", title, lambda scene: column == scene, "choice", choices=words)
