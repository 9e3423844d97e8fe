"""The processes of a running installation: started, watched, started again when they die, stopped together."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.cli.base import say
from portal.core.settings import Settings

HOST = os.environ.get("HOST", "127.0.0.1")
PARENT_DEATH_SIGNAL = 1
"""Linux's ``PR_SET_PDEATHSIG``."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What an installation runs: the WSGI application, the worker's module, and further modules by title."""

    application: str
    worker: str
    more: Mapping[str, str] = field(default_factory=dict)
    pages: Sequence[str] = ()
    """Addresses that must answer, besides the web server's own, before the installation is ready."""


class Processes:
    """The children of ``qupiao run``: started, watched, started again when they die, stopped together.

    On Linux they also end when we are killed without warning: a web server left behind would share the port with the
    next one and answer half of its callers with old code.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._prctl = getattr(ctypes.CDLL(None), "prctl", None)
        self._children: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start one child in a process group of its own, so that Ctrl-C reaches us first."""
        child = subprocess.Popen(
            command,
            env=self._environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=self._end_with_us,  # noqa: PLW1509 - one system call, and this process has no other thread yet
        )
        self._children[name] = (command, child)

    def _end_with_us(self) -> None:
        if self._prctl is not None:
            self._prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)

    def watch(self) -> None:
        """Start again whatever has died."""
        for name, (command, child) in list(self._children.items()):
            if child.poll() is not None:
                say(f"  {name} 已退出（{child.returncode}），正在重新启动")
                self.start(name, command)

    def stop(self) -> None:
        """Ask all to finish; after ten seconds end them."""
        for _, child in self._children.values():
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for _, child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def serve(settings: Settings, programs: Programs, announce: Callable[[], None]) -> int:
    """Start everything, say when it is ready, and stop cleanly on Ctrl-C. Returns the exit status."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    processes = Processes(os.environ | {"PORT": str(settings.port)})
    processes.start("网站", _web(settings, programs.application))
    for name, module in programs.more.items():
        processes.start(name, [sys.executable, "-m", module])
    processes.start("后台任务", [sys.executable, "-m", programs.worker])
    try:
        pages = [f"http://127.0.0.1:{settings.port}/readyz", *programs.pages]
        if all(_wait_until_ready(page, stop) for page in pages):
            announce()
        elif not stop.is_set():
            say("启动没有成功，请查看上面的输出。")
            return 1
        while not stop.wait(1.0):
            processes.watch()
    finally:
        say("正在停止 …")
        processes.stop()
    say("已停止。")
    return 0


def _web(settings: Settings, application: str) -> list[str]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(settings.port)]
    command += ["--workers", str(settings.workers), "--blocking-threads", str(settings.threads)]
    command += ["--no-ws", "--backpressure", "128", "--log-level", "warning", "--workers-kill-timeout", "8"]
    return [*command, application]


def taken(port: int) -> bool:
    """Return whether somebody answers there: a second web server would share the port, and get half of the calls."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until_ready(url: str, stop: threading.Event, seconds: float = 300) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=2):
                return True
        except OSError:
            if stop.wait(0.2):
                return False
    return False
