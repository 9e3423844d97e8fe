"""Deliveries and their attempts as rows: opening, queueing, booking, stopping, and how states follow from attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.engine.channel import Channel, Naming, lane_of
from portal.domain.states.delivery import AttemptState, DeliveryState, Purpose, Step, mask_address
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP, OUTBOX_TASK
from portal.outbox import tasks
from portal.outbox.topics import Topic, topic

NEXT_TOPIC = topic("delivery.next")
WAITING = (AttemptState.QUEUED.value, AttemptState.HELD.value)
"""States of an attempt that nobody has been sent."""
SEND_TOPIC = "delivery.send."
"""Followed by the lane's name."""


def topic_of(channel: str) -> Topic:
    """Return the topic of a channel's messages: each channel has a lane, the push targets have one together."""
    return Topic(f"{SEND_TOPIC}{lane_of(channel)}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order for a delivery.

    ``recipient`` is an address that somebody named, for the one channel of ``steps``; empty: each channel finds the
    patient's own. ``version`` grows when staff or patient ask for the message once more. ``whole``: whoever asks may
    have a bill's list pages and data file.
    """

    unit_id: int
    kind: str
    object_id: int
    purpose: Purpose
    steps: tuple[Step, ...]
    asked_by: str
    recipient: str = ""
    version: int = 1
    whole: bool = False


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless a unique key refuses it; returns whether it is new."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.primary_key.columns))
    insert = make(table).values(values).on_conflict_do_nothing().returning(key)
    return connection.execute(insert).first() is not None


def whom(services: Services, wanted: Wanted) -> bytes:
    """Compute the keyed hash by which a second delivery to the same recipient is recognised."""
    named = wanted.recipient or wanted.purpose is Purpose.NOTICE
    route = wanted.steps[0].channel if named else "patient"
    return services.index.digest("delivery", f"{route}\0{wanted.recipient}")


def open_delivery(services: Services, connection: Connection, wanted: Wanted) -> tuple[int, bool]:
    """Begin a delivery in the caller's transaction; returns its id and whether it is new (else the one there is)."""
    delivery_id, new = add_delivery(services, connection, wanted)
    if new:
        call_next(connection, delivery_id, 0)
    return delivery_id, new


def add_delivery(services: Services, connection: Connection, wanted: Wanted) -> tuple[int, bool]:
    """Write a delivery without beginning it; returns its id and whether it is new (else the one there is)."""
    delivery_id, moment, digest = new_id(), now(), whom(services, wanted)
    sealed = services.cipher.encrypt("delivery.recipient", delivery_id, wanted.recipient) if wanted.recipient else None
    values = {
        "id": delivery_id,
        "unit_id": wanted.unit_id,
        "object_kind": wanted.kind,
        "object_id": wanted.object_id,
        "purpose": wanted.purpose.value,
        "version": wanted.version,
        "recipient": sealed,
        "recipient_digest": digest,
        "policy": [[step.channel, step.wait] for step in wanted.steps],
        "step": 0,
        "state": DeliveryState.OPEN.value,
        "reason": "",
        "asked_by": wanted.asked_by,
        "whole": wanted.whole,
        "created_at": moment,
        "ended_at": None,
    }
    if insert_once(connection, DELIVERY, values):
        return delivery_id, True
    same = select(DELIVERY.c.id).where(
        DELIVERY.c.object_kind == wanted.kind,
        DELIVERY.c.object_id == wanted.object_id,
        DELIVERY.c.purpose == wanted.purpose.value,
        DELIVERY.c.version == wanted.version,
        DELIVERY.c.recipient_digest == digest,
    )
    return int(connection.execute(same).scalar_one()), False


def call_next(connection: Connection, delivery_id: int, step: int, due_at: datetime | None = None) -> None:
    """Queue the task that begins a step, now or at ``due_at``. A task that waits for later is brought forward."""
    key = f"{NEXT_TOPIC}:{delivery_id}:{step}"
    payload = {"delivery": delivery_id, "step": step}
    if not tasks.enqueue(connection, NEXT_TOPIC, key, payload, due_at) and due_at is None:
        connection.execute(
            update(OUTBOX_TASK)
            .where(OUTBOX_TASK.c.key == key, OUTBOX_TASK.c.state == "pending", OUTBOX_TASK.c.leased_by == "")
            .values(due_at=now())
        )
        tasks.wake(connection, NEXT_TOPIC)


def attempts_of(connection: Connection, delivery_id: int) -> Sequence[Any]:
    """Read the attempts of a delivery, in their order."""
    attempts = (
        select(DELIVERY_ATTEMPT)
        .where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
        .order_by(DELIVERY_ATTEMPT.c.step, DELIVERY_ATTEMPT.c.id)
    )
    return connection.execute(attempts).all()


def hold(connection: Connection, delivery_id: int) -> Any:
    """Read and lock a delivery's row to the commit, so that its attempts end one after the other; ``None``: no row."""
    return connection.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id).with_for_update()).one_or_none()


def hold_of_attempt(connection: Connection, attempt_id: int) -> Any:
    """Read and lock the row of the delivery that an attempt belongs to; ``None`` when there is no such attempt."""
    of_attempt = select(DELIVERY_ATTEMPT.c.delivery_id).where(DELIVERY_ATTEMPT.c.id == attempt_id)
    delivery_id = connection.scalar(of_attempt)
    return None if delivery_id is None else hold(connection, delivery_id)


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """A message to queue: the row of its delivery, the step of the order, where it goes and when.

    ``joined_id``: the attempt whose message tells of it, too. ``once``: what happens once, if not this content.
    """

    delivery: Any
    step: int
    channel: Channel
    address: str
    at: datetime
    due_at: datetime
    joined_id: int | None = None
    once: str = ""

    @property
    def effect(self) -> str:
        """What happens once and no more: this content for this address on this channel."""
        if self.once:
            return self.once
        row = self.delivery
        content = (row.object_kind, str(row.object_id), row.purpose, str(row.version))
        return "\0".join((*content, self.channel.name, self.address))


def add_attempt(services: Services, connection: Connection, new: NewAttempt) -> bool:
    """Write an attempt and the task that sends it, unless it has joined another one.

    ``False``: the same content went to the address before.
    """
    attempt_id, name = new_id(), new.channel.name
    ref = f"qp{attempt_id}"
    values = {
        "id": attempt_id,
        "delivery_id": new.delivery.id,
        "step": new.step,
        "channel": name,
        "provider": new.channel.provider,
        "effect": services.index.digest("effect", new.effect),
        "recipient": services.cipher.encrypt("delivery_attempt.recipient", attempt_id, new.address),
        "recipient_digest": services.index.digest(f"recipient.{name}", new.address),
        "masked": mask_address(name, new.address),
        "our_ref": ref,
        "their_ref": new.channel.their_ref(ref) if isinstance(new.channel, Naming) else "",
        "state": (AttemptState.QUEUED if new.joined_id is None else AttemptState.JOINED).value,
        "joined_id": new.joined_id,
        "result_class": "",
        "code": "",
        "message": "",
        "tries": 0,
        "blind": 0,
        "asked": 0,
        "created_at": new.at,
        "sent_at": None,
        "next_at": new.due_at if new.joined_id is None else None,
        "ended_at": None if new.joined_id is None else new.at,
    }
    if not insert_once(connection, DELIVERY_ATTEMPT, values):
        return False
    if new.joined_id is not None:
        return True
    topic = topic_of(name)
    due_at = None if new.due_at == new.at else new.due_at
    tasks.enqueue(connection, topic, f"{topic}:{attempt_id}", {"attempt": attempt_id}, due_at)
    return True


def book(connection: Connection, attempt: Any, until: datetime) -> Any:
    """Book a try, or a question, of an attempt for this worker; ``None`` when another worker was quicker."""
    values: dict[str, Any] = {"state": AttemptState.SENDING.value, "next_at": until}
    asking = attempt.state == AttemptState.ASKING
    values |= {"asked": attempt.asked + 1} if asking else {"tries": attempt.tries + 1}
    if attempt.sent_at is None:
        values["sent_at"] = now()
    unchanged = (
        (DELIVERY_ATTEMPT.c.id == attempt.id)
        & (DELIVERY_ATTEMPT.c.state == attempt.state)
        & (DELIVERY_ATTEMPT.c.tries == attempt.tries)
    )
    booking = update(DELIVERY_ATTEMPT).where(unchanged).values(**values).returning(DELIVERY_ATTEMPT)
    return connection.execute(booking).one_or_none()


def is_stopped(services: Services, connection: Connection, unit_id: int, channel: str, address: str) -> bool:
    """Say whether the person behind an address has stopped the unit's messages on this channel ("不是我")."""
    digest = services.index.digest(f"recipient.{channel}", address)
    stopped = (
        (DELIVERY_STOP.c.unit_id == unit_id)
        & (DELIVERY_STOP.c.channel == channel)
        & (DELIVERY_STOP.c.recipient_digest == digest)
    )
    return connection.scalar(select(DELIVERY_STOP.c.channel).where(stopped)) is not None


def conclude(connection: Connection, row: Any, reason: str = "") -> DeliveryState:
    """Record the state that follows from the attempts of a delivery that :func:`hold` holds; returns it."""
    state = _state(connection, row)
    if state == row.state and not reason:
        return state
    ended = None if state is DeliveryState.OPEN else row.ended_at or now()
    values = {"state": state.value, "ended_at": ended} | ({"reason": reason[:300]} if reason else {})
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(**values))
    return state


ANCHOR = DELIVERY_ATTEMPT.alias("anchor")
WITH_ANCHOR = DELIVERY_ATTEMPT.outerjoin(ANCHOR, ANCHOR.c.id == DELIVERY_ATTEMPT.c.joined_id)
"""Attempts with the one that tells of them, if they have joined another."""


def of_anchor(name: str) -> ColumnElement[Any]:
    """Select a column of an attempt, or of the one that it has joined."""
    return case((ANCHOR.c.id.is_not(None), ANCHOR.c[name]), else_=DELIVERY_ATTEMPT.c[name]).label(name)


_STATES = (
    select(of_anchor("state"), of_anchor("next_at"))
    .select_from(WITH_ANCHOR)
    .where(DELIVERY_ATTEMPT.c.delivery_id == bindparam("delivery"))
)


def _state(connection: Connection, row: Any) -> DeliveryState:
    if row.state == DeliveryState.STOPPED:
        return DeliveryState.STOPPED
    rows = connection.execute(_STATES, {"delivery": row.id}).all()
    states = {AttemptState(one.state) for one in rows}
    if AttemptState.DELIVERED in states:
        return DeliveryState.DONE
    if any(one.state == AttemptState.ACCEPTED and one.next_at is None for one in rows):
        return DeliveryState.SENT  # the channel gives no receipts: more will not be known
    waits = AttemptState.ACCEPTED in states or any(state.active for state in states)
    if waits or row.step < len(row.policy):
        return DeliveryState.OPEN
    for attempt, delivery in (
        (AttemptState.EXPIRED, DeliveryState.SENT),
        (AttemptState.UNCERTAIN, DeliveryState.UNCERTAIN),
        (AttemptState.PARKED, DeliveryState.PARKED),
    ):
        if attempt in states:
            return delivery
    return DeliveryState.STOPPED if states == {AttemptState.STOPPED} else DeliveryState.FAILED


def stop(connection: Connection, row: Any, reason: str) -> None:
    """Cancel the queued attempts of a delivery that :func:`hold` holds. Messages already sent are not affected."""
    if row.state != DeliveryState.OPEN:
        return
    of_delivery = DELIVERY_ATTEMPT.c.delivery_id == row.id
    untold = select(ANCHOR.c.id).where(ANCHOR.c.state.in_(WAITING))
    joined = (DELIVERY_ATTEMPT.c.state == AttemptState.JOINED.value) & DELIVERY_ATTEMPT.c.joined_id.in_(untold)
    unsent = select(DELIVERY_ATTEMPT.c.id).where(of_delivery, DELIVERY_ATTEMPT.c.state.in_(WAITING) | joined)
    for attempt_id in connection.scalars(unsent).all():
        stop_attempt(connection, attempt_id, reason)
    out = connection.scalar(
        select(DELIVERY_ATTEMPT.c.id)
        .where(DELIVERY_ATTEMPT.c.delivery_id == row.id, DELIVERY_ATTEMPT.c.state != AttemptState.STOPPED.value)
        .limit(1)
    )
    ended = {} if out else {"state": DeliveryState.STOPPED.value, "ended_at": now()}
    connection.execute(
        update(DELIVERY).where(DELIVERY.c.id == row.id).values(step=len(row.policy), reason=reason, **ended)
    )
    conclude(connection, hold(connection, row.id))


def stop_attempt(connection: Connection, attempt_id: int, reason: str) -> None:
    """Cancel one attempt that has not been sent; the first that has joined it takes its place."""
    values = {"state": AttemptState.STOPPED.value, "message": reason, "next_at": None, "ended_at": now()}
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == attempt_id).values(**values))
    first = next(iter(joined_to(connection, attempt_id)), None)
    if first is None:
        return
    moment, topic = now(), topic_of(first.channel)
    others = update(DELIVERY_ATTEMPT).where(
        DELIVERY_ATTEMPT.c.joined_id == attempt_id, DELIVERY_ATTEMPT.c.id != first.id
    )
    connection.execute(others.values(joined_id=first.id))
    queued = {"state": AttemptState.QUEUED.value, "joined_id": None, "next_at": moment, "ended_at": None}
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == first.id).values(**queued))
    tasks.enqueue(connection, topic, f"{topic}:{first.id}", {"attempt": first.id})


def joined_to(connection: Connection, attempt_id: int) -> Sequence[Any]:
    """Read the attempts that have joined this one, in their order."""
    joined = (DELIVERY_ATTEMPT.c.joined_id == attempt_id) & (DELIVERY_ATTEMPT.c.state == AttemptState.JOINED.value)
    return connection.execute(select(DELIVERY_ATTEMPT).where(joined).order_by(DELIVERY_ATTEMPT.c.id)).all()


def follow(connection: Connection, attempt_id: int, *, failed: bool) -> None:
    """Record what became of a message for the deliveries that have joined it; ``failed``: their next channel goes."""
    for joined in joined_to(connection, attempt_id):
        delivery = hold(connection, joined.delivery_id)
        if failed and delivery.step < len(delivery.policy):
            call_next(connection, delivery.id, delivery.step)
        else:
            conclude(connection, delivery)
