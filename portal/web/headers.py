"""What the edges' answers have in common: protection, how long they may be kept, compression, when to come again."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.security import safe_join

from portal.access import attempts
from portal.domain.errors import Refusal
from portal.web.edge import fingerprint
from portal.web.gateway import DELAY

FOR_EVER = "public, max-age=31536000, immutable"
KEPT_BY_ITS_OWNER = "private, max-age=300"
"""Of a bill's picture: signed bytes do not change, and a shared cache may not have them."""
ZIPPED = frozenset({"text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"})
LEAST_BYTES = 1024
"""Below it compression saves nothing that a packet would not carry."""
POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"


def keep_headers(error: HTTPException, response: Response) -> None:
    """Give the answer what its status has to say besides words: ``Allow`` of a 405, ``Retry-After`` (RFC 9110)."""
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value


def say_when(response: Response, refusal: Refusal) -> Response:
    """Say in the answer to a refusal when to come again, where the refusal knows; returns the answer."""
    if "minutes" in refusal.fields:
        response.headers["Retry-After"] = str(int(str(refusal.fields["minutes"])) * 60)
    elif refusal.status == 503:
        response.headers["Retry-After"] = "5"
    return response


def private_picture(data: bytes, mimetype: str) -> Response:
    """Answer with a picture that its owner's browser keeps for some minutes, and then asks only whether it changed."""
    response = Response(data, mimetype=mimetype)
    response.headers["Cache-Control"] = KEPT_BY_ITS_OWNER
    response.vary.add("Cookie")
    response.add_etag()
    response.make_conditional(request)
    return response


def finish(response: Response) -> Response:
    """Complete every answer."""
    nonce = getattr(g, "nonce", "")
    fetching = "connect-src 'self'; " if g.get("fetches") else ""
    headers = response.headers
    headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; script-src 'nonce-{nonce}'; "
        f"{fetching}"
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
    )
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    headers.setdefault("Permissions-Policy", POLICY)
    headers.setdefault("X-Request-Id", getattr(g, "request_id", ""))
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    static = _static_file()
    if static is not None and static.is_file() and request.args.get("v") == fingerprint(static):
        headers["Cache-Control"] = FOR_EVER
    elif static is None and headers.get("Cache-Control") != KEPT_BY_ITS_OWNER:
        headers["Cache-Control"] = "no-store"
    _compress(response, static)
    request.environ[DELAY] = attempts.DELAY.get()
    attempts.DELAY.set(0.0)
    return response


def _static_file() -> Path | None:
    """Return the file that the present request asks for, where it asks for one of ours."""
    endpoint, arguments = request.endpoint or "", request.view_args or {}
    if not endpoint.endswith("static"):
        return None
    owner = current_app.blueprints.get(endpoint.rpartition(".")[0]) if "." in endpoint else current_app
    path = safe_join(str(owner.static_folder), arguments.get("filename", "")) if owner and owner.static_folder else None
    return Path(path or "")


def _compress(response: Response, static: Path | None) -> None:
    """Compress what holds no secret: our own files, and pages for somebody who has brought none.

    The length of a compressed page tells what is in it to somebody who can have parts of it repeated (BREACH); so pages
    of a session stay as they are.
    """
    if response.status_code != 200 or response.mimetype not in ZIPPED or "Content-Encoding" in response.headers:
        return
    if static is None and ("Cookie" in request.headers or "Authorization" in request.headers):
        return
    response.vary.add("Accept-Encoding")
    if static is None:
        response.vary.add("Cookie")
    if request.accept_encodings["gzip"] <= 0:
        return
    if static is not None:
        zipped, whole = _zipped_file(static, fingerprint(static)), static.stat().st_size
        response.direct_passthrough = False
    else:
        whole = len(response.get_data())
        zipped = gzip.compress(response.get_data(), 5, mtime=0)
    if whole < LEAST_BYTES or len(zipped) >= whole:
        return
    response.set_data(zipped)
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)  # the same file in another coding


@lru_cache(maxsize=64)
def _zipped_file(path: Path, _fingerprint: str) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)
