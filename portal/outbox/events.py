"""Events: one act that several packages follow up, each by a task of its own.

A package subscribes in its ``jobs.py``; ``portal/background.py`` brings the subscriptions together before the first
event is published. Every subscriber has its own row in the outbox, so the retry of one repeats no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from portal.core.clock import now
from portal.core.services import Services
from portal.models import OutboxTask
from portal.outbox import tasks
from portal.outbox.tasks import Done, Handler, Outcome, Task
from portal.outbox.topics import Topic

_INSERT = insert(OutboxTask)
_SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was committed, such as ``bill.issued``."""

    name: str

    def to(self, subscriber: str) -> Topic:
        """Return the topic of one subscriber's tasks, such as ``bill.issued/finance``."""
        return Topic(f"{self.name}{_SEPARATOR}{subscriber}")


def is_subscription(topic: Topic) -> bool:
    """Say whether a topic is that of one subscriber of an event."""
    return _SEPARATOR in topic


_declared: dict[str, Event] = {}
_subscribed: dict[str, tuple[Topic, ...]] = {}


def event(name: str) -> Event:
    """Declare an event. Raises ValueError when the name is taken."""
    if name in _declared:
        raise ValueError(f"event {name!r} is declared twice")
    return _declared.setdefault(name, Event(name))


def declared() -> tuple[Event, ...]:
    """Return every event that the modules imported so far have declared."""
    return tuple(_declared.values())


def subscribe(topics: Iterable[Topic]) -> None:
    """Set the subscribers of all events.

    Raises ValueError when a topic belongs to no declared event, or when an event has no subscriber.
    """
    by_event: dict[str, tuple[Topic, ...]] = {}
    for topic in topics:
        name = topic.partition(_SEPARATOR)[0]
        by_event[name] = (*by_event.get(name, ()), topic)
    if wrong := by_event.keys() ^ _declared.keys():
        raise ValueError(f"events without declaration or subscriber: {sorted(wrong)}")
    _subscribed.update(by_event)


def subscribers(of: Event) -> tuple[Topic, ...]:
    """Return the topics of an event's subscribers. Raises LookupError before :func:`subscribe` was called."""
    return _subscribed[of.name]


def rows(of: Event, key: int | str, payload: dict[str, Any], at: datetime) -> list[dict[str, Any]]:
    """Build one task for each subscriber, for an insert together with the act."""
    return [tasks.row(topic, f"{topic}:{key}", payload, at) for topic in subscribers(of)]


def publish(
    connection: Connection, of: Event, key: int | str, payload: dict[str, Any], at: datetime | None = None
) -> None:
    """Write one task for each subscriber in the caller's transaction, all in one statement.

    ``key`` names the act among those of the event; an act is published once. Nobody is woken: commits that notify
    stand in one line, and a bill must not wait for that. Workers look at the table four times a second.
    """
    connection.execute(_INSERT, rows(of, key, payload, at or now()))


def split(of: Event) -> Handler:
    """Build the handler for tasks that an earlier version wrote for all subscribers together: one for each instead."""

    def handler(services: Services, task: Task) -> Outcome:
        key = task.key.partition(":")[2]
        with services.database.write() as connection:
            for topic in subscribers(of):
                tasks.enqueue(connection, topic, f"{topic}:{key}", task.payload)
        return Done()

    return handler
