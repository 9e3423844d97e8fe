"""Deliveries that begin or end by an event: issue, supervision (监制), exchange and reversal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from portal.access import parameters
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.channel import PUSH, lane_of
from portal.delivery.engine.deliveries import Wanted, open_delivery, stop
from portal.delivery.push import triggers
from portal.domain.states.delivery import AttemptState, Purpose, Step, steps_of
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, PAPER_BILL
from portal.outbox.tasks import Done, Outcome, Task

ACTOR = "worker:delivery"


def supervised(services: Services, task: Task) -> Outcome:
    """Tell the patient of a supervised bill, where the unit waits for the supervision."""
    _tell(services, int(task.payload["bill"]), waited=True)
    return Done()


def issued(services: Services, task: Task) -> Outcome:
    """Tell the patient of an issued bill, where the unit does not wait for its supervision."""
    _tell(services, int(task.payload["bill"]), waited=False)
    return Done()


def _tell(services: Services, bill_id: int, *, waited: bool) -> None:
    with services.database.read() as connection:
        bill = connection.execute(
            select(BILL.c.unit_id, BILL.c.red_of_id, BILL.c.issued_at, BILL.c.state).where(BILL.c.id == bill_id)
        ).one_or_none()
        if bill is None or bill.red_of_id is not None:
            return
        settings = parameters.values(connection, bill.unit_id)
    too_old = bill.issued_at < now() - timedelta(hours=settings["delivery.oldest-hours"])
    if not settings["delivery.auto"] or settings["delivery.wait-supervision"] is not waited or too_old:
        return
    steps = steps_of(settings["delivery.order"])
    with services.database.write() as connection:
        open_delivery(services, connection, Wanted(bill.unit_id, "bill", bill_id, Purpose.ISSUED, steps, ACTOR))
        in_order = {step.channel for step in steps}
        triggers.tell(services, connection, bill.unit_id, bill_id, Purpose.ISSUED, apart=in_order)


def exchanged(services: Services, task: Task) -> Outcome:
    """Tell the push targets that know a bill of its paper, once for each sheet."""
    bill_id, sheet = int(task.payload["bill"]), int(task.payload["sheet"])
    with services.database.write() as connection:
        unit_id = connection.execute(select(BILL.c.unit_id).where(BILL.c.id == bill_id)).scalar_one()
        earlier = select(func.count()).where(PAPER_BILL.c.bill_id == bill_id, PAPER_BILL.c.id <= sheet)
        version = connection.execute(earlier).scalar_one()
        triggers.tell(services, connection, unit_id, bill_id, Purpose.EXCHANGED, version)
    return Done()


def reversed_bill(services: Services, task: Task) -> Outcome:
    """Stop the notices of a reversed bill that are not out, and tell every address that got the bill."""
    bill_id = int(task.payload["bill"])
    with services.database.write() as connection:
        unit_id = connection.scalar(select(BILL.c.unit_id).where(BILL.c.id == bill_id))
        if unit_id is not None:
            take_back(services, connection, "bill", bill_id, "票据已冲红")
            triggers.tell(services, connection, unit_id, bill_id, Purpose.REVERSED)
    return Done()


def take_back(services: Services, connection: Connection, kind: str, object_id: int, reason: str) -> None:
    """Stop what is not out about a bill or voucher that counts no more, and tell every address that got it."""
    rows = connection.execute(
        select(DELIVERY)
        .where(
            DELIVERY.c.object_kind == kind,
            DELIVERY.c.object_id == object_id,
            DELIVERY.c.purpose != Purpose.REVERSED.value,
        )
        .order_by(DELIVERY.c.id)
        .with_for_update()
    ).all()
    for row in rows:
        if not Purpose(row.purpose).asked_for:  # who asked for it is sent it, with what has become of it
            stop(connection, row, reason)
        _tell_reversal(services, connection, row)


_GOT = (
    AttemptState.ACCEPTED,
    AttemptState.DELIVERED,
    AttemptState.EXPIRED,
    AttemptState.UNCERTAIN,
    AttemptState.SENDING,
    AttemptState.ASKING,
    AttemptState.JOINED,
)
"""States in which the person has the bill or may have it."""


def _tell_reversal(services: Services, connection: Connection, row: Any) -> None:
    """Open a delivery for each address that got the message or may have got it; push targets name their events."""
    attempts = connection.execute(
        select(DELIVERY_ATTEMPT.c.id, DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.recipient)
        .where(DELIVERY_ATTEMPT.c.delivery_id == row.id, DELIVERY_ATTEMPT.c.state.in_([state.value for state in _GOT]))
        .order_by(DELIVERY_ATTEMPT.c.id)
    ).all()
    for attempt in attempts:
        if attempt.recipient is None or lane_of(attempt.channel) == PUSH:
            continue
        address = services.cipher.decrypt_text("delivery_attempt.recipient", attempt.id, attempt.recipient)
        steps = (Step(attempt.channel),)
        wanted = Wanted(row.unit_id, row.object_kind, row.object_id, Purpose.REVERSED, steps, ACTOR, address)
        open_delivery(services, connection, wanted)
