"""A whole installation for tests: web, worker and simulators as processes of their own, over real HTTP."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from portal.cli.processes import web_options
from tests.support.processes import forks
from tests.support.processes.forks import Forked
from tests.support.processes.services import wait_for

PROGRAMS = {
    "web": "granian.cli:entrypoint",
    "worker": "portal.demo.worker:main",
    "simulators": "portal.simulators.__main__:main",
}
_PLACES = itertools.cycle(range(0, 1000, 2))


@dataclass
class Installation:
    """Running processes by name; ``kill`` ends one without warning, ``start`` brings it back.

    ``application`` is what the web process serves; ``environment`` is added to its variables.
    """

    data_dir: Path
    database_url: str
    port: int
    redis_url: str = ""
    application: str = "portal.demo.wsgi:gateway"
    environment: dict[str, str] = field(default_factory=dict)
    web_processes: int = 1
    processes: dict[str, Forked] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """Address of the web application."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def simulators(self) -> str:
        """Address of the simulators."""
        return f"http://127.0.0.1:{self.port + 1}"

    def start(self, name: str) -> None:
        """Start ``web``, ``worker`` or ``simulators`` and wait until it answers."""
        environment = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            **self.environment,
        }
        web = [*web_options(self.port, self.web_processes), self.application]
        arguments = web if name == "web" else []
        self.processes[name] = forks.program(PROGRAMS[name], arguments, environment, self.data_dir / f"{name}.log")
        pages = {"web": (self.port, "/healthz"), "simulators": (self.port + 1, "/")}
        if name in pages:
            wait_for(lambda: self._alive(name) and answers(*pages[name]), 180, name)

    def _alive(self, name: str) -> bool:
        """Fails at once, with its last words, when a process has ended by itself."""
        if not self.processes[name].ended:
            return True
        raise AssertionError(f"{name} has ended: {(self.data_dir / f'{name}.log').read_text()[-2000:]}")

    def kill(self, name: str) -> None:
        """``kill -9`` of the whole process group."""
        self.processes.pop(name).kill()

    def stop(self) -> None:
        """End everything."""
        for name in list(self.processes):
            self.kill(name)


def answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered with 200; by a plain connection, since a client of httpx costs 20 ms a look."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):  # it does not listen yet, or has ended meanwhile
        return False
    finally:
        connection.close()


def free_pair() -> int:
    """A free port whose successor is free as well, out of the thousand that belong to this process of the run.

    They lie below what the kernel gives away, so that neither another process of the run nor a connection takes one
    between this look and the server's start.
    """
    first = 20_000 + 1000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return next(port for place in _PLACES if _free(port := first + place) and _free(port + 1))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def running(
    data_dir: Path, database_url: str, names: tuple[str, ...], redis_url: str = "", **more: Any
) -> Iterator[Installation]:
    """An installation with these processes; always ended. ``more``: further fields of :class:`Installation`."""
    installation = Installation(data_dir, database_url, free_pair(), redis_url, **more)
    try:
        for name in names:
            installation.start(name)
        yield installation
    finally:
        installation.stop()
