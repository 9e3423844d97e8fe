"""The outbox as a queue: lanes, claims, wake-up, keys; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, delete, event, func, insert, select, update

from portal import background
from portal.core.clock import now
from portal.core.services import Services
from portal.fiscal import stock as fiscal_stock
from portal.issuing.events import BILL_ISSUED
from portal.models import OutboxTask
from portal.models.tables import BILL
from portal.outbox import lanes, tasks
from portal.outbox import worker as worker_module
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Daily, Every
from portal.outbox.tasks import Done, Handler, Outcome, Retry, Task
from portal.outbox.topics import Topic
from portal.outbox.worker import Worker
from tests.support.his import His, outpatient
from tests.support.processes.services import wait_for

TASK: Table = OutboxTask.__table__  # type: ignore[assignment]
SLOW, QUICK = "slow.upload", "quick.code"
EVENTS = {"bill.issued", "bill.supervised", "bill.reversed", "paper.exchanged"}


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


def old_rows(services: Services, bill_id: int) -> None:
    """The outbox as the version before wrote it: one task for all that follow an event."""
    rows = [
        tasks.row("bill.issued", f"bill.issued:{bill_id}", {"bill": bill_id}, now()),
        tasks.row("bill.supervised", f"bill.supervised:{bill_id}", {"bill": bill_id}, now()),
        tasks.row("bill.reversed", f"bill.reversed:{bill_id}", {"bill": bill_id}, now()),
        tasks.row("paper.exchanged", "paper.exchanged:7", {"bill": bill_id, "sheet": 7}, now()),
        tasks.row("stock.reconcile", "stock.reconcile:493921", {"slot": 493921}, now()),
    ]
    with services.database.write() as connection:
        connection.execute(delete(TASK))
        connection.execute(insert(TASK), rows)


def test_rows_of_the_version_before_are_worked_off_completely(app: Flask, his: His, services: Services) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("OLD1")).ok
    with services.database.read() as connection:
        bill_id = connection.execute(select(BILL.c.id)).scalar_one()
    old_rows(services, bill_id)
    done: list[tuple[str, object]] = []
    real = background.handlers(services, app.extensions["qupiao"].limits)
    handlers: dict[Topic, Handler] = {
        topic: handler if topic in EVENTS else lambda _services, task: done.append((task.topic, task.payload)) or Done()
        for topic, handler in real.items()
    }
    Worker(services, handlers, lanes=background.LANES).drain()
    bill = {"bill": bill_id}
    assert sorted(done, key=str) == sorted(
        [
            ("bill.issued/finance", bill),
            ("bill.issued/delivery", bill),
            ("bill.supervised/delivery", bill),
            ("bill.reversed/delivery", bill),
            ("bill.reversed/cards", bill),
            ("paper.exchanged/delivery", {"bill": bill_id, "sheet": 7}),
            ("stock.reconcile", {"slot": 493921}),
        ],
        key=str,
    )
    with services.database.read() as connection:
        assert set(connection.scalars(select(TASK.c.state))) == {"done"}
        keys = set(connection.scalars(select(TASK.c.key)))
    assert {f"bill.issued/finance:{bill_id}", "paper.exchanged/delivery:7"} <= keys
    with services.database.write() as connection:  # stopped between the split and its settling: split again
        connection.execute(
            update(TASK).where(TASK.c.key == f"bill.issued:{bill_id}").values(state="pending", due_at=now())
        )
    assert Worker(services, handlers).drain() == 1 and len(done) == 7
    compare = Task(1, fiscal_stock.CHECK_TOPIC, "k", {"slot": 493921}, 1, now())
    nobody: Any = None  # it must not ask finance
    assert fiscal_stock.compare(services, compare, nobody) == Done()


def test_a_retry_of_one_subscriber_repeats_no_other(app: Flask, his: His, services: Services) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("FAN1")).ok
    calls = {"finance": 0, "delivery": 0}

    def finance(_services: Services, _task: Task) -> Outcome:
        calls["finance"] += 1
        return Retry("away", 0.0) if calls["finance"] < 5 else Done()

    def delivery(_services: Services, _task: Task) -> Outcome:
        calls["delivery"] += 1
        return Done()

    Worker(services, {BILL_ISSUED.to("finance"): finance, BILL_ISSUED.to("delivery"): delivery}, threads=1).drain()
    assert calls == {"finance": 5, "delivery": 1}


def test_the_rows_of_an_event_are_one_statement(app: Flask, his: His, services: Services) -> None:
    statements: list[tuple[str, bool]] = []

    def heard(_connection: object, _cursor: object, text: str, _values: object, _context: object, many: bool) -> None:
        if "outbox_task" in text:
            statements.append((text[:24], many))

    event.listen(services.database.engine, "before_cursor_execute", heard)
    try:
        assert his.call("invoiceEBillOutpatient", outpatient("ONE1")).ok
    finally:
        event.remove(services.database.engine, "before_cursor_execute", heard)
    assert [text for text, _ in statements] == ["INSERT INTO outbox_task "]


SHANGHAI_MIDNIGHT = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (SHANGHAI_MIDNIGHT, "2026-11-30"),
        (SHANGHAI_MIDNIGHT + timedelta(minutes=59, seconds=59), "2026-11-30"),
        (SHANGHAI_MIDNIGHT + timedelta(hours=1), "2026-12-01"),
        (SHANGHAI_MIDNIGHT - timedelta(seconds=1), "2026-11-30"),
        (datetime(2028, 2, 29, 17, 0, tzinfo=UTC), "2028-03-01"),
    ],
)
def test_the_day_of_a_daily_task_begins_at_its_hour_in_the_hospital(moment: datetime, day: str) -> None:
    assert Daily("01:00").slot(moment) == day


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.times(), st.timedeltas(timedelta(0), timedelta(3)))
def test_a_daily_task_has_one_turn_in_every_24_hours(start: datetime, at: time, later: timedelta) -> None:
    daily, begin = Daily(f"{at:%H:%M}"), start.replace(tzinfo=UTC)
    first, second = (date.fromisoformat(daily.slot(moment)) for moment in (begin, begin + later))
    turns = (second - first).days
    assert later // timedelta(days=1) <= turns <= later // timedelta(days=1) + 1
    assert daily.slot(begin + timedelta(days=1)) == (first + timedelta(days=1)).isoformat()


@given(st.integers(0, 2**33), st.integers(1, 86_400))
def test_an_interval_has_one_turn(second: int, interval: int) -> None:
    slot = Every(interval).slot(datetime.fromtimestamp(second, UTC))
    assert slot * interval <= second < (slot + 1) * interval


def test_a_clock_put_back_by_minutes_does_not_rest_what_is_periodic(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each minute once over all workers, restarted or not, and once more whenever the clock comes back to it."""
    done: list[object] = []
    start = SHANGHAI_MIDNIGHT
    clock = [start]
    monkeypatch.setattr(worker_module, "now", lambda: clock[0])

    def fresh() -> Worker:
        handlers = {QUICK: lambda _services, task: done.append(task.payload["slot"]) or Done()}
        return Worker(services, handlers, {QUICK: Every(60)}, threads=1)

    workers = [fresh() for _ in range(2)]

    def minutes(first: int, last: int) -> list[int]:
        """Live through these minutes; which of them had a turn."""
        done.clear()
        for minute in range(first, last + 1):
            clock[0] = start + timedelta(minutes=minute, seconds=5)
            for worker in workers:
                worker.drain()
        zero = Every(60).slot(start)
        return [int(str(slot)) - zero for slot in done]

    assert minutes(0, 9) == list(range(10))
    assert minutes(2, 8) == list(range(2, 9)), "put back by seven minutes"
    workers[:] = [fresh() for _ in range(2)]
    assert minutes(8, 9) == [], "a restart is no reason for another turn; the last minute has had its turn"
    assert minutes(10, 12) == [10, 11, 12]
    workers[:] = [fresh() for _ in range(2)]
    assert minutes(3, 6) == [3, 4, 5, 6], "put back a second time, and restarted"


def test_a_daily_task_runs_once_over_workers_and_makes_up_for_nights_off(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    clock = [SHANGHAI_MIDNIGHT - timedelta(hours=2)]
    monkeypatch.setattr(worker_module, "now", lambda: clock[0])

    def fresh() -> Worker:
        handlers = {QUICK: lambda _services, task: done.append(task.payload["slot"]) or Done()}
        return Worker(services, handlers, {QUICK: Daily("01:00")}, threads=1)

    workers = [fresh() for _ in range(3)]

    def at(moment: datetime) -> list[object]:
        clock[0] = moment
        for worker in workers:
            worker.drain()
        return done

    assert at(clock[0]) == ["2026-11-30"], "the first start makes up for the turn that has passed"
    assert at(SHANGHAI_MIDNIGHT + timedelta(minutes=59)) == ["2026-11-30"]
    assert at(SHANGHAI_MIDNIGHT + timedelta(hours=1)) == ["2026-11-30", "2026-12-01"]
    assert at(SHANGHAI_MIDNIGHT + timedelta(minutes=30)) == ["2026-11-30", "2026-12-01"], "a clock that was set back"
    workers[:] = [fresh() for _ in range(2)]
    assert at(SHANGHAI_MIDNIGHT + timedelta(hours=9)) == ["2026-11-30", "2026-12-01"], "restarted the same day"
    workers[:] = [fresh() for _ in range(2)]
    assert at(SHANGHAI_MIDNIGHT + timedelta(days=3, hours=8)) == ["2026-11-30", "2026-12-01", "2026-12-04"], "once"
    assert states(services, QUICK) == {"done": 3}
