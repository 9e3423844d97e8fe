"""Processes of the product for tests: the same programs, forked from one that has imported them.

Importing takes three seconds of processor, forking none, and a run starts dozens. `python -m portal.cli demo run` as
a user starts it is tested in tests/crash/test_run.py.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = multiprocessing.get_context("forkserver")
# Each fork imports its target's module: that must not import what conftest does.
PROCESSES.set_forkserver_preload(
    ["portal.simulators.__main__", "portal.demo.worker", "granian.cli", "portal.providers.alipay.library"]
)


class Forked:
    """One such process in a session of its own, until :meth:`kill`."""

    def __init__(self, target: Callable[..., Any], arguments: Sequence[Any], log: Path | None = None) -> None:
        self._process: ForkServerProcess = PROCESSES.Process(
            target=_begin, args=(str(log or os.devnull), target, arguments)
        )
        self._process.start()

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.exitcode is not None

    def children(self) -> list[int]:
        """The ids of the processes that it has started itself, the oldest first; those that have ended are none."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
                if int(parent) == self._process.pid and state != "Z":
                    found.append(int(path.parent.name))
        return sorted(found)

    def kill(self) -> None:
        """``kill -9`` of it and of all that it started."""
        assert self._process.pid is not None
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # before it had a session
            self._process.kill()
        self._process.join(10)
        self._process.close()


def program(name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None = None) -> Forked:
    """The function ``name`` (``module:function``) with a command line, these variables added to the run's own, and its
    output appended to ``log``."""
    return Forked(_run, (name, list(arguments), dict(os.environ) | dict(environment)), log)


def _begin(log: str, target: Callable[..., Any], arguments: Sequence[Any]) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    target(*arguments)


def _run(name: str, arguments: list[str], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = [name, *arguments]
    module, _, function = name.partition(":")
    getattr(importlib.import_module(module), function)()
