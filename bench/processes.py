"""Processes of a run, forked from one that has imported the product: importing takes seconds, forking none."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.floor", "granian.cli", "portal.simulators.__main__", "portal.demo.worker"])


def start(program: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start the function ``program`` (``module:function``) with these arguments, variables added to the run's own, and
    its output appended to ``log``. Its id is the id of a group, in which whatever it starts is as well."""
    process = CONTEXT.Process(target=_run, args=(program, list(arguments), dict(os.environ) | dict(environment), log))
    process.start()
    return process


def end(process: BaseProcess) -> None:
    """End it and all that it started at once: its data are of no use to anybody."""
    with contextlib.suppress(ProcessLookupError):  # it has no group yet, or has ended
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join(30)


def _run(program: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = [program, *arguments]
    module, _, function = program.partition(":")
    getattr(importlib.import_module(module), function)()
