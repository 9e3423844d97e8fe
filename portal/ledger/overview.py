"""Is anything wrong now: the few figures of the console's home page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from portal.core.clock import business_day, now
from portal.models.tables import BILL, FINANCE_MESSAGE, OUTBOX_TASK


@dataclass(frozen=True, slots=True)
class Overview:
    """Bills and red bills of today; bills that wait for supervision and since when; refused ones; when finance last
    answered; tasks that gave up."""

    issued: int
    red: int
    waiting: int
    waiting_since: datetime | None
    refused: int
    answered_at: datetime | None
    dead: int


def of_unit(connection: Connection, unit_id: int) -> Overview:
    """Read it, for one unit; exchange and dead tasks are the installation's."""
    today = select(func.count(), func.count(BILL.c.red_of_id)).where(
        BILL.c.unit_id == unit_id, BILL.c.business_day == business_day(now())
    )
    issued, red = connection.execute(today).one()
    waits = select(func.count(), func.min(BILL.c.state_at))
    waits = waits.where(BILL.c.unit_id == unit_id, BILL.c.state.in_(("issued", "uploaded")))
    waiting, since = connection.execute(waits).one()
    refused = connection.scalar(
        select(func.count()).select_from(BILL).where(BILL.c.unit_id == unit_id, BILL.c.state == "refused")
    )
    answered = connection.scalar(
        select(FINANCE_MESSAGE.c.answered_at)
        .where(FINANCE_MESSAGE.c.bill_id.is_not(None), FINANCE_MESSAGE.c.answered_at.is_not(None))
        .order_by(FINANCE_MESSAGE.c.id.desc())
        .limit(1)
    )
    dead = connection.scalar(select(func.count()).select_from(OUTBOX_TASK).where(OUTBOX_TASK.c.state == "dead"))
    return Overview(issued, red, waiting, since, refused or 0, answered, dead or 0)
