"""Measuring, logging and breaking of the calls to one outside party."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from portal.providers.breaker import Breaker
from portal.providers.faults import ChannelFault

_log = structlog.get_logger("qupiao.providers")


@dataclass(slots=True)
class Call:
    """One call in progress. ``outcome`` is a class or code of the party, never its text, which may quote people."""

    outcome: str = "ok"


class Calls:
    """The calls of one process to one party; safe for many threads.

    Each call leaves one line in the log: party, method, milliseconds, outcome. With a breaker the party is left alone
    while it is away; its owner reports each call's success or failure to the breaker, since only it knows which
    answers mean that nobody is there.
    """

    def __init__(self, party: str, breaker: Breaker | None = None) -> None:
        self.party = party
        self.breaker = breaker

    @contextmanager
    def measure(self, method: str) -> Iterator[Call]:
        """Time the call in the block and log it, also when it raises."""
        call, begin = Call(), time.monotonic()
        try:
            yield call
        except ChannelFault as fault:
            call.outcome = f"{fault.kind} {fault.code}"
            raise
        except Exception as error:
            if call.outcome == "ok":
                call.outcome = type(error).__name__
            raise
        finally:
            milliseconds = round((time.monotonic() - begin) * 1000)
            _log.info("provider.call", party=self.party, method=method, ms=milliseconds, outcome=call.outcome)
