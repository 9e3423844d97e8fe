"""Real parts for tests: a throw-away PostgreSQL and Redis on free ports, started once a run and always stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], T], timeout: float = 30.0, what: str = "the condition") -> T:
    """Poll until ``condition`` is true and return its value; fails loudly after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.05)  # between two looks at a condition: this is what tests call instead of sleeping
    return value


def listening(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Server:
    """A server process of our own: its URL, and how it is ended."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path | None = None

    def stop(self) -> None:
        """End it at once and remove what it wrote; its data are of no use to anybody."""
        self.process.send_signal(signal.SIGQUIT if self.folder else signal.SIGTERM)
        self.process.wait(30)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def start_postgresql() -> Server:
    """A PostgreSQL server on a free port; its URL names the administrative database.

    It never waits for the disk: what a killed *client* leaves behind is tested, not a power cut of the database.
    """
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    programs = binaries[0] if binaries else Path(shutil.which("initdb") or "initdb").parent
    folder = Path(tempfile.mkdtemp(prefix="qupiao-pg-"))
    port = free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run([*user, *initdb, "--no-sync"], check=True, **quiet)  # type: ignore[call-overload]
    values = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "max_connections": 300}
    values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
    options = [word for name, value in values.items() for word in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", data, *options]
    identity: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if user else {}
    process = subprocess.Popen(command, start_new_session=True, **quiet, **identity)  # type: ignore[call-overload]
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    wait_for(lambda: subprocess.run(ready, check=False, **quiet).returncode == 0, what="PostgreSQL")  # type: ignore[call-overload]
    return Server(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", process, folder)


def start_redis() -> Server:
    """A Redis server on a free port, which keeps nothing."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=tempfile.gettempdir()
    )
    wait_for(lambda: listening(port), what="Redis")
    return Server(f"redis://127.0.0.1:{port}/0", process)


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server for the length of a block; yields the URL of its administrative database."""
    server = start_postgresql()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server for the length of a block; yields its URL."""
    server = start_redis()
    try:
        yield server.url
    finally:
        server.stop()
