"""The page of a one-time code, a patient's, a company's, a relative's: typing it, having another one sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, g, request, url_for

from portal.access.limits import Limits
from portal.blueprints.patient.context import caller, page, patient, remember, session_here, unit_of
from portal.core.services import Services
from portal.delivery.engine.outages import text_messages_away
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
Check = Callable[[Services, Limits, Session, str], "str | None"]
"""Checks what was typed; returns the cookie of a new session, if there is one. Raises CODE_WRONG, TRY_LATER."""


@dataclass(frozen=True, slots=True)
class CodePage:
    """One page of a code: its endpoint and template, what the code is for, the session's least level."""

    endpoint: str
    template: str
    purpose: str
    level: int = 0

    def show(self, unit_code: str) -> Response:
        """Ask for the code; say how many tries are left, when another may be sent, and if none can be."""
        unit_of(unit_code)
        with services().database.read() as connection:
            session = session_here(connection, self.level)
            state = code_entry.state(connection, session, self.purpose)
            away = text_messages_away(connection)
        note = NOTES.get(request.args.get("sent", ""), "")
        return page(self.template, kind=session.claim.kind, state=state, note=note, away=away)

    def take(self, unit_code: str, check: Check, onward: str) -> Response:
        """Check the code; right: on to the endpoint ``onward``, wrong: the page again, by its address, so that going
        back works."""
        unit_of(unit_code)
        with services().database.read() as connection:
            session = session_here(connection, self.level)
        try:
            cookie = check(services(), limits(), session, request.form.get("code", "")[:20])
        except Refusal as refusal:
            if refusal.code != "CODE_WRONG":
                raise
            return see_other(url_for(self.endpoint, unit_code=unit_code))
        response = see_other(url_for(onward, unit_code=unit_code))
        return remember(response, cookie) if cookie else response

    def resend(self, unit_code: str) -> Response:
        """重新发送: what was asked and the session stay, and so does a code that is still good."""
        unit_of(unit_code)
        with services().database.read() as connection:
            session = session_here(connection, self.level)
        return self.sent_again(session)

    def sent_again(self, session: Session) -> Response:
        """Have another code sent and lead to the page, which says so. Raises SESSION_OVER, TRY_LATER."""
        sent = "again" if code_entry.resend(services(), limits(), session, self.purpose, caller()) else "soon"
        return see_other(url_for(self.endpoint, unit_code=g.unit.code, sent=sent))


OWN = CodePage("patient.code", "code.html", identify.FIND)


@patient.get("/h/<string:unit_code>/code")
def code(unit_code: str) -> Response:
    """Ask a patient for the code."""
    return OWN.show(unit_code)


@patient.post("/h/<string:unit_code>/code")
def confirm(unit_code: str) -> Response:
    """Check it; right: the list."""
    return OWN.take(unit_code, identify.confirm, "patient.bills")


@patient.post("/h/<string:unit_code>/code/resend")
def resend_code(unit_code: str) -> Response:
    """Send another one."""
    return OWN.resend(unit_code)
