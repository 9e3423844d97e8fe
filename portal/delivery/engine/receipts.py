"""Receipts and bounces of providers, and giving up the wait for them (text message 72 h, template message 24 h)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.channel import CODES
from portal.delivery.engine.deliveries import call_next, conclude, follow, hold
from portal.domain.states.delivery import AttemptState
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic

log = structlog.get_logger("qupiao.delivery")

SWEEP_TOPIC = topic("delivery.sweep")
SWEEP_EVERY = 60
_MOST = 500
_APART = timedelta(days=1)
_OPEN = tuple(
    state.value
    for state in (
        AttemptState.SENDING,
        AttemptState.ASKING,
        AttemptState.QUEUED,
        AttemptState.ACCEPTED,
        AttemptState.EXPIRED,
        AttemptState.UNCERTAIN,
    )
)
"""States that a receipt may still change; an attempt that has ended well or was refused keeps its state."""
_OF_PROVIDER = {"sms": ("sms", CODES)}
"""Channels whose receipts arrive at one address."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of one message, named by our number ``ref`` or by its own."""

    channel: str
    good: bool
    """Off: it did not arrive (a bounce), the next channel begins."""
    ref: str = ""
    their_ref: str = ""
    code: str = ""
    text: str = ""
    """The provider's words, without personal data."""
    read: bool = False
    """Its person has read it."""
    unit_id: int | None = None
    """Whose messages the sender may speak of, where it is not one for all."""


def receive(services: Services, receipt: Receipt) -> bool:
    """Take in a receipt. Returns whether its message is known. The same receipt again changes nothing."""
    return services.database.act(lambda connection: receive_on(connection, receipt))


def receive_on(connection: Connection, receipt: Receipt) -> bool:
    """Take in a receipt as :func:`receive` does, in the caller's transaction."""
    known, good = _find(connection, receipt), receipt.good
    if known is None:
        log.warning("delivery.receipt_unknown", channel=receipt.channel)
        return False
    if receipt.read:
        unread = (DELIVERY_ATTEMPT.c.id == known.id) & DELIVERY_ATTEMPT.c.read_at.is_(None)
        connection.execute(update(DELIVERY_ATTEMPT).where(unread).values(read_at=now()))
    delivery = hold(connection, known.delivery_id)
    attempt = connection.execute(select(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == known.id)).one()
    late_bounce = not good and attempt.state == AttemptState.DELIVERED.value and attempt.result_class != "receipt"
    if attempt.state not in _OPEN and not late_bounce:
        return True
    state = AttemptState.DELIVERED if good else AttemptState.FAILED
    values: dict[str, Any] = {"state": state.value, "result_class": "receipt", "next_at": None, "ended_at": now()}
    values |= {"code": receipt.code[:60], "message": receipt.text[:300]}
    values |= {"their_ref": receipt.their_ref[:80]} if receipt.their_ref else {}
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == known.id).values(**values))
    if not good and delivery.step < len(delivery.policy):
        call_next(connection, delivery.id, delivery.step)
    conclude(connection, delivery)
    follow(connection, known.id, failed=not good)
    return True


def receive_nearest_on(
    services: Services, connection: Connection, receipt: Receipt, address: str, at: datetime
) -> bool:
    """Take in a receipt of a provider that told no number when it took the message.

    It is for the message to ``address`` whose try began nearest to ``at``. The same receipt again changes nothing.
    """
    channel = receipt.channel
    if _find(connection, receipt) is None:
        unnumbered = (
            (DELIVERY_ATTEMPT.c.channel == channel)
            & DELIVERY_ATTEMPT.c.state.in_(_OPEN)
            & (DELIVERY_ATTEMPT.c.their_ref == "")
        )
        to_address = DELIVERY_ATTEMPT.c.recipient_digest == services.index.digest(f"recipient.{channel}", address)
        began = DELIVERY_ATTEMPT.c.sent_at.between(at - _APART, at + _APART)
        attempts = connection.execute(
            select(DELIVERY_ATTEMPT.c.our_ref, DELIVERY_ATTEMPT.c.sent_at).where(unnumbered, to_address, began)
        ).all()
        if attempts:
            receipt = replace(receipt, ref=min(attempts, key=lambda attempt: abs(attempt.sent_at - at)).our_ref)
    return receive_on(connection, receipt)


def _find(connection: Connection, receipt: Receipt) -> Row[Any, Any] | None:
    """Return the attempt that the receipt names and its delivery."""
    ref, their_ref = receipt.ref, receipt.their_ref
    if not (ref or their_ref):
        return None
    number = DELIVERY_ATTEMPT.c.our_ref == ref if ref else DELIVERY_ATTEMPT.c.their_ref == their_ref
    channels = _OF_PROVIDER.get(receipt.channel, (receipt.channel,))
    numbered = select(DELIVERY_ATTEMPT.c.id, DELIVERY_ATTEMPT.c.delivery_id).where(
        DELIVERY_ATTEMPT.c.channel.in_(channels), number
    )
    if receipt.unit_id is not None:
        numbered = numbered.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id).where(
            DELIVERY.c.unit_id == receipt.unit_id
        )
    return connection.execute(numbered).first()


def sweep(services: Services, _task: Task) -> Outcome:
    """Give up waiting for receipts that did not come in time (the periodic task): sent without receipt."""
    overdue = (
        select(DELIVERY_ATTEMPT.c.id, DELIVERY_ATTEMPT.c.delivery_id)
        .where(DELIVERY_ATTEMPT.c.state == AttemptState.ACCEPTED.value, DELIVERY_ATTEMPT.c.next_at <= now())
        .order_by(DELIVERY_ATTEMPT.c.next_at)
        .limit(_MOST)
    )
    with services.database.read() as connection:
        rows = connection.execute(overdue).all()
    for row in rows:
        with services.database.write() as connection:
            delivery = hold(connection, row.delivery_id)
            still = (DELIVERY_ATTEMPT.c.id == row.id) & (DELIVERY_ATTEMPT.c.state == AttemptState.ACCEPTED.value)
            values = {"state": AttemptState.EXPIRED.value, "code": "NO_RECEIPT", "next_at": None, "ended_at": now()}
            if connection.execute(update(DELIVERY_ATTEMPT).where(still).values(**values)).rowcount:
                if delivery.step < len(delivery.policy):
                    call_next(connection, delivery.id, delivery.step)
                conclude(connection, delivery)
                follow(connection, row.id, failed=True)
    return Done()
