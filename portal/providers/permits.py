"""Calls to outside parties while somebody waits for a page: few at a time, so that a slow party stops no other page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from portal.core.breaker import Breaker
from portal.providers.faults import ChannelFault, FaultKind

_SILENT = (FaultKind.RETRY, FaultKind.UNKNOWN)


class Permits:
    """At most ``most`` of a process's threads wait for outside parties at a time; a silent party is left alone."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._guard = threading.Lock()
        self._breakers: dict[str, Breaker] = {}

    @contextmanager
    def call(self, party: str) -> Iterator[None]:
        """Make one call within the block. Raises ChannelFault at once (RETRY) when all permits are taken, or when the
        party has lately been silent; what the block raises goes through."""
        with self._guard:
            breaker = self._breakers.setdefault(party, Breaker(most=3, pause=5.0))
        if not self._free.acquire(blocking=False):
            raise ChannelFault(party, FaultKind.RETRY, "busy", "all permits for outward calls are taken", 2.0)
        try:
            if pause := breaker.wait():
                raise ChannelFault(party, FaultKind.RETRY, "left_alone", "the party has lately been silent", pause)
            try:
                yield
            except ChannelFault as fault:
                breaker.failed() if fault.kind in _SILENT else breaker.succeeded()
                raise
            breaker.succeeded()
        finally:
            self._free.release()
