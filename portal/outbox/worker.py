"""Drains the outbox: any number of workers, on any number of machines, share the table."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from portal.core.clock import now
from portal.core.services import Services
from portal.outbox.lanes import Lane, LaneWork, complete
from portal.outbox.schedule import Schedule
from portal.outbox.tasks import Dead, Handler, Outcome, Retry, Task, due_topics, enqueue, is_known
from portal.outbox.topics import Topic
from portal.outbox.wake import listen

log = structlog.get_logger("qupiao.worker")

POLL = 0.25
"""Seconds between two looks for due tasks, one for all lanes: the floor when nobody wakes the worker (or on SQLite)."""

MOST_PUT_BACK = 20
"""So often the clock may be put back over the same minute."""

MOST_ATTEMPTS = 500
"""A task that fails unexpectedly this often becomes a dead letter."""


class Worker:
    """Runs handlers by topic. ``lanes`` keep topics from waiting for each other; ``threads`` are for the rest.

    ``schedule`` says when each periodic topic has its turn (one row, with a unique key, for each turn).
    """

    def __init__(
        self,
        services: Services,
        handlers: Mapping[Topic, Handler],
        schedule: Mapping[Topic, Schedule] | None = None,
        threads: int = 4,
        lease: float = 60.0,
        lanes: Sequence[Lane] = (),
    ) -> None:
        self.services = services
        self.handlers = dict(handlers)
        self.schedule = dict(schedule or {})
        self.name = f"worker-{secrets.token_hex(6)}"
        self.lanes = [
            LaneWork(lane, services.database, self.name, lease, self._do)
            for lane in complete(lanes, self.handlers, threads)
        ]
        self._slots: dict[Topic, int | str] = {}

    def run_once(self) -> int:
        """Claim and do one batch of due tasks in every lane; returns how many were done."""
        self._schedule()
        count = sum(lane.fill() for lane in self.lanes)
        for lane in self.lanes:
            lane.join()
        return count

    def drain(self) -> int:
        """Work until nothing is due; returns how many tasks were done."""
        total = 0
        while done := self.run_once():
            total += done
        return total

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; a database that is away is waited for, tasks in hand are finished."""
        threads = [threading.Thread(target=lane.run, args=(stop,), name=lane.lane.name) for lane in self.lanes]
        if self.services.database.dialect == "postgresql":
            threads.append(threading.Thread(target=listen, args=(self.services.database.engine, self.ring, stop)))
        for thread in threads:
            thread.start()
        while True:
            try:
                self._schedule()
                for topic in due_topics(self.services.database, list(self.handlers)):
                    self.ring(topic)
            except DBAPIError as error:
                log.warning("outbox.database_away", error=type(error).__name__)
            if stop.wait(POLL):
                break
        for lane in self.lanes:
            lane.ring()
        for thread in threads:
            thread.join()

    def ring(self, topic: str) -> None:
        """Have the lane of a topic look for due tasks at once."""
        for lane in self.lanes:
            if topic in lane.lane.topics:
                lane.ring()

    def _do(self, task: Task) -> Outcome:
        try:
            return self.handlers[task.topic](self.services, task)
        except Exception as error:  # a handler's bug must not stop the others, nor lose its task
            log.exception("outbox.handler_failed", topic=task.topic, task=task.id, attempt=task.attempts)
            reason = type(error).__name__
            return Dead(reason) if task.attempts >= MOST_ATTEMPTS else Retry(reason)

    def _schedule(self) -> None:
        """Write the task of every turn that has come; of several workers one succeeds, by the unique key."""
        moment = now()
        for topic, schedule in self.schedule.items():
            slot = schedule.slot(moment)
            if self._slots.get(topic) != slot:
                with self.services.database.write() as connection:
                    _take_turn(connection, topic, slot)
                self._slots[topic] = slot


def _take_turn(connection: Connection, topic: Topic, slot: int | str) -> None:
    """Write the task of a turn, unless another worker has.

    A turn whose next one is there as well was taken before the clock was put back: it comes once more, or the task
    would rest until the clock is where it was. A daily one has had its day.
    """
    for again in range(MOST_PUT_BACK):
        suffix = f":{again}" if again else ""
        if enqueue(connection, topic, f"{topic}:{slot}{suffix}", {"slot": slot}) or isinstance(slot, str):
            return
        if not is_known(connection, f"{topic}:{slot + 1}{suffix}"):
            return
