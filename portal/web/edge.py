"""The kit of every HTTP edge: the process's runtime, redirects, static files, file answers."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, redirect, url_for
from werkzeug.routing import IntegerConverter, Map

from portal.access.limits import Limits
from portal.core.services import Services
from portal.runtime import Runtime
from portal.web.numbers import MOST

KEY = "qupiao"
"""Where an application keeps its runtime."""
FACE_WIDTH = 1080
"""Pixels of a face as a picture: small print stays readable when it is saved by a long press."""


class RowId(IntegerConverter):
    """A number in an address: what no row can have as its id is an address that there is not."""

    def __init__(self, map: Map, **options: Any) -> None:
        """Set the largest number that the databases hold."""
        super().__init__(map, max=MOST, **options)


def runtime() -> Runtime:
    """Return the runtime of this process."""
    kept: Runtime = current_app.extensions[KEY]
    return kept


def services() -> Services:
    """Return the services of this process."""
    return runtime().services


def limits() -> Limits:
    """Return the counters of attempts."""
    return runtime().limits


def see_other(where: str) -> Response:
    """Lead on after an act, so that a reload does not repeat it."""
    return redirect(where, code=303)  # type: ignore[return-value]


@cache
def fingerprint(path: Path) -> str:
    """Return eight digits of a static file's hash, so that its address changes with it and may be cached for long."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def asset(name: str) -> str:
    """Return the address of one of the portal's static files with its fingerprint."""
    return url_for("static", filename=name, v=fingerprint(Path(current_app.static_folder or "") / name))


def file_response(data: bytes, mimetype: str, name: str, disposition: str = "attachment") -> Response:
    """Answer with a file; ``disposition`` ``inline`` shows it in the browser.

    A header is Latin-1 only: a Chinese name goes in coded (RFC 6266), beside a plain one for old readers.
    """
    response = Response(data, mimetype=mimetype)
    names = {"filename": name}
    if not name.isascii():
        names = {"filename": f"file{Path(name).suffix}", "filename*": f"UTF-8''{quote(name, safe='')}"}
    response.headers.set("Content-Disposition", disposition, **names)
    return response
