"""A breaker: a party that is down is left alone, so that tasks wait without each spending a time-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Opens after ``most`` failures in a row; then one call per pause is let through to see whether it is back.

    Pauses double up to ``longest`` seconds. Per process: each worker finds out for itself, which costs ``most`` calls.
    """

    def __init__(
        self,
        most: int = 5,
        pause: float = 2.0,
        longest: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._first, self._longest = most, pause, longest
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def wait(self) -> float:
        """Return 0 to go ahead, else the seconds until the next probe. Going ahead while open books the probe."""
        with self._lock:
            moment = self._clock()
            if self._failures < self._most:
                return 0.0
            if moment < self._until:
                return self._until - moment
            self._until = moment + self._pause()
            return 0.0

    def succeeded(self) -> None:
        """Note that it answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> bool:
        """Note that it did not answer; returns whether this failure opened the breaker."""
        with self._lock:
            self._failures += 1
            self._until = self._clock() + self._pause()
            return self._failures == self._most

    def _pause(self) -> float:
        return float(min(self._first * 2 ** min(max(self._failures - self._most, 0), 10), self._longest))
