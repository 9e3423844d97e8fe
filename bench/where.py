"""Part ``where``: the time of one issue by stage, with nothing beside it: one thread, no HTTP server.

Functions at the borders of the stages are wrapped with two readings of the clock; what a stage calls of another one
counts for that other one, so the sum is the whole request. A border that nobody crosses is an error: what was renamed
or is called by another way must not look like a stage that costs nothing.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any
from unittest import mock

from flask import Flask
from sqlalchemy.engine import Connection
from sqlalchemy.engine.default import DefaultDialect
from werkzeug.test import EnvironBuilder

from bench.amounts import Amounts
from bench.his import ISSUED, PATH, signed
from bench.report import table
from bench.settlements import PLACES, twelve
from bench.site import Site
from portal.blueprints.his import methods, views
from portal.core.crypto.cms import FileSigner
from portal.core.crypto.field_cipher import FieldCipher
from portal.core.database import Database
from portal.his_contract import envelope
from portal.issuing.bills import content, document, issue
from portal.issuing.bills.issue import IssuingService
from portal.rendering import xml

Function = Callable[..., Any]
REST = "web framework, logging, the rest"
STAGES: dict[str, tuple[tuple[Any, Function], ...]] = {
    REST: (),
    "envelope: read, check, decode": (
        (views, views._read),
        (envelope, envelope.signature_holds),
        (envelope, envelope.business),
    ),
    "settlement: fields, rules, sums": ((methods, methods.settlement),),
    "content digests, link token": ((content, content.digests), (IssuingService, IssuingService.token)),
    "document and XML": ((document, document.document), (xml, xml.prepare), (xml.Prepared, xml.Prepared.finish)),
    "rows of the tables": ((issue, issue.lines), (issue, issue._bill_row)),
    "sealing, compressing": ((FieldCipher, FieldCipher.encrypt), (issue, issue._document_row)),
    "signature SM2": ((FileSigner, FileSigner.sign),),
    "database: SQLAlchemy": (
        (Database, Database.read),
        (Database, Database.write),
        (Connection, Connection.execute),
    ),
    "database: driver and server": (
        (DefaultDialect, DefaultDialect.do_execute),
        (DefaultDialect, DefaultDialect.do_executemany),
    ),
    "database: commit": ((DefaultDialect, DefaultDialect.do_commit),),
    "answer: QR code": ((methods, methods.links),),
    "answer: envelope": ((envelope, envelope.answer),),
}
"""Stages in the order of a request, and the functions that each begins with: where their callers look them up, and the
functions themselves."""


class Clock:
    """Milliseconds by stage, on the wall and of our CPU; only the innermost open stage runs."""

    def __init__(self) -> None:
        self._wall: dict[str, float] = defaultdict(float)
        self._cpu: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = (0.0, 0.0)
        self.crossed: Counter[Function] = Counter()

    def _stop(self) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        if self._open:
            self._wall[self._open[-1]] += (wall - self._since[0]) * 1000
            self._cpu[self._open[-1]] += (cpu - self._since[1]) * 1000

    def enter(self, name: str) -> None:
        """Pause the present stage and begin ``name``."""
        self._stop()
        self._open.append(name)
        self._since = (time.perf_counter(), time.thread_time())

    def leave(self) -> None:
        """End the present stage and go on with the one around it."""
        self._stop()
        self._open.pop()
        self._since = (time.perf_counter(), time.thread_time())

    def take(self) -> dict[str, tuple[float, float]]:
        """Wall and CPU by stage since the last call."""
        taken = {name: (self._wall[name], self._cpu[name]) for name in STAGES}
        self._wall.clear()
        self._cpu.clear()
        return taken

    def wrap(self, name: str, function: Function) -> Function:
        """Return ``function`` counted for a stage; of a context manager its entry and its end, not its inside."""

        def counted(*values: Any, **named: Any) -> Any:
            self.crossed[function] += 1
            self.enter(name)
            try:
                made = function(*values, **named)
            finally:
                self.leave()
            return self._manager(name, made) if hasattr(made, "gen") else made

        return counted

    @contextmanager
    def _manager(self, name: str, made: Any) -> Iterator[Any]:
        with ExitStack() as stack:
            self.enter(name)
            value = stack.enter_context(made)
            self.leave()
            yield value
            self.enter(name)
            stack.close()
            self.leave()


def _title(owner: Any, function: Function) -> str:
    return f"{owner.__name__}.{function.__name__}"


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Wrap every border for the length of a block. Raises LookupError if one is not there or was never crossed."""
    borders = [(name, owner, function) for name, pairs in STAGES.items() for owner, function in pairs]
    with ExitStack() as stack:
        for name, owner, function in borders:
            if getattr(owner, function.__name__, None) is not function:
                raise LookupError(f"{_title(owner, function)} is another function by now")
            stack.enter_context(mock.patch.object(owner, function.__name__, clock.wrap(name, function)))
        yield
    if never := [_title(owner, function) for _, owner, function in borders if function not in clock.crossed]:
        raise LookupError(f"never called while a bill was issued: {', '.join(never)}")


def measure(app: Flask, bills: int) -> list[dict[str, tuple[float, float]]]:
    """Return wall and CPU milliseconds by stage, one dictionary a bill; a tenth as many go before to warm up."""
    clock, run, warm, spent = Clock(), secrets.token_hex(4), bills // 10, []
    with watched(clock):
        for number in range(warm + bills):
            body = signed(twelve(f"W{run}{number}", PLACES[number % len(PLACES)]))
            environ = EnvironBuilder(PATH, method="POST", data=body).get_environ()
            clock.take()
            clock.enter(REST)
            answer = b"".join(app.wsgi_app(environ, lambda *_: None))
            clock.leave()
            assert ISSUED in answer, answer
            spent.append(clock.take())
    return spent[warm:]


def run(site: Site, amounts: Amounts) -> None:
    """Measure and print."""
    with site.app() as app:
        spent = measure(app, amounts.staged)
    wall = {name: median(bill[name][0] for bill in spent) for name in STAGES}
    cpu = {name: median(bill[name][1] for bill in spent) for name in STAGES}
    total, all_cpu = sum(wall.values()), sum(cpu.values())
    rows = [(name, f"{wall[name]:.2f}", f"{cpu[name]:.2f}", f"{cpu[name] / all_cpu:.0%}") for name in STAGES]
    head = (f"one thread, medians of {amounts.staged}", "ms", "our CPU", "")
    table(f"Where one issue goes on {site.kind}: {total:.2f} ms, {all_cpu:.2f} ms of it our own CPU", head, rows)
