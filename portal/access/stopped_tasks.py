"""Tasks that have stopped (dead letters): the list of them, and doing them again once their cause is cured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.models.tables import OUTBOX_TASK
from portal.outbox.tasks import wake

IS_STOPPED = OUTBOX_TASK.c.state == literal_column("'dead'")
"""Written out, not bound, so that SQLite finds the index of these rows."""
NEWEST = (OUTBOX_TASK.c.finished_at, OUTBOX_TASK.c.id)
"""The order of the list."""
A_TIME = 1_000
"""Tasks that are started again by one order."""


def stopped() -> Select[Any]:
    """Select the tasks that wait for a person, of every topic. They are the installation's, and hold ids only."""
    names = ("id", "topic", "key", "attempts", "last_error", "created_at", "finished_at")
    return select(*(OUTBOX_TASK.c[name] for name in names)).where(IS_STOPPED)


def of_topic(topic: str) -> ColumnElement[bool]:
    """Return the condition that a task is of a topic."""
    return OUTBOX_TASK.c.topic == topic


def topics(connection: Connection) -> list[str]:
    """Return the topics that have stopped tasks."""
    return list(connection.scalars(select(OUTBOX_TASK.c.topic).where(IS_STOPPED).distinct().order_by("topic")))


def count(connection: Connection) -> int:
    """Count the tasks that have stopped."""
    return connection.scalar(select(func.count()).where(IS_STOPPED)) or 0


def again(services: Services, actor: Actor, task_ids: Sequence[int]) -> int:
    """Let these stopped tasks be done again, at once; return how many.

    What has been started meanwhile is left out. A handler may always be called again: a worker can die after the
    effect and before it has said so.
    """
    return services.database.act(lambda connection: again_on(connection, actor, OUTBOX_TASK.c.id.in_(task_ids)))


def all_again(services: Services, actor: Actor, topic: str) -> int:
    """Let the stopped tasks of a topic be done again, as far as one order goes; return how many."""
    oldest = select(OUTBOX_TASK.c.id).where(IS_STOPPED, of_topic(topic)).order_by(*NEWEST).limit(A_TIME)
    return services.database.act(lambda connection: again_on(connection, actor, OUTBOX_TASK.c.id.in_(oldest)))


def again_on(connection: Connection, actor: Actor, wanted: ColumnElement[bool]) -> int:
    """Start stopped tasks again in the caller's transaction, with an entry in the log for each; return how many."""
    started = connection.execute(
        update(OUTBOX_TASK)
        .where(wanted, IS_STOPPED)
        .values(state="pending", due_at=now(), finished_at=None, attempts=0)
        .returning(OUTBOX_TASK.c.id, OUTBOX_TASK.c.topic, OUTBOX_TASK.c.key, OUTBOX_TASK.c.last_error)
    ).all()
    for row in started:
        details = {"topic": row.topic, "key": row.key, "reason": row.last_error}
        audit.record(connection, actor, "task.done_again", ("task", row.id), details)
    for topic in sorted({row.topic for row in started}):
        wake(connection, topic)
    return len(started)
