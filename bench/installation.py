"""A whole installation to measure: web, worker and simulators as processes of their own."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench import processes
from bench.client import Connection, request
from bench.services import listening, wait_until
from portal.cli.processes import web_options

PROGRAMS = {
    "web": "granian.cli:entrypoint",
    "worker": "portal.demo.worker:main",
    "simulators": "portal.simulators.__main__:main",
}
APPLICATION = "portal.demo.wsgi:gateway"
PORTS = range(30_000, 32_700, 2)
"""Below what the kernel gives away: no connection of the run takes a port between the look at it and the start."""
WEB_PROCESSES = 2
"""As many as the product starts by default."""


@dataclass
class Installation:
    """Processes by name, all with ``environment`` added to the run's own variables.

    ``application`` is what the web process serves.
    """

    folder: Path
    port: int
    environment: Mapping[str, str]
    application: str = APPLICATION
    running: dict[str, BaseProcess] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start ``web``, ``worker`` or ``simulators`` and wait until it answers."""
        log = self.folder / f"{name}.log"
        arguments = self._web_arguments() if name == "web" else []
        process = self.running[name] = processes.start(PROGRAMS[name], arguments, self.environment, log)
        pages = {"web": (self.port, "/healthz"), "simulators": (self.port + 1, "/")}
        if name in pages:
            wait_until(lambda: _answers(*pages[name]), lambda: process.exitcode is not None, log)

    def _web_arguments(self) -> list[str]:
        return [*web_options(self.port, WEB_PROCESSES), self.application]

    def stop(self) -> None:
        """End everything."""
        while self.running:
            processes.end(self.running.popitem()[1])

    def web_cpu_seconds(self) -> float:
        """Return the CPU seconds that the web server's processes have used so far; 0 where there is no ``/proc``."""
        group, ticks = self.running["web"].pid, 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _answers(port: int, path: str) -> bool:
    """Say whether the page is there, at the least cost: what measures shares the cores with what starts."""
    if not listening(port):
        return False
    connection = Connection(port)
    try:
        return connection.exchange(request("GET", path)).startswith(b"HTTP/1.1 200 ")
    except OSError:  # not yet
        return False
    finally:
        connection.close()


def _free_pair() -> int:
    """Return a free port whose successor is free as well."""
    places = random.SystemRandom().sample(PORTS, len(PORTS))
    return next(port for port in places if not listening(port) and not listening(port + 1))


@contextmanager
def running(
    names: tuple[str, ...], folder: Path, environment: Mapping[str, str], application: str = APPLICATION
) -> Iterator[Installation]:
    """Run an installation with these processes for the length of a block; logs go to ``folder``."""
    port = _free_pair()
    installation = Installation(folder, port, {**environment, "PORT": str(port)}, application)
    try:
        for name in names:
            installation.start(name)
        yield installation
    finally:
        installation.stop()
