"""Inbox of pushes from platforms: stored under a unique key, answered at once, worked on later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.models.tables import MINI_LOGIN, PLATFORM_INBOX, PLATFORM_NONCE
from portal.outbox import tasks
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic
from portal.providers.wechat.callback import FRESH

log = structlog.get_logger("qupiao.inbox")

TOPIC = topic("inbox.arrived")
KEEP = timedelta(days=30)
Act = Callable[[Services, dict[str, Any]], None]


def receive(services: Services, source: str, key: str, event: str, fields: Mapping[str, Any], nonce: str) -> bool:
    """Store a genuine push, once; returns whether it is new.

    ``nonce``: what must not come twice while the push is fresh (timestamp and nonce); a repeat of the platform's own
    is the same push and changes nothing either.
    """
    moment, inbox_id = now(), new_id()
    make = sqlite.insert if services.database.dialect == "sqlite" else postgresql.insert
    seen = {"digest": services.index.digest("nonce", f"{source}:{nonce}"), "expires_at": moment + _REMEMBERED}
    body = json.dumps(dict(fields), ensure_ascii=False, default=str)  # a decimal of a JSON push is text here
    values = {
        "id": inbox_id,
        "source": source,
        "digest": services.index.digest("inbox", f"{source}:{key}"),
        "event": event,
        "body": services.cipher.encrypt("platform_inbox.body", inbox_id, body),
        "received_at": moment,
        "done_at": None,
    }
    with services.database.write() as connection:
        first = (
            make(PLATFORM_NONCE)
            .values(**seen)
            .on_conflict_do_nothing(index_elements=["digest"])
            .returning(PLATFORM_NONCE.c.digest)
        )
        if connection.execute(first).first() is None:
            return False
        added = make(PLATFORM_INBOX).values(**values).on_conflict_do_nothing(index_elements=["source", "digest"])
        if connection.execute(added.returning(PLATFORM_INBOX.c.id)).first() is None:
            return False
        tasks.enqueue(connection, TOPIC, f"{TOPIC}:{inbox_id}", {"inbox": inbox_id})
    return True


_REMEMBERED = timedelta(seconds=2 * FRESH)


class InboxDesk:
    """The handler of :data:`TOPIC`: calls the act of each push's event. A push of an unknown event is only logged."""

    def __init__(self, acts: Mapping[tuple[str, str], Act]) -> None:
        self._acts = dict(acts)

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Do one push; safe to repeat, as every act is."""
        inbox_id = task.payload["inbox"]
        with services.database.read() as connection:
            row = connection.execute(select(PLATFORM_INBOX).where(PLATFORM_INBOX.c.id == inbox_id)).one_or_none()
        if row is None or row.done_at is not None or row.body is None:
            return Done()
        act = self._acts.get((row.source, row.event))
        if act is None:
            log.info("inbox.nothing_to_do", source=row.source, event_name=row.event)
        else:
            act(services, json.loads(services.cipher.decrypt("platform_inbox.body", inbox_id, row.body)))
        with services.database.write() as connection:
            connection.execute(update(PLATFORM_INBOX).where(PLATFORM_INBOX.c.id == inbox_id).values(done_at=now()))
        return Done()


def clean(connection: Connection) -> None:
    """Forget nonces that are over, log-ins whose session is over, and the text of old pushes (their key stays)."""
    connection.execute(delete(PLATFORM_NONCE).where(PLATFORM_NONCE.c.expires_at < now()))
    connection.execute(delete(MINI_LOGIN).where(MINI_LOGIN.c.expires_at < now()))
    old = (PLATFORM_INBOX.c.done_at.is_not(None)) & (PLATFORM_INBOX.c.received_at < now() - KEEP)
    connection.execute(update(PLATFORM_INBOX).where(old, PLATFORM_INBOX.c.body.is_not(None)).values(body=None))
