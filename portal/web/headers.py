"""What the edges' answers have in common."""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import HTTPException


def keep_headers(error: HTTPException, response: Response) -> None:
    """Give the answer what its status has to say besides words: ``Allow`` of a 405, ``Retry-After`` (RFC 9110)."""
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
