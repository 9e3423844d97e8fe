"""Joining: the bills of one visit are told to one phone by one message, and so are its vouchers.

The first message of a visit (unit, payer, day, phone) is the anchor. A bill that comes while it waits, or some time
after it went, gets no message of its own: its attempt is ``joined`` to the anchor's, follows what becomes of that, and
is opened by the same link. A reversal joins only others of the same minutes, since it is news each time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.deliveries import NewAttempt, add_attempt, topic_of
from portal.domain.states.delivery import AttemptState, Purpose
from portal.models.tables import BILL, BILL_PARTY, DELIVERY_ATTEMPT, OUTBOX_TASK, VOUCHER, VOUCHER_PARTY
from portal.outbox import tasks

CHANNEL = "sms"
"""Where a message costs something and twelve of them are a nuisance; the others open the bill that they tell of."""
_GROUPS = {
    "bill": {Purpose.ISSUED: "told", Purpose.READY: "told", Purpose.REVERSED: "reversed"},
    "voucher": {Purpose.ISSUED: "vouched", Purpose.REVERSED: "voucher reversed", Purpose.USED: "voucher used"},
}
_NEWS_WITHIN = 10
"""Minutes for what is news each time: nobody who has opened a message looks there for the next one."""
_MOST = 50
"""Messages of one visit; what comes after them goes alone."""
_GOOD = (
    AttemptState.QUEUED,
    AttemptState.HELD,
    AttemptState.SENDING,
    AttemptState.ASKING,
    AttemptState.ACCEPTED,
    AttemptState.DELIVERED,
    AttemptState.EXPIRED,
    AttemptState.UNCERTAIN,
)
"""States of an anchor whose person has the message, or may still get it."""


_VISITS = {
    "bill": select(BILL.c.business_day, BILL_PARTY.c.name_digest)
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
    .where(BILL.c.id == bindparam("object")),
    "voucher": select(VOUCHER.c.business_day, VOUCHER_PARTY.c.name_digest)
    .join(VOUCHER_PARTY, VOUCHER_PARTY.c.voucher_id == func.coalesce(VOUCHER.c.of_id, VOUCHER.c.id))
    .where(VOUCHER.c.id == bindparam("object")),
}
"""Day and payer, by which the messages of one visit are known."""


def add(services: Services, connection: Connection, new: NewAttempt, minutes: int) -> bool:
    """Queue a message, or join it to that of its visit, not older than ``minutes``; ``False``: it went out before."""
    row, purpose = new.delivery, Purpose(new.delivery.purpose)
    group = _GROUPS.get(row.object_kind, {}).get(purpose)
    if not minutes or group is None or new.channel.name != CHANNEL:
        return add_attempt(services, connection, new)
    visit = connection.execute(_VISITS[row.object_kind], {"object": row.object_id}).one()
    news = purpose in (Purpose.REVERSED, Purpose.USED)
    within = timedelta(minutes=min(minutes, _NEWS_WITHIN) if news else minutes)
    key = (str(row.unit_id), group, visit.business_day.isoformat(), visit.name_digest.hex(), CHANNEL, new.address)
    for number in range(_MOST):
        once = "\0".join(("visit", *key, str(number)))
        if add_attempt(services, connection, replace(new, once=once)):
            return True
        anchor = connection.execute(
            select(DELIVERY_ATTEMPT)
            .where(DELIVERY_ATTEMPT.c.effect == services.index.digest("effect", once))
            .with_for_update()
        ).one()
        if anchor.state in _GOOD and anchor.created_at > now() - within:
            if new.due_at <= new.at:
                _bring_forward(connection, anchor)
            return add_attempt(services, connection, replace(new, joined_id=anchor.id))
    return add_attempt(services, connection, new)


def _bring_forward(connection: Connection, anchor: Any) -> None:
    """Have a message that waits for the morning sent now, since somebody who waits has joined it."""
    if anchor.state != AttemptState.QUEUED or anchor.tries:
        return
    moment, topic = now(), topic_of(anchor.channel)
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == anchor.id).values(next_at=moment))
    waiting = (OUTBOX_TASK.c.key == f"{topic}:{anchor.id}") & (OUTBOX_TASK.c.state == "pending")
    connection.execute(update(OUTBOX_TASK).where(waiting, OUTBOX_TASK.c.leased_by == "").values(due_at=moment))
    tasks.wake(connection, topic)
