"""Drains the outbox: any number of workers, on any number of machines, share the table."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import DBAPIError

from portal.core.services import Services
from portal.outbox.tasks import Dead, Outcome, Retry, Task, claim, enqueue, settle

log = structlog.get_logger("qupiao.worker")

Handler = Callable[[Services, Task], Outcome]
"""Does one task. It must be safe to repeat: a worker may die after the effect and before saying so."""

MOST_ATTEMPTS = 500
"""A task that fails unexpectedly this often becomes a dead letter."""


class Worker:
    """Runs handlers by topic; ``jobs`` maps a periodic topic to its interval in seconds (a unique row per slot)."""

    def __init__(
        self,
        services: Services,
        handlers: Mapping[str, Handler],
        jobs: Mapping[str, int] | None = None,
        threads: int = 4,
        lease: float = 60.0,
    ) -> None:
        self.services = services
        self.handlers = dict(handlers)
        self.jobs = dict(jobs or {})
        self.name = f"worker-{secrets.token_hex(6)}"
        self.lease = lease
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="outbox")
        self._batch = threads * 4
        self._slots: dict[str, int] = {}

    def run_once(self) -> int:
        """Claim and do one batch of due tasks; returns how many were done."""
        self._schedule()
        tasks = claim(self.services.database, self.name, list(self.handlers), self._batch, self.lease)
        if tasks:
            outcomes = list(self._pool.map(self._do, tasks))
            settle(self.services.database, self.name, list(zip(tasks, outcomes, strict=True)))
        return len(tasks)

    def drain(self) -> int:
        """Work until nothing is due; returns how many tasks were done."""
        total = 0
        while done := self.run_once():
            total += done
        return total

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; an empty outbox is looked at twice a second, a database away waited for."""
        while not stop.is_set():
            try:
                if self.run_once():
                    continue
                stop.wait(0.5)
            except DBAPIError as error:
                log.warning("outbox.database_away", error=type(error).__name__)
                stop.wait(1.0)
        self._pool.shutdown(wait=True)

    def _do(self, task: Task) -> Outcome:
        try:
            return self.handlers[task.topic](self.services, task)
        except Exception as error:  # a handler's bug must not stop the others, nor lose its task
            log.exception("outbox.handler_failed", topic=task.topic, task=task.id, attempt=task.attempts)
            reason = type(error).__name__
            return Dead(reason) if task.attempts >= MOST_ATTEMPTS else Retry(reason)

    def _schedule(self) -> None:
        seconds = int(datetime.now(UTC).timestamp())
        for topic, interval in self.jobs.items():
            slot = seconds // interval
            if self._slots.get(topic) != slot:
                with self.services.database.write() as connection:
                    enqueue(connection, topic, f"{topic}:{slot}", {"slot": slot})
                self._slots[topic] = slot
