"""The page of the one-time code: typing it, having another one sent."""

from __future__ import annotations

from flask import Response, request, url_for

from portal.blueprints.patient.context import caller, page, patient, remember, session_here, unit_of
from portal.domain.errors import Refusal
from portal.domain.texts import said_later
from portal.retrieval.proof import code_entry, identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, see_other, services

NOTES = {
    "again": said_later("又发了一条验证码。前面收到的，没过期也能用。"),
    "soon": said_later("1 分钟内只发一条，请用刚才那条。"),
}
"""What happened before a page of a code was shown, by the word in its address."""


def note() -> str:
    """Return what the page's address says has just happened."""
    return NOTES.get(request.args.get("sent", ""), "")


def resent(session: Session, purpose: str) -> str:
    """Have another code sent; return the word of :data:`NOTES` for it. Raises SESSION_OVER, TRY_LATER."""
    return "again" if code_entry.resend(services(), limits(), session, purpose, caller()) else "soon"


@patient.get("/h/<string:unit_code>/code")
def code(unit_code: str) -> Response:
    """Asks for the code that was sent; says how many tries are left and when another may be sent."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
        state = code_entry.state(connection, session)
    return page("code.html", kind=session.claim.kind, state=state, note=note())


@patient.post("/h/<string:unit_code>/code")
def confirm(unit_code: str) -> Response:
    """Check the code; right: the list, wrong: the page again, by its address, so that going back works."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
    try:
        cookie = identify.confirm(services(), limits(), session, request.form.get("code", "")[:20])
    except Refusal as refusal:
        if refusal.code != "CODE_WRONG":
            raise
        return see_other(url_for("patient.code", unit_code=unit_code))
    return remember(see_other(url_for("patient.bills", unit_code=unit_code)), cookie)


@patient.post("/h/<string:unit_code>/code/resend")
def resend_code(unit_code: str) -> Response:
    """重新发送: number, name and session stay, and so does a code that is still good."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
    return see_other(url_for("patient.code", unit_code=unit_code, sent=resent(session, identify.FIND)))
