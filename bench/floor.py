"""The floor of issuing: the very rows of an issued bill, written again by nothing but the database layer.

One bill is issued in process while its write transaction is listened to. The same statements are then replayed
with new ids, serials and digests: once through SQLAlchemy Core, once as plain cursor calls of the driver. No HTTP, no
parsing, no signature; two processes of four threads over five ranges, as the web server has them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from multiprocessing.connection import Connection as Pipe
from typing import Any

from flask import Flask
from sqlalchemy import Connection, event

from bench.client import LIMIT_SECONDS, Load
from bench.his import issue
from bench.processes import CONTEXT
from bench.settlements import PLACES, twelve
from bench.site import Site
from portal.core.ids import new_id

PROCESSES, THREADS = 2, 4


@dataclass
class Recording:
    """One act's write transaction: Core statements with their rows, and what reached the driver."""

    core: list[tuple[Any, list[dict[str, Any]]]] = field(default_factory=list)
    driver: list[tuple[str, Any, bool]] = field(default_factory=list)

    def bill(self) -> dict[str, Any]:
        """Return the row of the bill itself."""
        return next(rows[0] for statement, rows in self.core if _table(statement) == "bill")

    def fresh(self) -> dict[Any, Callable[[], Any]]:
        """Return what must be new in every replay: the recorded value and how its successor is made."""
        found: dict[Any, Callable[[], Any]] = {self.bill()["serial"]: lambda: secrets.token_hex(12)}
        found[self.bill()["link_digest"]] = lambda: secrets.token_bytes(32)
        ids = _ids()
        for statement, rows in self.core:
            if _table(statement) in ("bill", "audit_entry", "outbox_task"):
                found |= {row["id"]: lambda: next(ids) for row in rows}
        return found


@cache
def _ids() -> Iterator[int]:
    """Return the ids of this process's replays, counted on from one: random ones of one millisecond would meet."""
    return count(new_id())


def _table(statement: Any) -> str:
    return str(getattr(getattr(statement, "table", None), "name", ""))


def record(app: Flask, place: str) -> Recording:
    """Issue one bill at ``place`` and return what its write transaction consisted of."""
    made = Recording()
    engine = app.extensions["qupiao"].services.database.engine

    def writing(connection: Connection) -> bool:
        return bool(connection.get_execution_options().get("write"))

    def core(connection: Connection, statement: Any, many: Any, one: Any, _options: Any) -> None:
        if writing(connection):
            made.core.append((statement, [dict(row) for row in many] or ([dict(one)] if one else [])))

    def driver(connection: Connection, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if writing(connection):
            made.driver.append((statement, values, many))

    event.listen(engine, "before_execute", core)
    event.listen(engine, "before_cursor_execute", driver)
    try:
        issue(app, twelve(f"floor-{secrets.token_hex(8)}", place))
    finally:
        event.remove(engine, "before_execute", core)
        event.remove(engine, "before_cursor_execute", driver)
    return made


class Renewal:
    """Replaces what must be new: whole values, and ids inside texts (keys, JSON)."""

    def __init__(self, recording: Recording) -> None:
        self._makers = recording.fresh()
        self._bill = recording.bill()["id"]

    def values(self) -> dict[Any, Any]:
        """Return the new values of one replay by the recorded ones."""
        return {recorded: make() for recorded, make in self._makers.items()}

    def renew(self, value: Any, new: dict[Any, Any]) -> Any:
        """``value`` with everything recorded replaced, in whatever the row or its JSON holds."""
        if isinstance(value, dict):
            return {key: self.renew(item, new) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.renew(item, new) for item in value)
        if isinstance(value, str):
            return new.get(value) or value.replace(str(self._bill), str(new[self._bill]))
        if isinstance(value, int | bytes):
            return new.get(value, value)
        if hasattr(value, "obj"):  # the driver's wrapper of a JSON value
            return type(value)(self.renew(value.obj, new))
        return value


Replay = Callable[[Connection], None]


def core_replays(recording: Recording, wanted: int) -> list[Replay]:
    """``wanted`` replays through SQLAlchemy Core."""
    renewal = Renewal(recording)

    def one(steps: list[tuple[Any, Any]]) -> Replay:
        def run(connection: Connection) -> None:
            for statement, rows in steps:
                if _table(statement) == "number_range":
                    taken = connection.execute(statement, rows[0]).one()
                    continue
                if _table(statement) == "bill":
                    rows[0] |= {"range_id": taken[0], "number": taken[1] - 1}
                connection.execute(statement, rows if len(rows) > 1 else rows[0])

        return run

    made = []
    for _ in range(wanted):
        new = renewal.values()
        made.append(one([(statement, renewal.renew(rows, new)) for statement, rows in recording.core]))
    return made


def driver_replays(recording: Recording, wanted: int) -> list[Replay]:
    """``wanted`` replays as plain cursor calls of the driver."""
    renewal = Renewal(recording)
    statements = [step for step in recording.driver if not step[0].startswith("BEGIN")]

    def one(steps: list[tuple[str, Any, bool]]) -> Replay:
        def run(connection: Connection) -> None:
            cursor = connection.connection.cursor()
            for statement, values, many in steps:
                if statement.startswith("UPDATE number_range"):
                    cursor.execute(statement, values)
                    taken = cursor.fetchone()
                elif many:
                    cursor.executemany(statement, values)
                elif statement.startswith("INSERT INTO bill ("):
                    cursor.execute(statement, _numbered(statement, values, taken[0], taken[1] - 1))
                else:
                    cursor.execute(statement, values)
            cursor.close()

        return run

    made = []
    for _ in range(wanted):
        new = renewal.values()
        made.append(one([(statement, renewal.renew(values, new), many) for statement, values, many in statements]))
    return made


def _numbered(statement: str, values: Any, range_id: int, number: int) -> Any:
    if isinstance(values, dict):
        return values | {"range_id": range_id, "number": number}
    columns = [name.strip() for name in statement[statement.index("(") + 1 : statement.index(")")].split(",")]
    filled = list(values)
    filled[columns.index("range_id")], filled[columns.index("number")] = range_id, number
    return tuple(filled)


KINDS = {"core": core_replays, "driver": driver_replays}


def _serve(site: Site, pipe: Pipe) -> None:
    """Run a floor process: it records once a point, then replays as it is told until it is told to stop."""
    with site.app() as app:
        recordings = [record(app, place) for place in PLACES]
        database = app.extensions["qupiao"].services.database
        pipe.send("ready")
        while (order := pipe.recv()) is not None:
            kind, wanted = order
            lists = [KINDS[kind](recording, wanted // len(PLACES)) for recording in recordings]
            waiting = deque(replay for together in zip(*lists, strict=True) for replay in together)
            pipe.send("ready")
            pipe.recv()
            pipe.send(_replay_all(database, waiting))


def _replay_all(database: Any, waiting: deque[Replay]) -> tuple[int, float, float, float]:
    """Count, start and end on the machine's clock, CPU seconds."""
    counts, errors = [0] * THREADS, []

    def work(place: int) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        try:
            while time.monotonic() < deadline:
                try:
                    replay = waiting.popleft()
                except IndexError:
                    return
                with database.write() as connection:
                    replay(connection)
                counts[place] += 1
        except Exception as error:  # noqa: BLE001 - told to the parent, which fails
            errors.append(repr(error))

    started, cpu = time.monotonic(), time.process_time()
    workers = [threading.Thread(target=work, args=(place,)) for place in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise RuntimeError(errors[0])
    return sum(counts), started, time.monotonic(), time.process_time() - cpu


class Floor:
    """The floor's processes on one site; a context manager that ends them."""

    def __init__(self, site: Site) -> None:
        self._pipes, self._processes = [], []
        for _ in range(PROCESSES):
            ours, theirs = CONTEXT.Pipe()
            process = CONTEXT.Process(target=_serve, args=(site, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._all()

    def _all(self) -> list[Any]:
        return [pipe.recv() for pipe in self._pipes]  # EOFError when one has died; its error is on the screen

    def _tell(self, order: Any) -> None:
        for pipe in self._pipes:
            pipe.send(order)

    def run(self, kind: str, wanted: int) -> Load:
        """Write ``wanted`` bills by ``kind`` (``core``, ``driver``), prepared before the clock starts."""
        self._tell((kind, wanted // PROCESSES))
        self._all()
        self._tell("go")
        counts, starts, ends, cpu = zip(*self._all(), strict=True)
        return Load(sum(counts), max(ends) - min(starts), sum(cpu))

    def __enter__(self) -> Floor:  # noqa: PYI034 - Python 3.11 has Self, no subclass needs it
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(None)
        for process in self._processes:
            process.join(20)
            process.kill()
