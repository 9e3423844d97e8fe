"""When deliveries begin and end by themselves: 监制 or issue, exchange, and reversal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from portal.access import parameters
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.channel import PUSH, lane_of
from portal.delivery.engine.deliveries import Wanted, conclude, hold, open_delivery
from portal.delivery.push import triggers
from portal.domain.delivery import AttemptState, DeliveryState, Purpose, Step, steps_of
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, PAPER_BILL
from portal.outbox.tasks import Done, Outcome, Task

SUPERVISED_TOPIC = "bill.supervised"
REVERSED_TOPIC = "bill.reversed"
EXCHANGED_TOPIC = "paper.exchanged"
ACTOR = "worker:delivery"


def supervised(services: Services, task: Task) -> Outcome:
    """A bill has its 监制: tell its patient, where the unit's setting waits for that."""
    _tell(services, int(task.payload["bill"]), waited=True)
    return Done()


def issued(services: Services, bill_id: int) -> None:
    """A bill is issued: tell its patient now where the unit's setting does not wait for 监制. Safe to repeat."""
    _tell(services, bill_id, waited=False)


def _tell(services: Services, bill_id: int, *, waited: bool) -> None:
    with services.database.read() as connection:
        bill = connection.execute(
            select(BILL.c.unit_id, BILL.c.red_of_id, BILL.c.issued_at, BILL.c.state).where(BILL.c.id == bill_id)
        ).one_or_none()
        if bill is None or bill.red_of_id is not None:
            return
        setting = parameters.values(connection, bill.unit_id)
    too_old = bill.issued_at < now() - timedelta(hours=setting["delivery.oldest-hours"])
    if not setting["delivery.auto"] or setting["delivery.wait-supervision"] is not waited or too_old:
        return
    steps = steps_of(setting["delivery.order"])
    with services.database.write() as connection:
        open_delivery(services, connection, Wanted(bill.unit_id, "bill", bill_id, Purpose.ISSUED, steps, ACTOR))
        in_order = {step.channel for step in steps}
        triggers.tell(services, connection, bill.unit_id, bill_id, Purpose.ISSUED, apart=in_order)


def exchanged(services: Services, task: Task) -> Outcome:
    """A bill's paper was handed out: push targets that know the bill hear of it, once for each sheet."""
    bill_id, sheet = int(task.payload["bill"]), int(task.payload["sheet"])
    with services.database.write() as connection:
        unit_id = connection.execute(select(BILL.c.unit_id).where(BILL.c.id == bill_id)).scalar_one()
        earlier = select(func.count()).where(PAPER_BILL.c.bill_id == bill_id, PAPER_BILL.c.id <= sheet)
        version = connection.execute(earlier).scalar_one()
        triggers.tell(services, connection, unit_id, bill_id, Purpose.EXCHANGED, version)
    return Done()


def reversed_bill(services: Services, task: Task) -> Outcome:
    """A bill was reversed: what is not yet out is stopped, and each channel that got the bill hears of it."""
    bill_id = int(task.payload["bill"])
    with services.database.write() as connection:
        unit_id = connection.scalar(select(BILL.c.unit_id).where(BILL.c.id == bill_id))
        rows = connection.execute(
            select(DELIVERY)
            .where(
                DELIVERY.c.object_kind == "bill",
                DELIVERY.c.object_id == bill_id,
                DELIVERY.c.purpose != Purpose.REVERSED.value,
            )
            .order_by(DELIVERY.c.id)
            .with_for_update()
        ).all()
        for row in rows:
            stop(connection, row, "票据已冲红")
            if unit_id is not None:
                _tell_reversal(services, connection, row)
        if unit_id is not None:
            triggers.tell(services, connection, unit_id, bill_id, Purpose.REVERSED)
    return Done()


_GOT = (
    AttemptState.ACCEPTED,
    AttemptState.DELIVERED,
    AttemptState.EXPIRED,
    AttemptState.UNCERTAIN,
    AttemptState.SENDING,
    AttemptState.ASKING,
)
"""States in which the person has the bill or may have it."""


def _tell_reversal(services: Services, connection: Connection, row: Any) -> None:
    """One delivery for each address that got the bill, or may have got it; push targets say what they want to hear."""
    got = connection.execute(
        select(DELIVERY_ATTEMPT.c.id, DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.recipient)
        .where(DELIVERY_ATTEMPT.c.delivery_id == row.id, DELIVERY_ATTEMPT.c.state.in_([state.value for state in _GOT]))
        .order_by(DELIVERY_ATTEMPT.c.id)
    ).all()
    for attempt in got:
        if attempt.recipient is None or lane_of(attempt.channel) == PUSH:
            continue
        address = services.cipher.decrypt_text("delivery_attempt.recipient", attempt.id, attempt.recipient)
        steps = (Step(attempt.channel),)
        wanted = Wanted(row.unit_id, "bill", row.object_id, Purpose.REVERSED, steps, ACTOR, address)
        open_delivery(services, connection, wanted)


def stop(connection: Connection, row: Any, reason: str) -> None:
    """Nothing more of a delivery that is held begins; what is queued is stopped, what is out stays as it is."""
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
    """Take one message back that is not out."""
    values = {"state": AttemptState.STOPPED.value, "message": reason, "next_at": None, "ended_at": now()}
    connection.execute(update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.id == attempt_id).values(**values))
