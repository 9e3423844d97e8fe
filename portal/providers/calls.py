"""Measuring, logging and breaking of the calls to one outside party."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from portal.core.breaker import Breaker
from portal.domain.states.delivery import Result
from portal.providers.faults import ChannelFault

_log = structlog.get_logger("qupiao.providers")


@dataclass(slots=True)
class ProviderCall:
    """One call in progress. ``outcome`` is a class or code, never the party's text, which may quote people; ``away``
    says that nobody usable answered."""

    outcome: str = "ok"
    away: bool = False

    def ended(self, result: Result) -> None:
        """Take the outcome from the result of a message."""
        self.outcome = f"{type(result).__name__.lower()} {getattr(result, 'code', '')}".strip()


class Calls:
    """The calls of one process to one party; safe for many threads.

    Each call leaves one line in the log: party, method, milliseconds, outcome. With a breaker the party is left alone
    after several calls in a row that found nobody: who calls asks for the pause first.
    """

    def __init__(self, party: str, breaker: Breaker | None = None) -> None:
        self.party = party
        self._breaker = breaker

    def pause(self) -> float:
        """Return the seconds until the party may be called again, 0 to go ahead. Going ahead books a probe."""
        return self._breaker.wait() if self._breaker else 0.0

    @contextmanager
    def measure(self, method: str) -> Iterator[ProviderCall]:
        """Time the call in the block, log it and tell the breaker, also when it raises."""
        call, begin, answered = ProviderCall(), time.monotonic(), False
        try:
            yield call
            answered = True
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
            self._tell_breaker(call, answered)

    def _tell_breaker(self, call: ProviderCall, answered: bool) -> None:
        if self._breaker is None:
            return
        if call.away:
            if self._breaker.failed():
                _log.error("provider.away", party=self.party, outcome=call.outcome)
        elif answered:
            self._breaker.succeeded()
