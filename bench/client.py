"""The load generator: prepared requests over kept-alive sockets, as few instructions a request as Python allows.

It shares the cores with what it measures, so its own CPU time is reported with every figure.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

LIMIT_SECONDS = 4.0
"""No measurement takes longer, however slow the machine is."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What one measurement did: answers, wall seconds, CPU seconds of the generator."""

    count: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of one HTTP/1.1 request; header names are written with ``-`` for ``_``."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


class Connection:
    """One kept-alive connection; ``source`` is the loopback address to call from."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, sent: bytes) -> bytes:
        """Send one request and return the whole answer, head and body. The server must name the body's length."""
        self._socket.sendall(sent)
        answer = self._more(b"")
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer = self._more(answer)
        found = _LENGTH.search(answer, 0, end + 2)
        if found is None:
            raise ConnectionError("an answer without Content-Length")
        whole = end + 4 + int(found[1])
        while len(answer) < whole:
            answer = self._more(answer)
        return answer

    def _more(self, answer: bytes) -> bytes:
        got = self._socket.recv(262_144)
        if not got:
            raise ConnectionError("the server closed the connection")
        return answer + got if answer else got

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def drive(port: int, requests: Sequence[bytes], expect: bytes, threads: int = 8) -> Load:
    """Send all ``requests`` once from ``threads`` connections; every answer must contain ``expect``.

    Raises AssertionError with the first answer that does not, so that a refusal never counts as speed.
    """
    waiting, counts, wrong = deque(requests), [0] * threads, []
    connections = [Connection(port) for _ in range(threads)]
    begin = threading.Barrier(threads + 1)

    def work(place: int) -> None:
        connection, deadline = connections[place], time.monotonic() + LIMIT_SECONDS
        begin.wait()
        while not wrong and time.monotonic() < deadline:
            try:
                sent = waiting.popleft()
            except IndexError:
                return
            try:
                answer = connection.exchange(sent)
            except OSError as error:
                answer = repr(error).encode()
            if expect not in answer:
                wrong.append(answer)
            counts[place] += 1

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    begin.wait()
    started, cpu = time.monotonic(), time.process_time()
    for worker in workers:
        worker.join()
    load = Load(sum(counts), time.monotonic() - started, time.process_time() - cpu)
    for connection in connections:
        connection.close()
    assert not wrong, wrong[0][:1500].decode(errors="replace")
    assert load.count, "no answer at all"
    return load
