"""Schedules of periodic tasks: at an interval, or once a day in the hospital's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from portal.core.clock import local


@dataclass(frozen=True, slots=True)
class Every:
    """Once in each interval of so many seconds."""

    seconds: int

    def slot(self, moment: datetime) -> int:
        """Return the number of the interval that ``moment`` lies in."""
        return int(moment.timestamp()) // self.seconds


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day from a time of the hospital's day on, such as ``01:00``.

    A worker that was off at that time makes up for it when it starts; of several missed days only the last one.
    """

    at: str

    def __post_init__(self) -> None:
        time.fromisoformat(self.at)  # a mistyped time fails at start

    def slot(self, moment: datetime) -> str:
        """Return the hospital day whose turn came last before ``moment``, as ``2026-11-30``."""
        clock = local(moment)
        turn = clock.date() if clock.time() >= time.fromisoformat(self.at) else clock.date() - timedelta(days=1)
        return turn.isoformat()


Schedule = Every | Daily
