"""Large type and language: switched on any page, which comes back as it was, with what was typed."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request

from portal.blueprints.patient import english, form_results
from portal.blueprints.patient.context import CARE, patient
from portal.blueprints.patient.form_results import Result
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
    back = urlsplit(request.form.get("back", "/"))
    where = back.path if back.path.startswith("/") and not back.path.startswith("//") else "/"
    where += f"?{back.query}" if back.query else ""
    typed = {} if "f=" in back.query else form_results.typed_so_far()
    response = form_results.show(where, Result(typed=typed)) if typed else see_other(where)
    return cookies.remember(response, cookie, "0" if cookies.read(cookie) == "1" else "1", days=365)
