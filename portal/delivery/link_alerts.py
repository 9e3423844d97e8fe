"""Tell me when ready: the bill that a phone waits for is there, so the phone is told once and forgotten."""

from __future__ import annotations

from sqlalchemy import or_, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.domain.delivery import Purpose, Step
from portal.models.tables import BILL, LINK_WATCH
from portal.outbox.tasks import Done, Outcome, Task

TELL_TOPIC = "watch.tell"
"""The task that retrieval writes when it sees that a waited-for bill is there."""


def tell(services: Services, task: Task) -> Outcome:
    """Open the delivery of ``task.payload["watch"]`` and forget the phone, in one transaction."""
    watch_id = int(task.payload["watch"])
    same = or_(BILL.c.link_digest == LINK_WATCH.c.link_digest, BILL.c.earlier_link_digest == LINK_WATCH.c.link_digest)
    found = (
        select(LINK_WATCH.c.phone, BILL.c.id, BILL.c.unit_id)
        .select_from(LINK_WATCH.join(BILL, same))
        .where(LINK_WATCH.c.id == watch_id, LINK_WATCH.c.phone.is_not(None))
        .limit(1)
    )
    with services.database.write() as connection:
        row = connection.execute(found).one_or_none()
        if row is None:
            return Done()
        phone = services.cipher.decrypt_text("link_watch.phone", watch_id, row.phone).strip()
        wanted = Wanted(row.unit_id, "bill", row.id, Purpose.READY, (Step("sms"),), "patient:watch", phone)
        open_delivery(services, connection, wanted)
        connection.execute(update(LINK_WATCH).where(LINK_WATCH.c.id == watch_id).values(phone=None, told_at=now()))
    return Done()
