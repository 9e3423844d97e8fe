"""Tell me when ready: a link opened before its bill exists remembers a phone, and the bill's arrival sends a message.

Issuing knows nothing of it: a periodic job looks whether a waited-for bill is there (design: outbox rows connect).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.identity import is_phone, normalise
from portal.models.tables import BILL, LINK_WATCH
from portal.outbox import tasks
from portal.outbox.tasks import Done, Outcome, Task

LOOK_TOPIC = "watch.look"
TELL_TOPIC = "watch.tell"
"""Done by delivery."""
KEPT = timedelta(days=7)
MOST_PER_LOOK = 500


def register(services: Services, limits: Limits, token: str, phone: str, address: str) -> None:
    """Remember ``phone`` for the bill of ``token``; twice is once. Raises ENTRY_INVALID, TRY_LATER."""
    phone = normalise(phone)
    if not is_phone(phone):
        raise Refusal("ENTRY_INVALID", problems="手机号应为 11 位数字")
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
    """The periodic job: a task for every watch whose bill has come."""
    by_newest = select(BILL.c.id).where(BILL.c.link_digest == LINK_WATCH.c.link_digest)
    by_earlier = select(BILL.c.id).where(BILL.c.earlier_link_digest == LINK_WATCH.c.link_digest)
    waiting = (
        select(LINK_WATCH.c.id)
        .where(LINK_WATCH.c.phone.is_not(None), or_(by_newest.exists(), by_earlier.exists()))
        .order_by(LINK_WATCH.c.id)
        .limit(MOST_PER_LOOK)
    )
    with services.database.read() as connection:
        found = connection.scalars(waiting).all()
    if found:
        with services.database.write() as connection:
            for watch_id in found:
                tasks.enqueue(connection, TELL_TOPIC, f"{TELL_TOPIC}:{watch_id}", {"watch": watch_id})
    return Done()


def clean(connection: Connection) -> None:
    """Forget what nobody came for within a week."""
    connection.execute(delete(LINK_WATCH).where(LINK_WATCH.c.created_at < now() - KEPT))
