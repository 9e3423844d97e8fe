"""The log of messages to finance: a row before each is sent, completed by its answer.

A row that stays ``sent`` is an attempt whose fate was never learnt (the worker died): the effect may be there, and
the next attempt finds out (4001). So no upload happens unnoticed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.core.clock import now, stamp17
from portal.core.database import Database
from portal.core.ids import new_id
from portal.models.tables import FINANCE_MESSAGE


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What the log keeps of a message: its number, the key of its subject, and the bill that it uploads or asks for."""

    message_no: str
    subject: str
    bill_id: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message about to be sent."""

    id: int
    message_id: str


class MessageIds:
    """Message ids of one process: 17 digits that read as a time and never come twice from here.

    Two processes may meet in a millisecond; the log's unique column settles that before anything is sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """Return the next id, at least one millisecond after the one before."""
        with self._lock:
            self._last = max(int(now().timestamp() * 1000), self._last + 1)
            return stamp17(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self._last))


def begin(database: Database, entry: LogEntry, new_message_id: Callable[[], str]) -> Attempt:
    """Log an attempt and reserve its message id, across all processes of the installation."""
    for _ in range(20):
        attempt = Attempt(new_id(), new_message_id())
        try:
            with database.write() as connection:
                tries = 0 if entry.bill_id is None else count(connection, entry.bill_id, entry.message_no) + 1
                connection.execute(
                    insert(FINANCE_MESSAGE).values(
                        id=attempt.id,
                        bill_id=entry.bill_id,
                        subject=entry.subject[:40],
                        message_no=entry.message_no,
                        message_id=attempt.message_id,
                        attempt=tries,
                        sent_at=now(),
                        answered_at=None,
                        outcome="sent",
                        result_code="",
                        reason="",
                    )
                )
        except IntegrityError:  # another process has this millisecond
            continue
        return attempt
    raise RuntimeError("no free message id")


def count(connection: Connection, bill_id: int, message_no: str) -> int:
    """Count the messages of one number about a bill."""
    statement = select(func.count()).where(
        FINANCE_MESSAGE.c.bill_id == bill_id, FINANCE_MESSAGE.c.message_no == message_no
    )
    return int(connection.execute(statement).scalar_one())


def end(connection: Connection, attempt: Attempt, outcome: str, code: str, reason: str = "") -> None:
    """Complete the row in the caller's transaction. ``outcome``: accepted, supervised, duplicate, queued, rejected,
    failed, unverified."""
    connection.execute(
        update(FINANCE_MESSAGE)
        .where(FINANCE_MESSAGE.c.id == attempt.id)
        .values(answered_at=now(), outcome=outcome, result_code=code[:8], reason=reason[:500])
    )


def queued(connection: Connection, bill_id: int) -> bool:
    """Say whether finance's last answer about this bill was that it waits there for its supervision."""
    statement = (
        select(FINANCE_MESSAGE.c.outcome)
        .where(FINANCE_MESSAGE.c.bill_id == bill_id, FINANCE_MESSAGE.c.outcome.not_in(("sent", "failed")))
        .order_by(FINANCE_MESSAGE.c.id.desc())
        .limit(1)
    )
    return connection.scalar(statement) == "queued"
