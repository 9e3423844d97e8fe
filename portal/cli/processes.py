"""The processes of a running installation: started, watched, started again when they die, stopped together.

A web server that lives but answers nobody is ended and started again as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from portal.cli.base import say
from portal.core.settings import Settings

HOST = os.environ.get("HOST", "127.0.0.1")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WEB = "网站"
CONNECTIONS = 1024
"""Connections that one web process holds at once: slow callers wait there, and take no thread from the others."""
PULSE_SECONDS, PULSE_TIMEOUT, SILENCES = 5.0, 10.0, 3
"""Every so many seconds the web server is asked whether it is alive; so long it may think; so often in a row it may say
nothing before it is started again."""
MOST_RESTARTS = 5
"""More before the installation is ready are a start that fails."""
PARENT_DEATH_SIGNAL = 1
"""Linux's ``PR_SET_PDEATHSIG``."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What an installation runs: the web server's entry, the worker's module, and further modules by title."""

    gateway: str
    worker: str
    more: Mapping[str, str] = field(default_factory=dict)
    pages: Sequence[str] = ()
    """Addresses that must answer, besides the web server's own, before the installation is ready."""
    afterwards: Sequence[str] = ()
    """Arguments of Python for what runs once beside the others when the installation is ready; empty: nothing."""


class Processes:
    """The children of ``qupiao run``: started, watched, started again when they die, stopped together.

    On Linux they also end when we are killed without warning: a web server left behind would share the port with the
    next one and answer half of its callers with old code.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._prctl = getattr(ctypes.CDLL(None), "prctl", None)
        self._children: dict[str, tuple[list[str], subprocess.Popen[bytes]]] = {}
        self._errands: list[subprocess.Popen[bytes]] = []
        self.restarts = 0

    def start(self, name: str, command: list[str]) -> None:
        """Start one child in a process group of its own, so that Ctrl-C reaches us first."""
        self._children[name] = (command, self._spawn(command))

    def run_once(self, command: list[str]) -> None:
        """Start a child that ends by itself and is not started again."""
        self._errands.append(self._spawn(command))

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=self._environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=self._end_with_us,  # noqa: PLW1509 - one system call, and this process has no other thread yet
        )

    def _end_with_us(self) -> None:
        if self._prctl is not None:
            self._prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)

    def watch(self) -> None:
        """Start again whatever has died."""
        for name, (command, child) in list(self._children.items()):
            if child.poll() is not None:
                say(f"  {name} 已退出（{child.returncode}），正在重新启动")
                self.restarts += 1
                self.start(name, command)

    def end(self, name: str) -> None:
        """End one child at once, with whatever it started; :meth:`watch` starts it again."""
        child = self._children[name][1]
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def stop(self) -> None:
        """Ask all to finish; after ten seconds end them."""
        children = [*self._errands, *(child for _, child in self._children.values())]
        for child in children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for child in children:
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
    options = web_options(settings.port, settings.workers, HOST)
    processes.start(WEB, [sys.executable, "-m", "granian", *options, programs.gateway])
    for name, module in programs.more.items():
        processes.start(name, [sys.executable, "-m", module])
    processes.start("后台任务", [sys.executable, "-m", programs.worker])
    try:
        pages = [f"http://127.0.0.1:{settings.port}/readyz", *programs.pages]
        if all(_wait_until_ready(page, stop, processes) for page in pages):
            announce()
            if programs.afterwards:
                processes.run_once([sys.executable, *programs.afterwards])
        elif not stop.is_set():
            say("启动没有成功，请查看上面的输出。")
            return 1
        pulse = Pulse(f"http://127.0.0.1:{settings.port}/healthz")
        while not stop.wait(1.0):
            processes.watch()
            if pulse.lost():
                say(f"  {WEB} 没有应答，正在重新启动")
                processes.end(WEB)
    finally:
        say("正在停止 …")
        processes.stop()
    say("已停止。")
    return 0


class Pulse:
    """Asks a web server from time to time whether it is alive. Any answer is one, also that the database is away."""

    def __init__(self, url: str, pause: float = PULSE_SECONDS, timeout: float = PULSE_TIMEOUT) -> None:
        self._url, self._pause, self._timeout = url, pause, timeout
        self._due, self._silences = 0.0, 0

    def lost(self) -> bool:
        """Return whether it has said nothing :data:`SILENCES` times in a row, and begin to count anew."""
        if time.monotonic() < self._due:
            return False
        try:
            with _OPENER.open(self._url, timeout=self._timeout):
                self._silences = 0
        except urllib.error.HTTPError:
            self._silences = 0
        except OSError:
            self._silences += 1
        self._due = time.monotonic() + self._pause
        if self._silences < SILENCES:
            return False
        self._silences = 0
        return True


def web_options(port: int, workers: int, host: str = "127.0.0.1") -> list[str]:
    """Return the options of granian, without the name of what it serves.

    Without TLS only HTTP/1.1 is spoken: no browser speaks HTTP/2 so, and unfinished streams of it stopped the server.
    """
    options = ["--interface", "rsgi", "--host", host, "--port", str(port), "--workers", str(workers)]
    options += ["--http", "1", "--no-ws", "--backpressure", str(CONNECTIONS), "--log-level", "warning"]
    return [*options, "--respawn-failed-workers", "--workers-kill-timeout", "8"]


def taken(port: int) -> bool:
    """Return whether somebody answers there: a second web server would share the port, and get half of the calls."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until_ready(url: str, stop: threading.Event, processes: Processes, seconds: float = 300) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with _OPENER.open(url, timeout=2):
                return True
        except OSError:
            processes.watch()
            if processes.restarts > MOST_RESTARTS or stop.wait(0.2):
                return False
    return False
