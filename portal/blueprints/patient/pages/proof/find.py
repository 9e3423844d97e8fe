"""Finding one's bills: the hospital code's page, number and name, leaving."""

from __future__ import annotations

from flask import Response, g, redirect, request, url_for

from portal.blueprints.patient.context import COOKIE, caller, page, patient, remember, session_of, unit_of
from portal.blueprints.patient.form_results import show_problem
from portal.blueprints.patient.pages.proof import codes
from portal.blueprints.patient.pages.proof import remembered as own_phone
from portal.domain.errors import Refusal
from portal.domain.identity import bare_slip_code, is_slip_code, normalise, normalise_name
from portal.domain.texts import said_later
from portal.hospital import queries as hospital_queries
from portal.retrieval.proof import code_entry, identify, remembered, sessions
from portal.web import cookies
from portal.web.edge import limits, see_other, services

NO_SUCH_CODE = said_later("取票码或姓名不对，或者取票码已经用过。请核对告知单，或用证件号查询。")


@patient.get("/")
def home() -> Response:
    """Show the first page of an installation: its hospitals' codes."""
    with services().database.read() as connection:
        units = hospital_queries.units(connection)
    if len(units) == 1:
        return redirect(url_for("patient.entry", unit_code=units[0].code))  # type: ignore[return-value]
    return page("home.html", units=units)


@patient.get("/h/<string:unit_code>")
def entry(unit_code: str) -> Response:
    """Show the hospital code's page: who are you. ``again``: what this browser typed a moment ago stands there."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        session = session_of(connection)
        known = remembered.known(services(), connection, unit.id, own_phone.token())
    values: dict[str, object] = {"session": session, "known": known}
    if "again" in request.args and session is not None and session.unit_id == unit.id and session.claim.typed:
        values["typed"] = dict(zip(("number", "name"), session.claim.typed, strict=True))
    return page("find.html", 0, **values)


@patient.post("/h/<string:unit_code>")
def find(unit_code: str) -> Response:
    """Take number and name: the next page asks for the code, whether anything matched or not."""
    unit = unit_of(unit_code)
    number, name = request.form.get("number", "")[:60], request.form.get("name", "")[:100]
    wrong = {}
    if len(normalise(number)) < 5:
        wrong["number"] = said_later("请填写完整的号码，号码和姓名两项都需要。")
    if not normalise_name(name):
        wrong["name"] = said_later("请填写患者姓名，号码和姓名两项都需要。")
    if wrong:
        return show_problem(request.path, **wrong)
    if is_slip_code(number):
        return _by_code(unit.id, number, name) or show_problem(request.path, number=NO_SUCH_CODE)
    if (whole := bare_slip_code(number)) and (opened := _by_code(unit.id, whole, name)):
        return opened
    with services().database.read() as connection:
        session = session_of(connection)
        same = code_entry.goes_on(services(), connection, session, (number, name))
    if session is not None and session.unit_id == unit.id and same:
        return codes.OWN.sent_again(session)
    cookie = identify.begin(services(), limits(), unit.id, number, name, caller(), session)
    return remember(see_other(url_for("patient.code", unit_code=unit_code)), cookie)


def _by_code(unit_id: int, number: str, name: str) -> Response | None:
    """Open the bill of a fetch code; ``None`` when code and name open none."""
    with services().database.read() as connection:
        session = session_of(connection)
    try:
        cookie, bill_id = identify.open_by_code(services(), limits(), unit_id, number, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return None
    return remember(see_other(url_for("patient.bill", unit_code=g.unit.code, bill_id=bill_id)), cookie)


@patient.post("/h/<string:unit_code>/leave")
def leave(unit_code: str) -> Response:
    """End the session on the server."""
    with services().database.read() as connection:
        session = session_of(connection)
    if session is not None:
        sessions.end(services(), session)
        g.patient_session = None
    return cookies.forget(see_other(url_for("patient.entry", unit_code=unit_code)), COOKIE)
