"""Lanes of a worker: topics that may wait for each other share threads; no lane waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from portal.core.database import Database
from portal.outbox.tasks import Outcome, Retry, Task, claim, settle
from portal.outbox.topics import Topic

log = structlog.get_logger("qupiao.worker")

REST = "rest"
"""The lane of every topic that no other lane names."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A name for logs, the topics, and how many threads work on them."""

    name: str
    topics: tuple[Topic, ...]
    threads: int


def complete(lanes: Sequence[Lane], topics: Iterable[Topic], threads: int) -> list[Lane]:
    """Add a lane for the topics that no lane names, and leave out topics without a handler.

    Raises ValueError when two lanes name one topic.
    """
    handled = list(topics)
    named = [topic for lane in lanes for topic in lane.topics]
    if len(named) != len(set(named)):
        raise ValueError("a topic belongs to one lane")
    whole = [Lane(lane.name, tuple(t for t in lane.topics if t in handled), lane.threads) for lane in lanes]
    whole.append(Lane(REST, tuple(topic for topic in handled if topic not in named), threads))
    return [lane for lane in whole if lane.topics]


class LaneWork:
    """One lane at work in this process: claims what it has room for, settles each task when it is done."""

    def __init__(
        self, lane: Lane, database: Database, worker: str, lease: float, do: Callable[[Task], Outcome]
    ) -> None:
        self.lane = lane
        self._database = database
        self._worker = worker
        self._lease = lease
        self._do = do
        self._pool = ThreadPoolExecutor(lane.threads, thread_name_prefix=f"outbox-{lane.name}")
        # Twice the threads: the next tasks are at hand when one ends, and none waits long on its lease.
        self._most = lane.threads * 2
        self._in_hand = 0
        self._changed = threading.Condition()
        self._bell = threading.Event()
        self.stopping = False

    def ring(self) -> None:
        """Look for due tasks now."""
        self._bell.set()

    def fill(self) -> int:
        """Claim as many due tasks as there is room for and start them; returns how many."""
        with self._changed:
            room = self._most - self._in_hand
        tasks = claim(self._database, self._worker, self.lane.topics, room, self._lease)
        with self._changed:
            self._in_hand += len(tasks)
        for task in tasks:
            self._pool.submit(self._work, task)
        return len(tasks)

    def join(self) -> None:
        """Wait until nothing is in hand."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_hand == 0)

    def run(self, stop: threading.Event) -> None:
        """Work whenever the bell rings until ``stop`` is set; what is begun is finished, what is not is given back."""
        while True:
            self._bell.clear()
            if stop.is_set():  # looked at after the bell, since the last ring may just have been cleared
                break
            try:
                claimed = self.fill()
            except DBAPIError as error:
                log.warning("outbox.database_away", lane=self.lane.name, error=type(error).__name__)
                stop.wait(1.0)
                continue
            if not claimed or self._in_hand >= self._most:
                self._bell.wait()
        self.close()

    def close(self) -> None:
        """Finish what is begun, give back what is not."""
        self.stopping = True
        self._pool.shutdown(wait=True)

    def _work(self, task: Task) -> None:
        try:
            outcome = Retry("stopped before it began", 0.0) if self.stopping else self._do(task)
            settle(self._database, self._worker, [(task, outcome)])
        except DBAPIError as error:  # the lease gives the task back
            log.warning("outbox.not_settled", topic=task.topic, task=task.id, error=type(error).__name__)
        finally:
            with self._changed:
                self._in_hand -= 1
                self._changed.notify_all()
                if self._in_hand <= self._most // 2:
                    self._bell.set()
