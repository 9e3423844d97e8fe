"""记住这部手机: after one proof by a code the list is one tap away; each remembered phone can be ended."""

from __future__ import annotations

from flask import Response, request, url_for

from portal.blueprints.patient.context import inside_app, page, patient, remember, session_here, unit_of
from portal.retrieval.proof import remembered
from portal.web import cookies
from portal.web.edge import see_other, services

COOKIE = "qp_known"


def token() -> str:
    """Return what this browser is remembered by, or ""."""
    return cookies.read(COOKIE)


@patient.get("/h/<string:unit_code>/phones")
def phones(unit_code: str) -> Response:
    """Show the phones that are remembered, and what that means."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        found = remembered.phones(services(), connection, session, token())
    return page("phones.html", phones=found, here_known=any(phone.here for phone in found))


@patient.post("/h/<string:unit_code>/phones")
def remember_phone(unit_code: str) -> Response:
    """Remember this one."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    kept = remembered.remember(services(), session, inside_app() or _system())
    response = see_other(url_for("patient.phones", unit_code=unit_code))
    return cookies.remember(response, COOKIE, kept, remembered.LIVES.days)


def _system() -> str:
    agent = request.headers.get("User-Agent", "")
    named = {"iPhone": "苹果手机", "Android": "安卓手机", "Windows": "电脑", "Macintosh": "电脑"}
    return next((word for name, word in named.items() if name in agent), "浏览器")


@patient.post("/h/<string:unit_code>/return")
def come_back(unit_code: str) -> Response:
    """Open the list of whoever this browser is remembered for."""
    unit = unit_of(unit_code)
    cookie = remembered.come_back(services(), unit.id, token())
    return remember(see_other(url_for("patient.bills", unit_code=unit_code)), cookie)


@patient.post("/h/<string:unit_code>/phones/<int:phone_id>/forget")
def forget_phone(unit_code: str, phone_id: int) -> Response:
    """End a remembered phone."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    remembered.forget(services(), session, phone_id)
    return see_other(url_for("patient.phones", unit_code=unit_code))
