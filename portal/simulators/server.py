"""Serving the simulators: threads of one process, and connections that can be dropped on purpose."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from portal.simulators.faults import Faults


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keep connections, as a real gateway does
    timeout = 60

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: the pages show what came in."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Ignore a dropped connection: it is the fault that was asked for."""


class _Server:
    """The server that :func:`listen` makes; ``port`` is the one in force when 0 was asked for."""

    def __init__(self, server: BaseWSGIServer) -> None:
        self._server = server
        self.port = server.port

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End :meth:`run`; to be called from another thread or a signal handler's thread."""
        self._server.shutdown()


def listen(app: Flask, host: str, port: int) -> _Server:
    """Bind to a port. Raises OSError when it is taken."""
    return _Server(make_server(host, port, app, threaded=True, request_handler=_Handler))


def deliver(answer: Response, faults: Faults) -> Response:
    """Send the answer of what was done, unless a switch loses it or cuts it in half."""
    if faults.strikes("answer_lost"):
        return drop_connection()
    return half_answer(answer) if faults.strikes("half_answer") else answer


def drop_connection() -> Response:
    """End the caller's connection without an answer; the returned response never arrives."""
    _close_socket(request.environ.get("werkzeug.socket"))
    return Response(status=503)


def half_answer(response: Response) -> Response:
    """Announce the whole answer, send half of it, end the connection."""
    body = response.get_data()
    sock = request.environ.get("werkzeug.socket")

    def parts() -> Any:
        yield body[: len(body) // 2]
        _close_socket(sock)
        yield body[len(body) // 2 :]

    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
    return Response(parts(), response.status, headers | {"Content-Length": str(len(body))})


def _close_socket(sock: socket.socket | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
