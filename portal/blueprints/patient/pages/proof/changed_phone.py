"""A phone that is new for a person: confirmed on the list by an earlier card, or decided by the older phone."""

from __future__ import annotations

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import caller, page, patient, session_here, unit_of
from portal.blueprints.patient.form_results import show_problem
from portal.domain.errors import Refusal
from portal.domain.texts import said_later
from portal.retrieval.proof import changed_phone
from portal.retrieval.proof.changed_phone import Change
from portal.web.edge import limits, see_other, services

_OTHER_CARD = said_later("没有对上。请换一张以前在本院用过的卡再试，或到收费窗口确认。")


@patient.get("/p/<string:token>")
def phone_change(token: str) -> Response:
    """Ask the older phone whether the new one is its person's. Looking decides nothing. Raises LINK_INVALID."""
    return page("phone_change.html", change=_change(token))


@patient.post("/p/<string:token>")
def decide_phone(token: str) -> Response:
    """Take the answer of the older phone; a later one replaces it. Raises LINK_INVALID."""
    mine = request.form.get("mine") == "1"
    changed_phone.decide(services(), _change(token), mine=mine, request_id=g.request_id)
    return see_other(url_for("patient.phone_change", token=token))


def _change(token: str) -> Change:
    with services().database.read() as connection:
        found = changed_phone.by_token(services(), connection, token)
    if found is None:
        raise Refusal("LINK_INVALID")
    unit_of(found.unit_id)
    return found


@patient.post("/h/<string:unit_code>/phone")
def confirm_phone(unit_code: str) -> Response:
    """Confirm the phone that got the code by the number of a card that was used before."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    address = url_for("patient.bills", unit_code=unit_code)
    try:
        changed_phone.confirm_by_card(services(), limits(), session, request.form.get("card", "")[:60], caller())
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return show_problem(address, card=_OTHER_CARD)
    return see_other(address)
