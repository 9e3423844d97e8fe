"""Link alerts: a link opened before its bill exists keeps a phone, and the bill's arrival sends one text message.

Issuing knows nothing of it: a periodic task looks whether an awaited bill is there.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.domain.errors import Refusal
from portal.domain.identity import WHICH_PHONES, is_phone, normalise
from portal.domain.states.delivery import Purpose, Step
from portal.models.tables import BILL, LINK_WATCH
from portal.outbox import tasks
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic

LOOK_TOPIC, TELL_TOPIC = topic("watch.look"), topic("watch.tell")
KEPT = timedelta(days=7)
MOST_PER_LOOK = 500


def register(services: Services, limits: Limits, token: str, phone: str, address: str) -> None:
    """Keep ``phone`` for the bill of ``token``; the same pair again changes nothing.

    ``address`` is the caller's network address, counted by keyed hash. Raises ENTRY_INVALID, TRY_LATER.
    """
    phone = normalise(phone)
    if not is_phone(phone):
        raise Refusal("ENTRY_INVALID", problems=f"手机号{WHICH_PHONES}")
    index, watch_id = services.index, new_id()
    link_digest, phone_digest = index.digest("link", token), index.digest("phone", phone)
    for bucket, most in (
        (f"watch.address:{index.digest('address', address).hex()[:24]}", 30),
        (f"watch.link:{link_digest.hex()[:24]}", 5),
        (f"watch.phone:{phone_digest.hex()[:24]}", 5),
    ):
        if not limits.hit(bucket, most, 3600):
            raise Refusal("TRY_LATER", minutes=60)
    make = sqlite.insert if services.database.dialect == "sqlite" else postgresql.insert
    with services.database.write() as connection:
        connection.execute(
            make(LINK_WATCH)
            .values(
                id=watch_id,
                link_digest=link_digest,
                phone_digest=phone_digest,
                phone=services.cipher.encrypt("link_watch.phone", watch_id, phone.ljust(20)),
                created_at=now(),
                told_at=None,
            )
            .on_conflict_do_nothing(index_elements=["link_digest", "phone_digest"])
        )


def look(services: Services, _task: Task) -> Outcome:
    """Write a task for every alert whose bill has come (the periodic task)."""
    by_newest = select(BILL.c.id).where(BILL.c.link_digest == LINK_WATCH.c.link_digest)
    by_earlier = select(BILL.c.id).where(BILL.c.earlier_link_digest == LINK_WATCH.c.link_digest)
    awaited = (
        select(LINK_WATCH.c.id)
        .where(LINK_WATCH.c.phone.is_not(None), or_(by_newest.exists(), by_earlier.exists()))
        .order_by(LINK_WATCH.c.id)
        .limit(MOST_PER_LOOK)
    )
    with services.database.read() as connection:
        watch_ids = connection.scalars(awaited).all()
    if watch_ids:
        with services.database.write() as connection:
            for watch_id in watch_ids:
                tasks.enqueue(connection, TELL_TOPIC, f"{TELL_TOPIC}:{watch_id}", {"watch": watch_id})
    return Done()


def tell(services: Services, task: Task) -> Outcome:
    """Open the delivery of ``task.payload["watch"]`` and forget the phone, in one transaction."""
    watch_id = int(task.payload["watch"])
    same_link = or_(
        BILL.c.link_digest == LINK_WATCH.c.link_digest, BILL.c.earlier_link_digest == LINK_WATCH.c.link_digest
    )
    arrived = (
        select(LINK_WATCH.c.phone, BILL.c.id, BILL.c.unit_id)
        .select_from(LINK_WATCH.join(BILL, same_link))
        .where(LINK_WATCH.c.id == watch_id, LINK_WATCH.c.phone.is_not(None))
        .limit(1)
    )
    with services.database.write() as connection:
        row = connection.execute(arrived).one_or_none()
        if row is None:
            return Done()
        phone = services.cipher.decrypt_text("link_watch.phone", watch_id, row.phone).strip()
        order = Wanted(row.unit_id, "bill", row.id, Purpose.READY, (Step("sms"),), "patient:watch", phone)
        open_delivery(services, connection, order)
        connection.execute(update(LINK_WATCH).where(LINK_WATCH.c.id == watch_id).values(phone=None, told_at=now()))
    return Done()


def clean(connection: Connection) -> None:
    """Forget the phones whose bill did not come within a week."""
    connection.execute(delete(LINK_WATCH).where(LINK_WATCH.c.created_at < now() - KEPT))
