"""Large type and language: switched on any page."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request

from portal.blueprints.patient import english
from portal.blueprints.patient.context import CARE, patient
from portal.web import cookies
from portal.web.edge import see_other


@patient.post("/care")
def care() -> Response:
    """Switches large type on or off and goes back to where one was."""
    return _switched(CARE)


@patient.post("/language")
def language() -> Response:
    """Switches English on or off and goes back to where one was."""
    return _switched(english.COOKIE)


def _switched(cookie: str) -> Response:
    back = urlsplit(request.form.get("back", "/")).path
    response = see_other(back if back.startswith("/") and not back.startswith("//") else "/")
    return cookies.remember(response, cookie, "0" if cookies.read(cookie) == "1" else "1", days=365)
