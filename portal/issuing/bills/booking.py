"""入账: a unit has booked a bill or a part of it, or has taken its booking back; while one stands, no reversal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber
from portal.models.tables import BILL, BOOKING


def is_booked(connection: Connection, bill_id: int) -> bool:
    """Tell whether a unit has booked the bill or a part of it."""
    booked = connection.scalar(select(BOOKING.c.bill_id).where(BOOKING.c.bill_id == bill_id).limit(1))
    return booked is not None


def change(
    services: Services, unit_id: int, bill: BillNumber, party: str, amount_fen: int | None, day: datetime
) -> bool:
    """Note that ``party`` has booked ``amount_fen`` of the bill on ``day``; ``None``: it no longer has. Whether that
    was news.

    Several units may each book a part. One that takes back without a name (``""``) takes every booking back. A bill
    that is reversed meanwhile, or booked beyond its amount, is kept as finance tells it: it is a fact that somebody
    must see. Raises BILL_NOT_FOUND.
    """
    with services.database.write() as connection:
        mine = (BILL.c.unit_id == unit_id) & (BILL.c.bill_code == bill.code) & (BILL.c.number == bill.number)
        bill_id = connection.scalar(select(BILL.c.id).where(mine).with_for_update())
        if bill_id is None:
            raise Refusal("BILL_NOT_FOUND")
        theirs = BOOKING.c.bill_id == bill_id
        if party or amount_fen is not None:
            theirs &= BOOKING.c.booked_by == party
        known = connection.execute(select(BOOKING.c.booked_by, BOOKING.c.amount_fen).where(theirs)).all()
        if [row.amount_fen for row in known] == ([] if amount_fen is None else [amount_fen]):
            return False
        connection.execute(delete(BOOKING).where(theirs))
        if amount_fen is not None:
            row = {"bill_id": bill_id, "booked_by": party, "amount_fen": amount_fen, "voucher_no": ""}
            connection.execute(insert(BOOKING), row | {"booked_at": day, "recorded_at": now()})
        action = "bill.unbooked" if amount_fen is None else "bill.booked"
        told: dict[str, Any] = {"by": party or "、".join(row.booked_by for row in known)}
        told |= {} if amount_fen is None else {"amount_fen": amount_fen}
        audit.record(connection, Actor("worker:fiscal"), action, ("bill", bill_id), told)
    return True
