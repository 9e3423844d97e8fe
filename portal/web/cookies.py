"""Cookies: over https each is ``Secure`` and bound to this host and to no path by its name (``__Host-``, RFC 6265bis).

Whether a request came by https is asked each time: inside the hospital the same platform may be called without.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface


def cookie_name(name: str) -> str:
    """Return what a cookie is called on the present request."""
    return f"__Host-{name}" if request.is_secure else name


def read(name: str) -> str:
    """Return a cookie of the present request; empty without one."""
    return request.cookies.get(cookie_name(name), "")


def remember(response: Response, name: str, value: str, days: int = 0, *, strict: bool = False) -> Response:
    """Give the browser a cookie that no script reads: for ``days``, or (0) until it is closed; returns the answer."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=days * 86_400 or None,
        httponly=True,
        samesite="Strict" if strict else "Lax",
        secure=request.is_secure,
        path="/",
    )
    return response


def forget(response: Response, name: str) -> Response:
    """Take a cookie back; returns the answer."""
    response.delete_cookie(cookie_name(name), path="/", secure=request.is_secure, httponly=True, samesite="Lax")
    return response


class FormSessions(SecureCookieSessionInterface):
    """Flask's session, which carries the tokens of forms, under the same rules."""

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of its cookie on the present request."""
        return cookie_name(str(app.config["SESSION_COOKIE_NAME"]))

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether it goes over https only."""
        return request.is_secure
