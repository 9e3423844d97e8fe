"""Part ``where``: the time of one issue by stage, with nothing beside it: one thread, no HTTP server.

Functions at the borders of the stages are wrapped with two readings of the clock; what a stage calls of another one
counts for that other one, so the sum is the whole request.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pkgutil import resolve_name
from statistics import median
from typing import Any
from unittest import mock

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench.report import table
from bench.settlements import ISSUED, METHOD, PLACES, twelve
from bench.site import Site
from tests.his import encode

BILLS, WARM = 150, 20

REST = "web framework, logging, the rest"
STAGES: dict[str, tuple[str, ...]] = {
    REST: (),
    "envelope: read, check, decode": (
        "portal.blueprints.his.views._read",
        "portal.his_contract.envelope.signature_holds",
        "portal.his_contract.envelope.business",
    ),
    "settlement: fields, rules, sums": ("portal.blueprints.his.methods.settlement",),
    "content digests, link token": (
        "portal.issuing.bills.content.digests",
        "portal.issuing.bills.issue.IssuingService.token",
    ),
    "document and XML": (
        "portal.issuing.bills.document.document",
        "portal.rendering.xml.prepare",
        "portal.rendering.xml.Prepared.finish",
    ),
    "rows of the tables": ("portal.issuing.bills.issue.lines", "portal.issuing.bills.issue._bill_row"),
    "sealing, compressing": (
        "portal.core.crypto.field_cipher.FieldCipher.encrypt",
        "portal.issuing.bills.issue._document_row",
    ),
    "signature SM2": ("portal.core.crypto.cms.FileSigner.sign",),
    "database: SQLAlchemy": (
        "portal.core.database.Database.read",
        "portal.core.database.Database.write",
        "sqlalchemy.engine.base.Connection.execute",
    ),
    "database: driver and server": (
        "sqlalchemy.engine.default.DefaultDialect.do_execute",
        "sqlalchemy.engine.default.DefaultDialect.do_executemany",
    ),
    "database: commit": ("sqlalchemy.engine.default.DefaultDialect.do_commit",),
    "answer: QR code": ("portal.blueprints.his.methods.links",),
    "answer: envelope": ("portal.his_contract.envelope.answer",),
}
"""Stages in the order of a request, and where each begins."""


class Clock:
    """Milliseconds by stage, on the wall and of our CPU; only the innermost open stage runs."""

    def __init__(self) -> None:
        self._wall: dict[str, float] = defaultdict(float)
        self._cpu: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = (0.0, 0.0)

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

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` counted for a stage; of a context manager its entry and its end, not its inside."""

        def counted(*values: Any, **named: Any) -> Any:
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


def measure(app: Flask) -> list[dict[str, tuple[float, float]]]:
    """Wall and CPU milliseconds by stage, one dictionary a bill."""
    clock, run, found = Clock(), secrets.token_hex(4), []
    with ExitStack() as stack:
        for name, paths in STAGES.items():
            for path in paths:
                stack.enter_context(mock.patch(path, clock.wrap(name, resolve_name(path))))
        for number in range(BILLS + WARM):
            body = json.dumps(encode(twelve(f"W{run}{number}", PLACES[number % len(PLACES)]))).encode()
            environ = EnvironBuilder(f"/medical-web/api/medical/{METHOD}", method="POST", data=body).get_environ()
            clock.take()
            clock.enter(REST)
            answer = b"".join(app.wsgi_app(environ, lambda *_: None))
            clock.leave()
            assert ISSUED in answer, answer
            spent = clock.take()
            if number >= WARM:
                found.append(spent)
    return found


def run(site: Site, _rounds: int) -> None:
    """Measure and print."""
    with site.app() as app:
        found = measure(app)
    wall = {name: median(bill[name][0] for bill in found) for name in STAGES}
    cpu = {name: median(bill[name][1] for bill in found) for name in STAGES}
    total, all_cpu = sum(wall.values()), sum(cpu.values())
    rows = [(name, f"{wall[name]:.2f}", f"{cpu[name]:.2f}", f"{cpu[name] / all_cpu:.0%}") for name in STAGES]
    head = (f"one thread, medians of {BILLS}", "ms", "our CPU", "")
    table(f"Where one issue goes on {site.kind}: {total:.2f} ms, {all_cpu:.2f} ms of it our own CPU", head, rows)
