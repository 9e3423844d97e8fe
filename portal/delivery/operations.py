"""Acts of staff on deliveries: sending a dead letter again, resuming a channel."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, select, update

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.engine.deliveries import topic_of
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.delivery import AttemptState, DeliveryState
from portal.models.tables import CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT, OUTBOX_TASK
from portal.outbox import tasks

AGAIN = (AttemptState.DEAD, AttemptState.UNCERTAIN, AttemptState.FAILED, AttemptState.EXPIRED, AttemptState.PARKED)
"""States of attempts that may be sent again: ended, and not certain to have arrived."""
LETTERS = (AttemptState.DEAD, AttemptState.UNCERTAIN)
"""Dead letters: a person must look."""
MOST = 500
KEPT = timedelta(days=90)
"""How long a sealed address is kept after its message's end: for questions and for sending again (PIPL 47)."""


def clean(connection: Connection) -> None:
    """Forget the addresses of messages that ended long ago; the log keeps them masked and as keyed hashes."""
    before = now() - KEPT
    connection.execute(
        update(DELIVERY_ATTEMPT)
        .where(DELIVERY_ATTEMPT.c.ended_at < before, DELIVERY_ATTEMPT.c.recipient.is_not(None))
        .values(recipient=None)
    )
    connection.execute(
        update(DELIVERY).where(DELIVERY.c.ended_at < before, DELIVERY.c.recipient.is_not(None)).values(recipient=None)
    )


def send_again(services: Services, actor: Actor, attempt_ids: list[int]) -> int:
    """Queue ended attempts of the actor's unit again under their old number; return how many. Each is audited.

    An uncertain one may thereby arrive twice: the page says so.
    """
    count = 0
    with services.database.write() as connection:
        for attempt_id in attempt_ids[:MOST]:
            count += _again(connection, actor, attempt_id)
    return count


def _again(connection: Connection, actor: Actor, attempt_id: int) -> int:
    known = DELIVERY_ATTEMPT.c.recipient.is_not(None)  # its address is forgotten in time
    mine = (DELIVERY_ATTEMPT.c.id == attempt_id) & (DELIVERY.c.unit_id == actor.unit_id) & known
    row = connection.execute(
        select(DELIVERY_ATTEMPT.c.delivery_id, DELIVERY_ATTEMPT.c.channel, DELIVERY.c.state)
        .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        .where(mine, DELIVERY_ATTEMPT.c.state.in_([state.value for state in AGAIN]))
    ).one_or_none()
    if row is None or row.state in (DeliveryState.DONE, DeliveryState.STOPPED):
        return 0
    values = {"state": AttemptState.QUEUED.value, "tries": 0, "blind": 0, "asked": 0, "next_at": now()}
    connection.execute(
        update(DELIVERY_ATTEMPT)
        .where(DELIVERY_ATTEMPT.c.id == attempt_id)
        .values(**values, sent_at=None, ended_at=None)
    )
    opened = {"state": DeliveryState.OPEN.value, "ended_at": None}
    connection.execute(update(DELIVERY).where(DELIVERY.c.id == row.delivery_id).values(**opened))
    topic = topic_of(row.channel)
    tasks.enqueue(connection, topic, f"{topic}:{attempt_id}:{new_id()}", {"attempt": attempt_id})
    audit.record(connection, actor, "delivery.sent_again", ("delivery", row.delivery_id), {"attempt": attempt_id})
    return 1


def resume(services: Services, actor: Actor, channel: str) -> None:
    """Resume a channel whose set-up is right again: its queue goes on at once; audited. Raises PAGE_NOT_FOUND."""
    with services.database.write() as connection:
        mine = (CHANNEL_PAUSE.c.unit_id == actor.unit_id) & (CHANNEL_PAUSE.c.channel == channel)
        if not connection.execute(delete(CHANNEL_PAUSE).where(mine)).rowcount:
            raise Refusal("PAGE_NOT_FOUND")
        topic = topic_of(channel)
        waiting = (OUTBOX_TASK.c.topic == topic) & (OUTBOX_TASK.c.state == "pending") & (OUTBOX_TASK.c.leased_by == "")
        held = select(DELIVERY_ATTEMPT.c.id).where(
            DELIVERY_ATTEMPT.c.channel == channel, DELIVERY_ATTEMPT.c.state == AttemptState.HELD.value
        )
        keys = [f"{topic}:{attempt_id}" for attempt_id in connection.scalars(held.limit(MOST))]
        connection.execute(update(OUTBOX_TASK).where(waiting, OUTBOX_TASK.c.key.in_(keys)).values(due_at=now()))
        tasks.wake(connection, topic)
        audit.record(connection, actor, "channel.resumed", ("channel", channel))
