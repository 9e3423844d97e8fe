"""Callers that are slow on purpose, over real sockets: they take a thread from nobody, and are sent away in time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.cli.processes import Pulse
from portal.web.gateway import PATIENCE
from tests.support.his import http, outpatient
from tests.support.processes import forks
from tests.support.processes.installation import Installation, answers, free_pair, running
from tests.support.processes.services import wait_for

SLOW = 100
HALF = b"POST /medical-web/api/medical/issue HTTP/1.1\r\nHost: slow\r\nContent-Length: 100000\r\n\r\nab"
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""The preface and an empty frame of settings, as a client begins that knows without asking."""


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("slow") / "installation"
    shutil.copytree(data_dir, folder)
    with running(folder, "", ("web",), web_processes=2) as started:
        yield started


def half_sent(stack: ExitStack, port: int, count: int) -> list[socket.socket]:
    """Connections with a body that does not come."""
    opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(count)]
    for one in opened:
        one.sendall(HALF)
    return opened


def test_slow_bodies_stop_nobody_and_are_cut(installation: Installation) -> None:
    call = http(installation.base)
    with ExitStack() as stack:
        slow = half_sent(stack, installation.port, SLOW)
        for one in slow:
            one.setblocking(False)
        for number in range(20):
            assert call("invoiceEBillOutpatient", outpatient(f"SLOW{number}")).ok
            assert answers(installation.port, "/readyz")
            assert answers(installation.port, "/h/pgzx")
        with pytest.raises(BlockingIOError):  # all of that while they still wait
            slow[-1].recv(1)
        slow[0].settimeout(PATIENCE * 6)
        assert slow[0].recv(65536).startswith(b"HTTP/1.1 408 ")


def test_the_same_bodies_stop_a_server_that_reads_them_on_its_threads(data_dir: Path, tmp_path: Path) -> None:
    """The control: what the gateway is for."""
    shutil.copytree(data_dir, tmp_path / "control")
    port, environment = free_pair(), {"DATA_DIR": str(tmp_path / "control")}
    options = ["--interface", "wsgi", "--port", str(port), "--blocking-threads", "4", "--http", "1", "--no-ws"]
    server = forks.program("granian.cli:entrypoint", [*options, "portal.demo.wsgi:application"], environment)
    try:
        wait_for(lambda: answers(port, "/healthz"), 180, "the server")
        with ExitStack() as stack:
            half_sent(stack, port, 8)
            wait_for(lambda: not answers(port, "/healthz"), 60, "nobody to be answered")
    finally:
        server.kill()


def test_http_2_is_not_spoken_in_clear_text(installation: Installation) -> None:
    with socket.create_connection(("127.0.0.1", installation.port), timeout=30) as caller:
        caller.sendall(HTTP2)
        answered = caller.recv(65536)
    assert not answered or answered.startswith(b"HTTP/1.1 400 ")


def test_a_long_body_arrives_whole_and_a_longer_one_is_refused(installation: Installation) -> None:
    def post(length: int) -> bytes:
        head = "POST /h/pgzx HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        with socket.create_connection(("127.0.0.1", installation.port), timeout=60) as caller:
            caller.sendall(f"{head}Content-Length: {length}\r\nConnection: close\r\n\r\n".encode())
            if length < 8_000_001:
                caller.sendall(b"number=" + b"1" * (length - 7))
            return caller.recv(65536)

    assert post(1_000_000).startswith(b"HTTP/1.1 303 "), "read, and led on to what is wrong in it"
    assert post(9_000_000).startswith(b"HTTP/1.1 413 ")


def test_a_web_process_that_dies_is_replaced_and_the_server_goes_on(installation: Installation) -> None:
    before = installation.processes["web"].children()
    os.kill(before[-1], signal.SIGKILL)

    def replaced() -> bool:
        now = installation.processes["web"].children()
        return len(now) == len(before) and before[-1] not in now

    wait_for(replaced, 120, "a new one")
    wait_for(lambda: answers(installation.port, "/readyz"), 60, "an answer")


def test_a_pulse_is_lost_only_when_nobody_answers(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/healthz"
        deaf = Pulse(address, pause=0.0, timeout=0.01)
        assert [deaf.lost() for _ in range(6)] == [False, False, True, False, False, True]
    lively = Pulse(f"{installation.base}/no-such-page", pause=0.0, timeout=60)
    assert not any(lively.lost() for _ in range(6)), "any answer is a sign of life"
