"""Guards against guessing: what somebody tries in vain is counted, strictly by what is tried and generously by place.

An attempt is counted when it begins, so that many at once cannot slip through, and taken back when it turns out right:
right answers never close a way. Each act counts for itself: too many look-ups by number do not close the slip's link.
From one address answers are delayed before any is refused, since a whole hospital may share one.
"""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from portal import audit
from portal.access.limits import Limits, left
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal

AT_ONCE, A_MINUTE, OWN = 50, 60, 10
"""Failures of one act in a minute from one address: so many are answered at once, so many at all, and for the
hospital's own networks so many times as many."""
LONGEST_DELAY = 8.0
GUESSES = 30
"""More refusals in a minute than this, over everybody, are an alarm; told once in ten minutes."""
DELAY: ContextVar[float] = ContextVar("delay", default=0.0)
"""Seconds by which the answer to the present request is delayed; who sends it waits, and holds no thread for that."""
log = structlog.get_logger("qupiao.attempts")


@dataclass(frozen=True, slots=True)
class Guard:
    """How often one thing may be tried in vain: ``most`` times in ``seconds``. ``act`` and ``what`` name the bucket."""

    act: str
    what: str
    most: int
    seconds: int

    def bucket(self, whom: str) -> str:
        """Return the bucket of one thing that is tried."""
        return f"{self.act}.{self.what}:{whom}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that has been counted."""

    limits: Limits
    buckets: tuple[tuple[str, int], ...]

    def right(self) -> None:
        """Take it back: it was no failure."""
        for bucket, seconds in self.buckets:
            self.limits.give_back(bucket, seconds)


def begin(services: Services, limits: Limits, guard: Guard, whom: str, address: str = "") -> Attempt:
    """Count an attempt by address (where one is given) and by what is tried. Raises TRY_LATER; many are an alarm.

    ``whom`` is a keyed digest or an id, ``address`` the caller's network address, of which a keyed hash is counted.
    """
    buckets: list[tuple[str, int]] = []
    if address:
        place = f"{guard.act}.address:{services.index.digest('address', network(address)).hex()[:24]}"
        buckets.append((place, 60))
        _slow_down(services, limits, place, OWN if own(services, address) else 1)
    bucket = guard.bucket(whom)
    buckets.append((bucket, guard.seconds))
    if not limits.hit(bucket, guard.most, guard.seconds):
        raise _refused(services, limits, guard.seconds)
    return Attempt(limits, tuple(buckets))


def _slow_down(services: Services, limits: Limits, place: str, times: int) -> None:
    tried = limits.add(place, 60)
    if tried > A_MINUTE * times:
        raise _refused(services, limits, 60)
    if tried > AT_ONCE * times:
        DELAY.set(min((tried / times - AT_ONCE), LONGEST_DELAY))


def _refused(services: Services, limits: Limits, seconds: int) -> Refusal:
    """Return the refusal; more than :data:`GUESSES` a minute are told to the log of acts."""
    if not limits.hit("find.refused", GUESSES, 60) and limits.hit("find.alarm", 1, 600):
        log.error("patient.guessing", refused_in_a_minute=GUESSES)
        audit.note(services, Actor("system:limits"), "patient.guessing", ("installation", 0))
    return Refusal("TRY_LATER", minutes=left(seconds))


def network(address: str) -> str:
    """Return what is counted as one place: an IPv4 address, the /64 of an IPv6 address (one line has all of it)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def own(services: Services, address: str) -> bool:
    """Return whether an address belongs to the hospital's own networks, behind which many patients stand."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in one for one in services.settings.own)
