"""The outbox as a queue: lanes, claims, wake-up, keys; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, func, insert, select

from portal.core.clock import now
from portal.core.services import Services
from portal.models import OutboxTask
from portal.outbox import lanes, tasks
from portal.outbox import worker as worker_module
from portal.outbox.lanes import Lane
from portal.outbox.tasks import Done, Outcome, Retry, Task
from portal.outbox.worker import Worker
from tests.support.processes.services import wait_for

TASK: Table = OutboxTask.__table__  # type: ignore[assignment]
SLOW, QUICK = "slow.upload", "quick.code"


@pytest.fixture
def services(app: Flask) -> Services:
    return app.extensions["qupiao"].services


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    """A worker at work for the length of a block."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def backlog(services: Services, count: int) -> None:
    """``count`` due tasks of the slow topic."""
    rows = [tasks.row(SLOW, f"{SLOW}:{number}", {}, now()) for number in range(count)]
    with services.database.write() as connection:
        connection.execute(insert(TASK), rows)


def states(services: Services, topic: str) -> dict[str, int]:
    """How many tasks of a topic are in each state."""
    with services.database.read() as connection:
        query = select(TASK.c.state, func.count()).where(TASK.c.topic == topic).group_by(TASK.c.state)
        return dict(connection.execute(query).all())


def blocked(released: threading.Event) -> Callable[[Services, Task], Outcome]:
    """A handler that waits for the other side, as one does whose finance is slow."""

    def handler(_services: Services, _task: Task) -> Outcome:
        released.wait(60)
        return Done()

    return handler


def code_during_backlog(services: Services, layout: tuple[Lane, ...], timeout: float) -> dict[str, int]:
    """Enqueue a code behind 500 uploads that hang; how the uploads stand when the code is done."""
    backlog(services, 500)
    released = threading.Event()
    handlers = {SLOW: blocked(released), QUICK: lambda *_: Done()}
    with working(Worker(services, handlers, threads=2, lanes=layout)):
        try:
            wait_for(lambda: leased(services) > 0, 20, "uploads in hand")
            with services.database.write() as connection:
                tasks.enqueue(connection, QUICK, "one", {})
            wait_for(lambda: states(services, QUICK) == {"done": 1}, timeout, "the code")
            return states(services, SLOW)
        finally:
            released.set()


def leased(services: Services) -> int:
    """How many tasks some worker has in hand."""
    with services.database.read() as connection:
        return connection.scalar(select(func.count()).where(TASK.c.leased_by != "", TASK.c.state == "pending")) or 0


def test_a_code_does_not_wait_behind_uploads(services: Services) -> None:
    layout = (Lane("codes", (QUICK,), 1), Lane("finance", (SLOW,), 2))
    assert code_during_backlog(services, layout, 20) == {"pending": 500}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_control_in_one_lane_the_code_waits(services: Services) -> None:
    """All threads of the one lane hang at finance, so the code is not sent: what the lanes are for."""
    with pytest.raises(AssertionError, match="the code"):
        code_during_backlog(services, (Lane("all", (QUICK, SLOW), 2),), 2)


def test_a_task_is_settled_when_it_is_done(services: Services) -> None:
    """One that hangs does not hold up the record of the others, so a kill repeats that one only."""
    backlog(services, 6)
    released = threading.Event()

    def handler(_services: Services, task: Task) -> Outcome:
        if task.key == f"{SLOW}:0":
            released.wait(60)
        return Done()

    with working(Worker(services, {SLOW: handler}, threads=2)):
        try:
            wait_for(lambda: states(services, SLOW) == {"done": 5, "pending": 1}, 20, "five settled")
        finally:
            released.set()
    assert states(services, SLOW) == {"done": 6}


def test_a_worker_that_stops_gives_back_what_it_has_not_begun(services: Services) -> None:
    backlog(services, 4)
    released, begun = threading.Event(), threading.Semaphore(0)

    def handler(_services: Services, _task: Task) -> Outcome:
        begun.release()
        released.wait(60)
        return Done()

    stop = threading.Event()
    worker = Worker(services, {SLOW: handler}, threads=1)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    assert begun.acquire(timeout=20)
    wait_for(lambda: leased(services) == 2, 20, "one at work, one at hand")
    stop.set()
    wait_for(lambda: worker.lanes[0].stopping, 20, "the end")
    released.set()
    thread.join(20)
    assert states(services, SLOW) == {"done": 1, "pending": 3}
    assert leased(services) == 0


def test_even_shares_of_a_claim(services: Services) -> None:
    backlog(services, 50)
    with services.database.write() as connection:
        for number in range(3):
            tasks.enqueue(connection, QUICK, f"q{number}", {})
    claimed = tasks.claim(services.database, "w", [SLOW, QUICK, "none"], 10, 60)
    topics = [task.topic for task in claimed]
    assert topics.count(QUICK) == 3
    assert topics.count(SLOW) >= 5


def test_the_newest_does_not_wait_behind_a_backlog(services: Services) -> None:
    """After a day without finance, the bill of who stands there is among the first; the oldest go on all the same."""
    backlog(services, 500)
    with services.database.write() as connection:
        tasks.enqueue(connection, SLOW, "fresh", {})
    keys = {task.key for task in tasks.claim(services.database, "w", [SLOW], 8, 60.0)}
    assert keys > {"fresh"} | {f"{SLOW}:{number}" for number in range(6)} and len(keys) == 8
    assert [task.key for task in tasks.claim(services.database, "w", [SLOW], 1, 60.0)] == [f"{SLOW}:6"]


def test_a_key_is_enqueued_once_also_by_many_at_once(services: Services) -> None:
    barrier = threading.Barrier(8)

    def add(_number: int) -> bool:
        barrier.wait(20)
        with services.database.write() as connection:
            return tasks.enqueue(connection, QUICK, "the same", {})

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(add, range(8)))
    assert sorted(added) == [False] * 7 + [True]
    assert states(services, QUICK) == {"pending": 1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_looking_before_adding_collides(services: Services) -> None:
    """The same race with a look and then an insert must fail, or the test above proves nothing."""
    barrier = threading.Barrier(8)

    def add(_number: int) -> bool:
        with services.database.write() as connection:
            absent = connection.scalar(select(TASK.c.id).where(TASK.c.key == "the same")) is None
            barrier.wait(20)
            if absent:
                connection.execute(insert(TASK), tasks.row(QUICK, "the same", {}, now()))
            return absent

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(add, number) for number in range(8)]
        assert any(future.exception() for future in futures)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_commit_wakes_the_worker(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """With looking put off for an hour, only the notification can bring the task to be done."""
    monkeypatch.setattr(worker_module, "POLL", 3600.0)
    done: list[Any] = []
    worker = Worker(services, {QUICK: lambda _services, task: done.append(task.key) or Done()}, threads=1)
    with working(worker):
        listening = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %%'"
        )

        def heard() -> bool:
            with services.database.read() as connection:
                return connection.exec_driver_sql(listening).scalar() == 1

        wait_for(heard, 20, "LISTEN")
        with services.database.write() as connection:
            tasks.enqueue(connection, QUICK, "wake", {})
        wait_for(lambda: done == ["wake"], 20, "the woken worker")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lost_listener_comes_back_and_looking_is_the_floor(services: Services) -> None:
    done: list[str] = []
    worker = Worker(services, {QUICK: lambda _services, task: done.append(task.key) or Done()}, threads=1)
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE 'LISTEN %%'"
    )

    def killed() -> int:
        with services.database.read() as connection:
            return connection.exec_driver_sql(kill).scalar() or 0

    with working(worker):
        wait_for(killed, 20, "a listener to end")
        with services.database.write() as connection:
            tasks.enqueue(connection, QUICK, "meanwhile", {})
        wait_for(lambda: done == ["meanwhile"], 20, "the task")
        wait_for(killed, 20, "a new listener")


def test_what_a_dead_worker_had_comes_back_after_its_lease(services: Services) -> None:
    backlog(services, 1)
    [task] = tasks.claim(services.database, "dead", [SLOW], 5, 0.2)
    assert tasks.claim(services.database, "other", [SLOW], 5, 60) == []
    [again] = wait_for(lambda: tasks.claim(services.database, "other", [SLOW], 5, 60), 20, "the lease's end")
    assert (again.id, again.attempts) == (task.id, 2)
    tasks.settle(services.database, "dead", [(task, Retry("late"))])
    tasks.settle(services.database, "other", [(again, Done())])
    assert states(services, SLOW) == {"done": 1}


def test_lanes_name_each_topic_once() -> None:
    with pytest.raises(ValueError):
        lanes.complete((Lane("a", ("x",), 1), Lane("b", ("x",), 1)), ["x"], 1)
    made = lanes.complete((Lane("a", ("x", "unhandled"), 1), Lane("b", ("gone",), 1)), ["x", "y", "z"], 3)
    assert made == [Lane("a", ("x",), 1), Lane(lanes.REST, ("y", "z"), 3)]
