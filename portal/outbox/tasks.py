"""The outbox table as a queue: enqueue with the act, claim by lease, finish, retry, give up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, literal, select, union_all, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.database import Database
from portal.core.ids import new_id
from portal.core.services import Services
from portal.models.tables import OUTBOX_TASK
from portal.outbox.topics import Topic


@dataclass(frozen=True, slots=True)
class Task:
    """One claimed task. ``attempts`` counts this one; ``payload`` holds ids only, never personal data."""

    id: int
    topic: Topic
    key: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """The effect is there."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not yet: try again in ``after`` seconds (``None``: by the usual back-off). ``reason`` is for operators."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """Will never work as it is: a person must look (dead letter)."""

    reason: str


Outcome = Done | Retry | Dead

Handler = Callable[[Services, Task], Outcome]
"""Does one task. It must be safe to repeat: a worker may die after the effect and before saying so."""

BACK_OFF = (1, 2, 5, 15, 30, 60, 120, 300)
"""Seconds before attempt 2, 3, …; the last one repeats."""


def row(
    topic: Topic, key: str, payload: dict[str, Any], at: datetime, due_at: datetime | None = None
) -> dict[str, Any]:
    """Build the values of a new task, for an insert together with the act."""
    return {
        "id": new_id(),
        "topic": topic,
        "key": key,
        "payload": payload,
        "state": "pending",
        "attempts": 0,
        "due_at": due_at or at,
        "leased_by": "",
        "last_error": "",
        "created_at": at,
        "finished_at": None,
    }


CHANNEL = "qupiao_outbox"
"""PostgreSQL's notification channel; its messages are topics that have a new task (:func:`wake`)."""


def enqueue(
    connection: Connection, topic: Topic, key: str, payload: dict[str, Any], due_at: datetime | None = None
) -> bool:
    """Add a task in the caller's transaction and wake a worker at its commit; returns whether it is new.

    A second task with the same ``key`` is not added, also when both are added at the same moment.
    """
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = row(topic, key, payload, now(), due_at)
    insert = make(OUTBOX_TASK).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(OUTBOX_TASK.c.id)
    added = connection.execute(insert).first() is not None
    if added and due_at is None:
        wake(connection, topic)
    return added


def is_known(connection: Connection, key: str) -> bool:
    """Tell whether there is a task with this key, done or not."""
    return connection.scalar(select(OUTBOX_TASK.c.id).where(OUTBOX_TASK.c.key == key)) is not None


def wake(connection: Connection, topic: str) -> None:
    """Wake the workers of a topic when the caller's transaction commits; only PostgreSQL can, elsewhere they look.

    Events do without: commits that notify stand in one line, and an upload may wait a quarter of a second.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, topic)))


def claim(database: Database, worker: str, topics: Sequence[str], limit: int, lease: float) -> list[Task]:
    """Take up to ``limit`` due tasks for ``lease`` seconds; a worker that dies gives them back by the lease's end.

    Each topic that has due tasks gets an even share, so that a backlog of one does not keep the others waiting; a
    quarter of a share is for the newest, since somebody may stand there while yesterday's thousands are worked off.
    """
    waiting = due_topics(database, topics) if limit > 0 else []
    if not waiting:
        return []  # an idle queue must not take SQLite's only write lock
    moment = now()
    claimed: list[Task] = []
    with database.write() as connection:
        for index, topic in enumerate(waiting):
            share = -(-(limit - len(claimed)) // (len(waiting) - index))
            claimed += _claim_topic(connection, worker, topic, share, moment, lease)
    return claimed


def due_topics(database: Database, topics: Sequence[str]) -> list[str]:
    """Return those of ``topics`` that have due tasks, with one probe of the index each, however long the backlog."""
    moment = now()
    due = [
        select(literal(topic)).where(
            select(OUTBOX_TASK.c.id)
            .where(OUTBOX_TASK.c.topic == topic, OUTBOX_TASK.c.state == "pending", OUTBOX_TASK.c.due_at <= moment)
            .exists()
        )
        for topic in topics
    ]
    if not due:
        return []
    with database.read() as connection:
        return list(connection.scalars(union_all(*due)))


def _claim_topic(
    connection: Connection, worker: str, topic: str, limit: int, moment: datetime, lease: float
) -> list[Task]:
    due = select(OUTBOX_TASK.c.id).where(
        OUTBOX_TASK.c.topic == topic, OUTBOX_TASK.c.state == "pending", OUTBOX_TASK.c.due_at <= moment
    )
    if connection.dialect.name != "sqlite":
        due = due.with_for_update(skip_locked=True)
    take = (
        update(OUTBOX_TASK)
        .values(attempts=OUTBOX_TASK.c.attempts + 1, leased_by=worker, due_at=moment + timedelta(seconds=lease))
        .returning(
            OUTBOX_TASK.c.id,
            OUTBOX_TASK.c.topic,
            OUTBOX_TASK.c.key,
            OUTBOX_TASK.c.payload,
            OUTBOX_TASK.c.attempts,
            OUTBOX_TASK.c.created_at,
        )
    )
    claimed: list[Task] = []
    newest = limit // 4
    for order, most in ((OUTBOX_TASK.c.due_at, limit - newest), (OUTBOX_TASK.c.due_at.desc(), newest)):
        if most:
            rows = connection.execute(take.where(OUTBOX_TASK.c.id.in_(due.order_by(order).limit(most))))
            claimed += [Task(*row) for row in rows]
    return claimed


def settle(database: Database, worker: str, results: Sequence[tuple[Task, Outcome]]) -> None:
    """Record how tasks ended. A task that another worker has taken over meanwhile is left to that worker."""
    moment = now()
    with database.write() as connection:
        for task, outcome in results:
            connection.execute(
                update(OUTBOX_TASK)
                .where(
                    OUTBOX_TASK.c.id == task.id,
                    OUTBOX_TASK.c.leased_by == worker,
                    OUTBOX_TASK.c.attempts == task.attempts,
                )
                .values(**_values(task, outcome, moment))
            )


def _values(task: Task, outcome: Outcome, moment: datetime) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"state": "done", "finished_at": moment, "leased_by": ""}
    if isinstance(outcome, Dead):
        return {"state": "dead", "finished_at": moment, "leased_by": "", "last_error": outcome.reason[:500]}
    after = outcome.after if outcome.after is not None else BACK_OFF[min(task.attempts, len(BACK_OFF)) - 1]
    return {"due_at": moment + timedelta(seconds=after), "leased_by": "", "last_error": outcome.reason[:500]}
