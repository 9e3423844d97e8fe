"""PostgreSQL and Redis of a run's own: on free loopback ports, with data that nobody keeps."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 180.0
"""A server that is not ready by then never will be."""


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Say whether somebody accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(ready: Callable[[], bool], ended: Callable[[], bool], log: Path) -> None:
    """Wait for ``ready``. Raises RuntimeError with the end of the log if the server ends first or takes too long."""
    deadline = time.monotonic() + SECONDS
    while not ready():
        if ended() or time.monotonic() > deadline:
            words = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"It has ended, or is not ready after {SECONDS:.0f} s. {log.name}: {words}")
        time.sleep(0.05)


def _run(command: Sequence[str], log: Path, user: str | None = None) -> subprocess.Popen[bytes]:
    more: dict[str, object] = {"user": user, "group": user, "extra_groups": []} if user else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True, **more
        )  # type: ignore[call-overload]


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server for the length of a block; yields the URL of its administrative database.

    It never waits for the disk, so that its figures are those of the code rather than of the machine's disk.
    """
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder, port = Path(tempfile.mkdtemp(prefix="qupiao-bench-pg-")), free_port()
    if user:
        shutil.chown(folder, user)
    data, log, programs = str(folder / "data"), folder / "log", _postgresql_programs()
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    made = _run([str(word) for word in initdb], log, user)
    if made.wait(SECONDS):
        raise RuntimeError(f"initdb failed: {log.read_text(encoding='utf-8', errors='replace')}")
    server = _run([str(programs / "postgres"), "-D", data, *_options(folder, port)], log, user)
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, lambda: server.poll() is not None, log)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once, clients or not
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_programs() -> Path:
    """Return the folder of the newest server's programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return folders[-1] if folders else Path(shutil.which("initdb") or "initdb").parent


def _options(folder: Path, port: int) -> list[str]:
    values: Mapping[str, object] = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": 300,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_wal_size": "4GB",
    }
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis server that keeps nothing for the length of a block; yields its URL."""
    with tempfile.TemporaryDirectory(prefix="qupiao-bench-redis-") as folder:
        port, log = free_port(), Path(folder) / "log"
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        server = _run(command, log)
        try:
            wait_until(lambda: listening(port), lambda: server.poll() is not None, log)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(30)
