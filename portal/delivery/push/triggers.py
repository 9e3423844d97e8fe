"""Which push targets hear of a bill: every one that is on and wants the event, each by a delivery of its own.

A target that the order of channels names is told in its turn there, and not here as well.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sqlalchemy import Connection, select

from portal.access import parameters
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.delivery.push import targets
from portal.delivery.push.events import ISSUED, event_of
from portal.domain.states.delivery import AttemptState, Purpose, Step
from portal.ledger import bills
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT

ACTOR = "worker:delivery"


def tell(
    services: Services,
    connection: Connection,
    unit_id: int,
    bill_id: int,
    purpose: Purpose,
    version: int = 1,
    apart: Container[str] = (),
) -> None:
    """Begin the deliveries of an event in the caller's transaction; safe to repeat. ``apart``: codes to leave out.

    A bill without the HIS's number of its patient is nobody's in any APP and is not pushed.
    """
    event = event_of(purpose)
    wanting = [row for row in targets.of_unit(connection, unit_id) if row.active and event in row.events]
    wanting = [row for row in wanting if row.code not in apart and _concerns(connection, row, bill_id, purpose)]
    if not wanting or not parameters.value(connection, unit_id, "delivery.app"):
        return
    patient_id = bills.party(services, connection, bill_id).get("patient_id", "")
    for row in wanting if patient_id else ():
        steps = (Step(row.code),)
        open_delivery(
            services, connection, Wanted(unit_id, "bill", bill_id, purpose, steps, ACTOR, patient_id, version)
        )


def _concerns(connection: Connection, row: Any, bill_id: int, purpose: Purpose) -> bool:
    """Whether the target may know the bill that the event is about, or does not want to hear of new ones at all."""
    if purpose is Purpose.ISSUED or ISSUED not in row.events:
        return True
    told = (
        (DELIVERY.c.object_kind == "bill")
        & (DELIVERY.c.object_id == bill_id)
        & (DELIVERY_ATTEMPT.c.channel == row.code)
    )
    known = select(DELIVERY_ATTEMPT.c.id).join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
    known = known.where(told, DELIVERY_ATTEMPT.c.state != AttemptState.STOPPED.value)
    return connection.scalar(known.limit(1)) is not None
