"""The outbox table as a queue: enqueue with the act, claim by lease, finish, retry, give up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from portal.core.clock import now
from portal.core.database import Database
from portal.core.ids import new_id
from portal.models import OutboxTask

TASK: Table = OutboxTask.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Task:
    """One claimed task. ``attempts`` counts this one; ``payload`` holds ids only, never personal data."""

    id: int
    topic: str
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

BACK_OFF = (1, 2, 5, 15, 30, 60, 120, 300)
"""Seconds before attempt 2, 3, …; the last one repeats."""


def row(topic: str, key: str, payload: dict[str, Any], at: datetime, due_at: datetime | None = None) -> dict[str, Any]:
    """The values of a new task, for an insert together with the act."""
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


def enqueue(
    connection: Connection, topic: str, key: str, payload: dict[str, Any], due_at: datetime | None = None
) -> None:
    """Add a task in the caller's transaction; a second one with the same ``key`` is a no-op."""
    if connection.scalar(select(TASK.c.id).where(TASK.c.key == key)) is None:
        connection.execute(insert(TASK), row(topic, key, payload, now(), due_at))


def claim(database: Database, worker: str, topics: Sequence[str], limit: int, lease: float) -> list[Task]:
    """Take up to ``limit`` due tasks for ``lease`` seconds; a worker that dies gives them back by the lease's end."""
    moment = now()
    due = (
        select(TASK.c.id)
        .where(TASK.c.state == "pending", TASK.c.due_at <= moment, TASK.c.topic.in_(topics))
        .order_by(TASK.c.due_at)
        .limit(limit)
    )
    if database.dialect == "sqlite":
        with database.read() as connection:  # an idle queue must not take the only write lock
            if connection.scalar(due.limit(1)) is None:
                return []
    else:
        due = due.with_for_update(skip_locked=True)
    with database.write() as connection:
        rows = connection.execute(
            update(TASK)
            .where(TASK.c.id.in_(due))
            .values(attempts=TASK.c.attempts + 1, leased_by=worker, due_at=moment + timedelta(seconds=lease))
            .returning(TASK.c.id, TASK.c.topic, TASK.c.key, TASK.c.payload, TASK.c.attempts, TASK.c.created_at)
        ).all()
    return [Task(*found) for found in rows]


def settle(database: Database, worker: str, results: Sequence[tuple[Task, Outcome]]) -> None:
    """Write down how tasks ended; one that another worker has taken over meanwhile is left to it."""
    moment = now()
    with database.write() as connection:
        for task, outcome in results:
            connection.execute(
                update(TASK)
                .where(TASK.c.id == task.id, TASK.c.leased_by == worker, TASK.c.attempts == task.attempts)
                .values(**_values(task, outcome, moment))
            )


def _values(task: Task, outcome: Outcome, moment: datetime) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"state": "done", "finished_at": moment, "leased_by": ""}
    if isinstance(outcome, Dead):
        return {"state": "dead", "finished_at": moment, "leased_by": "", "last_error": outcome.reason[:500]}
    after = outcome.after if outcome.after is not None else BACK_OFF[min(task.attempts, len(BACK_OFF)) - 1]
    return {"due_at": moment + timedelta(seconds=after), "leased_by": "", "last_error": outcome.reason[:500]}
