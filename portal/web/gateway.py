"""The gateway between the server and the application: a request takes a thread only when its body has arrived.

The server hands over requests on its event loop (RSGI), where a body that comes slowly costs nothing but memory; what
is large goes to a file. The threads that the application answers on are few, and wait for nobody outside. A delay that
the application asks for is spent on the loop as well.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import Any

import structlog
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

MOST_BYTES = 8 * 1024 * 1024
"""The longest body that is read; the application refuses what says that it is longer."""
PATIENCE = 10.0
"""Seconds in which a body must have arrived; each second's worth of :data:`SLOWEST` bytes that came gives one more."""
SLOWEST = 16 * 1024
"""Bytes a second that a long body must keep up: a photo over an old phone's connection does."""
IN_MEMORY = 256 * 1024
"""Bytes of a body that stay in memory."""
DELAY = "portal.delay"
"""Key of the WSGI environment under which the application leaves the seconds after which its answer may go out."""

Headers = list[tuple[str, str]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_PLAIN = [("content-type", "text/plain"), ("cache-control", "no-store"), ("connection", "close")]
_log = structlog.get_logger("qupiao.web")


class Gateway:
    """Serves a WSGI application by RSGI on ``threads`` threads."""

    def __init__(self, application: Application, threads: int, patience: float = PATIENCE) -> None:
        self._application = application
        self._patience = patience
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="answer")
        # What PEP 3333 asks for besides the request itself.
        self._base: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Read one request, answer it on a thread, send the answer."""
        environ = self._base | environ_of(scope)
        with SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                await self._read(environ, protocol, body)
            except TimeoutError:
                protocol.response_bytes(408, _PLAIN, b"The request did not arrive in time.\n")
                return
            except (ProtocolClosed, ProtocolError):  # the caller has gone
                return
            loop = asyncio.get_running_loop()
            status, headers, answer = await loop.run_in_executor(self._threads, self._answer, environ)
        if (seconds := environ.get(DELAY, 0)) > 0:
            await asyncio.sleep(seconds)
        protocol.response_bytes(status, headers, answer)

    async def _read(self, environ: dict[str, Any], protocol: HTTPProtocol, body: SpooledTemporaryFile[bytes]) -> None:
        """Read the body into ``body`` and give it to the application, with the length that it really has.

        One that is too long is not read to its end, and keeps the length that it names, by which it is refused.
        """
        environ["wsgi.input"] = body
        if int(environ.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            return
        loop = asyncio.get_running_loop()
        begin, length = loop.time(), 0
        async with asyncio.timeout_at(begin + self._patience) as deadline:
            async for chunk in protocol:
                length += len(chunk)
                if length > MOST_BYTES:
                    break
                body.write(chunk)
                deadline.reschedule(begin + self._patience + length / SLOWEST)
        body.seek(0)
        if length or "CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(length)

    def _answer(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        """Call the application; what it leaves unanswered is a fault of ours, without a word about it to the caller."""
        started: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: Headers, _failure: Any = None) -> None:
            started.append((int(status[:3]), headers))

        try:
            chunks = self._application(environ, start_response)
            try:
                answer = b"".join(chunks)
            finally:
                if (close := getattr(chunks, "close", None)) is not None:
                    close()
            return *started[-1], answer
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the reason
            _log.exception("request.broken", path_length=len(environ["PATH_INFO"]))
            return 500, _PLAIN, b"Internal error.\n"


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return the variables of a request, as PEP 3333 wants them: text is the bytes that came, as Latin-1."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        if "_" in name:  # would pass for the header with hyphens, which a proxy in front has checked
            continue
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key == "CONTENT_LENGTH":
            environ[key] = value if value.isascii() and value.isdigit() else "0"
        elif (full := f"HTTP_{key}") in environ:
            environ[full] += f"{'; ' if key == 'COOKIE' else ','}{value}"
        else:
            environ[full] = value
    return environ
