"""Reads of deliveries for the console: the log, one delivery with its attempts, the channels of the last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from portal.core.clock import SHANGHAI
from portal.delivery.operations import LETTERS
from portal.domain.errors import Refusal
from portal.domain.states.delivery import AttemptState
from portal.models.tables import BILL, CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP

GOOD = (AttemptState.DELIVERED, AttemptState.ACCEPTED, AttemptState.EXPIRED, AttemptState.JOINED)
BAD = (AttemptState.FAILED, AttemptState.DEAD, AttemptState.UNCERTAIN)
DEAD_LETTERS = "letters"
"""The value of the filter by state that stands for every state of a dead letter."""

# --- the log ------------------------------------------------------------------------------------------------------

_LOGGED = (
    "id",
    "delivery_id",
    "channel",
    "masked",
    "state",
    "tries",
    "code",
    "message",
    "created_at",
    "ended_at",
    "read_at",
    "our_ref",
    "their_ref",
)


def deliveries(unit_id: int) -> Select[Any]:
    """Select every attempt of a unit with the purpose and the object of its delivery; addresses are masked."""
    of_bill = and_(DELIVERY.c.object_kind == "bill", BILL.c.id == DELIVERY.c.object_id)
    joined = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id).outerjoin(BILL, of_bill)
    attempt = [DELIVERY_ATTEMPT.c[name] for name in _LOGGED]
    about = (DELIVERY.c.purpose, DELIVERY.c.object_kind, DELIVERY.c.object_id, BILL.c.bill_code, BILL.c.number)
    return select(*attempt, *about).select_from(joined).where(DELIVERY.c.unit_id == unit_id)


def begun_from(day: date) -> ColumnElement[bool]:
    """Filter attempts that began on a day of the hospital or later."""
    return DELIVERY_ATTEMPT.c.created_at >= _midnight(day)


def begun_until(day: date) -> ColumnElement[bool]:
    """Filter attempts that began on a day of the hospital or earlier."""
    return DELIVERY_ATTEMPT.c.created_at < _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def on_channel(name: str) -> ColumnElement[bool]:
    """Filter attempts by their channel."""
    return DELIVERY_ATTEMPT.c.channel == name


def for_purpose(purpose: str) -> ColumnElement[bool]:
    """Filter attempts by the purpose of their delivery."""
    return DELIVERY.c.purpose == purpose


def in_state(value: str) -> ColumnElement[bool]:
    """Filter attempts by their state, or the dead letters."""
    if value == DEAD_LETTERS:
        return DELIVERY_ATTEMPT.c.state.in_([state.value for state in LETTERS])
    return DELIVERY_ATTEMPT.c.state == value


def with_reference(text: str) -> ColumnElement[bool]:
    """Filter attempts by our number or the provider's."""
    return (DELIVERY_ATTEMPT.c.our_ref == text) | (DELIVERY_ATTEMPT.c.their_ref == text)


# --- one delivery -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """A delivery. ``policy`` is ``[[channel, seconds to wait], …]``."""

    id: int
    object_kind: str
    object_id: int
    purpose: str
    policy: list[list[Any]]
    state: str
    reason: str
    asked_by: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """An attempt of a delivery; the address is masked."""

    id: int
    channel: str
    masked: str
    our_ref: str
    their_ref: str
    state: str
    code: str
    message: str
    tries: int
    blind: int
    sent_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class BillName:
    """Code and number of a bill."""

    bill_code: str
    number: int


_DELIVERY = select(*(DELIVERY.c[name] for name in DeliveryFacts.__slots__))
_ATTEMPT = select(*(DELIVERY_ATTEMPT.c[name] for name in AttemptFacts.__slots__))


def delivery(connection: Connection, unit_id: int, delivery_id: int) -> DeliveryFacts:
    """Return a delivery of a unit. Raises PAGE_NOT_FOUND."""
    of_unit = (DELIVERY.c.id == delivery_id) & (DELIVERY.c.unit_id == unit_id)
    row = connection.execute(_DELIVERY.where(of_unit)).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return DeliveryFacts(*row)


def attempts(connection: Connection, delivery_id: int) -> list[AttemptFacts]:
    """Return the attempts of a delivery, in their order."""
    of_delivery = _ATTEMPT.where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
    in_order = of_delivery.order_by(DELIVERY_ATTEMPT.c.step, DELIVERY_ATTEMPT.c.id)
    return [AttemptFacts(*row) for row in connection.execute(in_order)]


def stopped_attempts(connection: Connection, delivery_id: int) -> frozenset[int]:
    """Return the attempts of a delivery whose receivers have said that they are somebody else (不是我)."""
    stopped = select(DELIVERY_STOP.c.attempt_id).join(
        DELIVERY_ATTEMPT, DELIVERY_ATTEMPT.c.id == DELIVERY_STOP.c.attempt_id
    )
    return frozenset(connection.scalars(stopped.where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)))


def bill_of(connection: Connection, of: DeliveryFacts) -> BillName | None:
    """Return the bill that a delivery is about; ``None`` when it is about something else."""
    if of.object_kind != "bill":
        return None
    row = connection.execute(select(BILL.c.bill_code, BILL.c.number).where(BILL.c.id == of.object_id)).one_or_none()
    return None if row is None else BillName(*row)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message about a bill on one channel; the address is masked. ``reason``: of a delivery without any message, why
    nothing was sent."""

    delivery_id: int
    purpose: str
    created_at: datetime
    asked_by: str
    reason: str
    channel: str | None
    masked: str | None
    state: str | None
    message: str | None
    read_at: datetime | None


_SENT = (
    select(
        DELIVERY.c.id,
        DELIVERY.c.purpose,
        DELIVERY.c.created_at,
        DELIVERY.c.asked_by,
        DELIVERY.c.reason,
        *(DELIVERY_ATTEMPT.c[name] for name in ("channel", "masked", "state", "message", "read_at")),
    )
    .select_from(DELIVERY.outerjoin(DELIVERY_ATTEMPT, DELIVERY_ATTEMPT.c.delivery_id == DELIVERY.c.id))
    .where(DELIVERY.c.object_kind == "bill", DELIVERY.c.object_id == bindparam("bill"))
    .order_by(DELIVERY.c.created_at.desc(), DELIVERY_ATTEMPT.c.step, DELIVERY_ATTEMPT.c.id)
)


def sent_about(connection: Connection, bill_id: int, most: int = 50) -> list[Sent]:
    """Return the newest messages about a bill, those of one delivery in their order."""
    return [Sent(*row) for row in connection.execute(_SENT.limit(most), {"bill": bill_id})]


@dataclass(frozen=True, slots=True)
class AttemptPlace:
    """Where an attempt belongs."""

    channel: str
    delivery_id: int


def attempt_place(connection: Connection, unit_id: int, attempt_id: int) -> AttemptPlace:
    """Return channel and delivery of an attempt of a unit. Raises PAGE_NOT_FOUND."""
    row = connection.execute(
        select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.delivery_id)
        .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        .where(DELIVERY_ATTEMPT.c.id == attempt_id, DELIVERY.c.unit_id == unit_id)
    ).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return AttemptPlace(*row)


# --- channels -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """A channel that stands still because its set-up is wrong."""

    channel: str
    code: str
    reason: str
    since: datetime


_PAUSE = select(*(CHANNEL_PAUSE.c[name] for name in Pause.__slots__))


def pauses(connection: Connection, unit_id: int) -> dict[str, Pause]:
    """Return the pauses of a unit, by channel."""
    paused = [Pause(*row) for row in connection.execute(_PAUSE.where(CHANNEL_PAUSE.c.unit_id == unit_id))]
    return {pause.channel: pause for pause in paused}


def channel_counts(connection: Connection, unit_id: int, since: datetime) -> dict[str, dict[str, int]]:
    """Count the attempts of a unit by channel, then by what became of them: ``good``, ``bad`` or still ``open``."""
    counted = (
        select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state, func.count())
        .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        .where(DELIVERY.c.unit_id == unit_id, DELIVERY_ATTEMPT.c.created_at >= since)
        .group_by(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for channel, state, count in connection.execute(counted):
        result = "good" if state in GOOD else "bad" if state in BAD else "open"
        of_channel = counts.setdefault(channel, {})
        of_channel[result] = of_channel.get(result, 0) + count
    return counts
