"""Values that are read often and change seldom, kept a few seconds in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

FRESH_SECONDS = 5.0
MOST_KNOWN = 1000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Snapshots(Generic[K, V]):
    """What ``load`` says of a key, at most :data:`FRESH_SECONDS` old, so that a change soon counts.

    Older only while the database is away.

    At most :data:`MOST_KNOWN` keys are remembered: keys may come from outside, and an unknown one is remembered too.
    """

    def __init__(self, load: Callable[[K], V]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V:
        """Return the snapshot of ``key``. Two threads that miss it at once both load it: neither waits for the
        other."""
        moment = time.monotonic()
        known = self._known.get(key)
        if known is not None and moment - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            value = self._load(key)
        except SQLAlchemyError:
            if known is None:
                raise
            return known[1]  # better what it was than nothing: a HIS is answered with its own key
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = (moment, value)
        return value
