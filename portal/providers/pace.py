"""Pacing: at most so many messages a minute to each receiver, the other receivers unhindered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Place:
    """``left`` of the minute's allowance at ``at``; ``line``: until when those that wait have their turns."""

    left: float
    at: float
    line: float = 0.0


class Pace:
    """At most ``most`` a minute for each key, in this process; an allowance of one minute may go at once."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def wait(self, key: str) -> float:
        """Return 0 to go ahead, which uses one up, else the seconds after which to ask again.

        Everybody who waits has a turn of their own, so that a long queue does not ask all at once.
        """
        with self._lock:
            moment = self._clock()
            if len(self._places) > MOST_KNOWN:
                self._places = {name: place for name, place in self._places.items() if place.at > moment - 60}
            place = self._places.setdefault(key, _Place(self._most, moment))
            place.left = min(self._most, place.left + (moment - place.at) * self._most / 60)
            place.at = moment
            if place.left >= 1:
                place.left -= 1
                return 0.0
            place.line = max(place.line, moment) + 60 / self._most
            return place.line - moment
