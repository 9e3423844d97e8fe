"""入账: the payer's unit has booked a bill, or has taken its booking back; while it stands, no reversal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from portal.audit import entries
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.issuing.queries import BILL
from portal.issuing.reverse import BOOKING


def change(services: Services, unit_id: int, code: str, number: int, party: str | None, day: datetime) -> bool:
    """Note that ``party`` has booked the bill on ``day``; ``None``: it no longer has. Whether that was news.

    A bill that is reversed meanwhile may be booked all the same: it is a fact that somebody must see. Raises
    BILL_NOT_FOUND.
    """
    with services.database.write() as connection:
        mine = (BILL.c.unit_id == unit_id) & (BILL.c.bill_code == code) & (BILL.c.number == number)
        bill_id = connection.scalar(select(BILL.c.id).where(mine).with_for_update())
        if bill_id is None:
            raise Refusal("BILL_NOT_FOUND")
        known = connection.scalar(select(BOOKING.c.booked_by).where(BOOKING.c.bill_id == bill_id))
        if known == party:
            return False
        connection.execute(delete(BOOKING).where(BOOKING.c.bill_id == bill_id))
        if party is not None:
            row = {"bill_id": bill_id, "booked_by": party, "voucher_no": "", "booked_at": day, "recorded_at": now()}
            connection.execute(insert(BOOKING), row)
        action = "bill.booked" if party is not None else "bill.unbooked"
        entries.record(connection, action, "bill", bill_id, "worker:fiscal", details={"by": party or known})
    return True
