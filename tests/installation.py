"""A whole installation for tests: web, worker and simulators as processes of their own, over real HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.services import free_port, wait_for

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Installation:
    """Running processes by name; ``kill`` ends one without warning, ``start`` brings it back.

    ``application`` is what the web process serves; ``environment`` is added to its variables.
    """

    data_dir: Path
    database_url: str
    port: int
    redis_url: str = ""
    application: str = "wsgi:application"
    environment: dict[str, str] = field(default_factory=dict)
    web_processes: int = 1
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

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
        environment = os.environ | {
            "QUPIAO_DEMO": "1",
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            **self.environment,
        }
        web = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port)]
        web += ["--workers", str(self.web_processes), "--blocking-threads", "4", "--no-ws", "--log-level", "warning"]
        web.append(self.application)
        arguments = {"web": web, "worker": ["-m", "portal.worker"], "simulators": ["-m", "portal.simulators"]}[name]
        with (self.data_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments], env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        pages = {"web": f"{self.base}/healthz", "simulators": f"{self.simulators}/"}
        if name in pages:
            wait_for(lambda: answers(pages[name]), 180, name)

    def kill(self, name: str) -> None:
        """SIGKILL to the whole process group."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """End everything."""
        for name in list(self.processes):
            self.kill(name)


def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered with 200."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def free_pair() -> int:
    """A free port whose successor is free as well."""
    return wait_for(lambda: _pair(free_port()), what="two free ports in a row")


def _pair(port: int) -> int:
    with socket.socket() as probe:
        return 0 if probe.connect_ex(("127.0.0.1", port + 1)) == 0 else port


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
