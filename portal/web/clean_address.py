"""Addresses as people type and forward them: a stray full stop, slash or capital letter leads to the page as well."""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import NotFound

from portal.web.edge import runtime, see_other

_LINK = re.compile(r"(/[bnt]/[A-Za-z0-9_-]+)[^A-Za-z0-9_/-].*", re.ASCII | re.DOTALL)
"""A link's token with something after it that no token holds, as messengers and mail programs leave it there."""
_STRAY = re.compile(r"[^A-Za-z0-9_-]+\Z", re.ASCII)
_UNIT = re.compile(r"/h/([^/]*[A-Z][^/]*)(/.*)?", re.DOTALL)


def redirect_untidy() -> Response | None:
    """Lead a GET to the clean address, before anything is looked up; None for an address that is clean."""
    path, looks = request.path, request.method in ("GET", "HEAD")
    # What a proxy allows or forbids by an address's beginning must begin so. A HIS may have a slash too many.
    doubled = request.environ["PATH_INFO"].startswith("//") and not path.startswith("/medical-web/")
    if doubled and not looks:
        raise NotFound
    if not looks or (path == "/" and not doubled):
        return None
    clean = tidy(path)
    if (unit := _UNIT.fullmatch(clean)) and runtime().units.get(unit[1]) is None:
        clean = f"/h/{unit[1].lower()}{unit[2] or ''}"
    if clean == path and not doubled:
        return None
    query = request.query_string.decode("ascii", "ignore")
    return see_other(quote(clean) + (f"?{query}" if query else ""))


def tidy(path: str) -> str:
    """Return a path without slashes too many and without what cannot be part of a link."""
    if link := _LINK.fullmatch(path):
        return link[1]
    if path[-1].isascii() and (path[-1].isalnum() or path[-1] in "-_"):
        return path
    if "/static/" in path or path.startswith("/medical-web/"):  # files and a HIS say what they mean
        return path
    return _STRAY.sub("", path) or "/"
