"""Background work of the outbox itself: what is done is forgotten after a time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, select

from portal.core.clock import now
from portal.core.ids import first_of
from portal.models.tables import OUTBOX_TASK

KEPT = timedelta(days=14)
"""So long a task that is done can be looked at, and its key asks for nothing a second time. Nobody asks so late: keys
name a row that is written once, or a turn that has passed. Dead and waiting tasks stay."""
A_TIME = 5_000
"""Rows of one transaction; the next turn takes the next ones."""


def clean(connection: Connection) -> int:
    """Remove the oldest tasks that are done; return how many."""
    old = (
        select(OUTBOX_TASK.c.id)
        .where(OUTBOX_TASK.c.id < first_of(now() - KEPT), OUTBOX_TASK.c.state == "done")
        .order_by(OUTBOX_TASK.c.id)
        .limit(A_TIME)
    )
    return connection.execute(delete(OUTBOX_TASK).where(OUTBOX_TASK.c.id.in_(old))).rowcount


CLEANERS = (clean,)
