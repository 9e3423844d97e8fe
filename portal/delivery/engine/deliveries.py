"""The rows of deliveries: opening one, its attempts, and how its state follows from theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.engine.channel import lane_of
from portal.domain.delivery import AttemptState, DeliveryState, Purpose, Step
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT, OUTBOX_TASK
from portal.outbox import tasks
from portal.outbox.topics import Topic, topic

NEXT_TOPIC = topic("delivery.next")
SEND_TOPIC = "delivery.send."
"""Followed by the lane's name."""


def topic_of(channel: str) -> Topic:
    """Return the topic of a channel's messages: each channel has a lane, the push targets have one together."""
    return Topic(f"{SEND_TOPIC}{lane_of(channel)}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A delivery that is asked for. ``recipient``: an address that somebody named, for the one channel of ``steps``;
    empty: each channel finds the patient's own. ``version`` grows when staff or patient ask for it once more."""

    unit_id: int
    kind: str
    object_id: int
    purpose: Purpose
    steps: tuple[Step, ...]
    asked_by: str
    recipient: str = ""
    version: int = 1


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert unless a unique key refuses; returns whether it is new."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    first = list(table.primary_key.columns)[0]
    made = make(table).values(values).on_conflict_do_nothing().returning(first)
    return connection.execute(made).first() is not None


def whom(services: Services, wanted: Wanted) -> bytes:
    """The keyed hash under which the recipient of a delivery is one."""
    named = wanted.recipient or wanted.purpose is Purpose.NOTICE
    route = wanted.steps[0].channel if named else "patient"
    return services.index.digest("delivery", f"{route}\0{wanted.recipient}")


def open_delivery(services: Services, connection: Connection, wanted: Wanted) -> tuple[int, bool]:
    """Begin a delivery in the caller's transaction; returns its id and whether it is new (else the one there is)."""
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
        "created_at": moment,
        "ended_at": None,
    }
    if insert_once(connection, DELIVERY, values):
        call_next(connection, delivery_id, 0)
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
    """Have the step begin, now or at ``due_at``; a call that waits for a later time is brought forward."""
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
    """The attempts of a delivery, in their order."""
    found = (
        select(DELIVERY_ATTEMPT)
        .where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
        .order_by(DELIVERY_ATTEMPT.c.step, DELIVERY_ATTEMPT.c.id)
    )
    return connection.execute(found).all()


def hold(connection: Connection, delivery_id: int) -> Any:
    """The delivery's row, locked to the commit: its attempts end one after the other. ``None`` when there is none."""
    return connection.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id).with_for_update()).one_or_none()


def conclude(connection: Connection, row: Any, reason: str = "") -> DeliveryState:
    """Write down what the attempts make of a delivery that :func:`hold` holds; returns its state."""
    state = _state(connection, row)
    if state == row.state and not reason:
        return state
    ended = None if state is DeliveryState.OPEN else row.ended_at or now()
    values = {"state": state.value, "ended_at": ended} | ({"reason": reason[:300]} if reason else {})
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == row.id).values(**values))
    return state


def _state(connection: Connection, row: Any) -> DeliveryState:
    if row.state == DeliveryState.STOPPED:
        return DeliveryState.STOPPED
    rows = connection.execute(
        select(DELIVERY_ATTEMPT.c.state, DELIVERY_ATTEMPT.c.next_at).where(DELIVERY_ATTEMPT.c.delivery_id == row.id)
    ).all()
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
    waiting = [state.value for state in (AttemptState.QUEUED, AttemptState.HELD)]
    values = {"state": AttemptState.STOPPED.value, "message": reason, "next_at": None, "ended_at": now()}
    connection.execute(
        update(DELIVERY_ATTEMPT)
        .where(DELIVERY_ATTEMPT.c.delivery_id == row.id, DELIVERY_ATTEMPT.c.state.in_(waiting))
        .values(**values)
    )
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
    """Cancel one attempt that has not been sent."""
    values = {"state": AttemptState.STOPPED.value, "message": reason, "next_at": None, "ended_at": now()}
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == attempt_id).values(**values))
