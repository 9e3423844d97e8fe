"""The log of messages to finance: a row before each is sent, completed by its answer.

A row that stays ``sent`` is an attempt whose fate was never learnt (the worker died): the effect may be there, and
the next attempt finds out (4001). So no upload happens unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.core.clock import now
from portal.core.database import Database
from portal.core.ids import new_id
from portal.models.tables import FISCAL_EXCHANGE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message about to be sent."""

    id: int
    message_id: str


def begin(database: Database, bill_id: int, message_no: str, new_message_id: Callable[[], str]) -> Attempt:
    """Note an attempt and reserve its message id, across all processes of the installation."""
    for _ in range(20):
        attempt = Attempt(new_id(), new_message_id())
        try:
            with database.write() as connection:
                connection.execute(
                    insert(FISCAL_EXCHANGE).values(
                        id=attempt.id,
                        bill_id=bill_id,
                        message_no=message_no,
                        message_id=attempt.message_id,
                        attempt=count(connection, bill_id, message_no) + 1,
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
    """How many such messages were sent about this bill."""
    statement = select(func.count()).where(
        FISCAL_EXCHANGE.c.bill_id == bill_id, FISCAL_EXCHANGE.c.message_no == message_no
    )
    return int(connection.execute(statement).scalar_one())


def end(connection: Connection, attempt: Attempt, outcome: str, code: str, reason: str = "") -> None:
    """Complete the row in the caller's transaction. ``outcome``: supervised, duplicate, queued, rejected, failed,
    unverified."""
    connection.execute(
        update(FISCAL_EXCHANGE)
        .where(FISCAL_EXCHANGE.c.id == attempt.id)
        .values(answered_at=now(), outcome=outcome, result_code=code[:8], reason=reason[:500])
    )


def queued(connection: Connection, bill_id: int) -> bool:
    """Whether finance's last answer about this bill was that it waits there for its supervision."""
    statement = (
        select(FISCAL_EXCHANGE.c.outcome)
        .where(FISCAL_EXCHANGE.c.bill_id == bill_id, FISCAL_EXCHANGE.c.outcome.not_in(("sent", "failed")))
        .order_by(FISCAL_EXCHANGE.c.id.desc())
        .limit(1)
    )
    return connection.scalar(statement) == "queued"
