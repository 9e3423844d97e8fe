"""What all processes of one test run share: made once by whoever needs it first, ended by the one that began the run.

pytest-xdist starts several processes. One PostgreSQL, one Redis and one seeded installation serve them all; each test
has a database of its own in that server.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.processes import services as real

ROOT = Path(__file__).resolve().parents[3]
FOLDER = "QUPIAO_TEST_RUN"
"""Environment variable: the run's folder, handed from the first process to the others."""


def begin() -> Callable[[], None] | None:
    """Make the run's folder unless a process before us has; returns what ends the run, or ``None`` when it is not us.

    A caretaker outlives us: however this process ends, also by ``kill -9``, what was started for the run ends with it.
    """
    if FOLDER in os.environ:
        return None
    folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="qupiao-tests-")
    caretaker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.processes.run", folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
    )

    def end() -> None:
        del os.environ[FOLDER]
        caretaker.communicate()

    return end


def clean_up(folder: Path) -> None:
    """End every server of the run, whoever started it, and remove what it left."""
    for server in folder.glob("*.server"):
        facts = json.loads(server.read_text())
        _kill(facts["pid"])
        if facts["folder"]:
            shutil.rmtree(facts["folder"], ignore_errors=True)
    for pid in descendants(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def descendants(folder: Path) -> list[int]:
    """Processes that were started within the run, known by its folder in their environment; none without ``/proc``.

    A run that ends by itself has none left; one that was cut off leaves its installations and browsers.
    """
    mark, found = f"{FOLDER}={folder}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if mark in path.read_bytes().split(b"\0") and (pid := int(path.parent.name)) != os.getpid():
                found.append(pid)
    return found


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGTERM)  # a shell's background makes Redis deaf to SIGQUIT
        os.killpg(pid, signal.SIGQUIT)  # PostgreSQL would wait for its clients else
        real.wait_for(lambda: not _alive(pid), what=f"the end of process {pid}")
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def once(name: str, make: Callable[[Path], Any]) -> Any:
    """What ``make(folder)`` returned (JSON) for the first process of the run that asked for ``name``."""
    folder = Path(os.environ[FOLDER])
    result = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            part = result.with_suffix(".part")
            part.write_text(json.dumps(make(folder)))
            part.rename(result)
    return json.loads(result.read_text())


def server(name: str, start: Callable[[], real.Server]) -> str:
    """The URL of the run's server of that name."""

    def make(folder: Path) -> str:
        started = start()
        facts = {"pid": started.process.pid, "folder": str(started.folder or "")}
        (folder / f"{name}.server").write_text(json.dumps(facts))
        return started.url

    return once(name, make)


if __name__ == "__main__":
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.stdin.buffer.read()  # ends when the process that began the run has ended
    clean_up(Path(sys.argv[1]))
