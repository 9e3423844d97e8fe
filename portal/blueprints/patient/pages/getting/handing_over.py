"""Getting a bill out of the page: another browser, a window, the finance sites; ending what others hold."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import (
    OFFICIAL,
    caller,
    own_bill,
    page,
    patient,
    remember,
    session_here,
    session_of,
    unit_of,
)
from portal.blueprints.patient.form_results import Result, show, show_problem, shown
from portal.blueprints.patient.pages.getting import sharing
from portal.core.clock import local, now
from portal.core.database import Connection
from portal.domain.errors import Refusal
from portal.domain.identity import is_slip_code, mask_name
from portal.domain.texts import said_later
from portal.ledger.bills import BillFacts
from portal.rendering import qr
from portal.retrieval import family
from portal.retrieval.proof import changed_phone, identify, passes
from portal.retrieval.proof.passes import LIVES, Purpose
from portal.web.edge import limits, see_other, services


@patient.post("/h/<string:unit_code>/bills/<int:bill_id>/browser")
def to_browser(unit_code: str, bill_id: int) -> Response:
    """Show a link for the phone's own browser, where a file can be saved."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        whole = identify.may_see_details(services(), connection, session, bill_id)
    return on_to_browser(facts, whole)


def on_to_browser(facts: BillFacts, whole: bool) -> Response:
    """Lead to the page that leads on to the phone's own browser; the caller has proved that the bill may be seen."""
    return see_other(url_for("patient.pass_page", token=passes.for_browser(services(), facts, whole)))


@patient.get("/t/<string:token>")
def pass_page(token: str) -> Response:
    """Where a mail's link, the way to another browser or an accountant's link lands.

    Nothing is opened by looking (scanners look); what an accountant sees is all that their link has.
    """
    if (shared := sharing.shared_page(token)) is not None:
        return shared
    with services().database.read() as connection:
        facts, payer, found = passes.bill_of(services(), connection, token)
        mine = _opened(connection, facts)
    unit_of(facts.unit_id)
    values: dict[str, Any] = {"payer": mask_name(payer), "token": token, "mine": mine, "proves": found.proves}
    return page("pass.html", bill=facts, until=local(found.expires_at), **values)


def _opened(connection: Connection, facts: BillFacts) -> bool:
    session = session_of(connection)
    return session is not None and identify.own_bill(services(), connection, session, facts.bill_id) is not None


@patient.post("/t/<string:token>/take")
def take_pass(token: str) -> Response:
    """Open the bill by the proof that the pass carries, and go on to what was pressed: the file, or the bill's page."""
    with services().database.read() as connection:
        facts, *_ = passes.bill_of(services(), connection, token)
        mine, session = _opened(connection, facts), session_of(connection)
    unit_of(facts.unit_id)
    wanted = "patient.pdf" if request.form.get("to") == "pdf" else "patient.bill"
    response = see_other(url_for(wanted, unit_code=g.unit.code, bill_id=facts.bill_id))
    if mine:  # pressed twice
        return response
    try:
        return remember(response, passes.open_by_pass(services(), token, session))
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return see_other(url_for("patient.pass_page", token=token))


def not_opened(typed: str) -> str:
    """Why what was typed on a link's page opened nothing."""
    if is_slip_code(typed):
        return said_later("取票码不对，或者已经用过。请核对告知单，或填交款人姓名。")
    return said_later("姓名与票据上的交款人不一致。请核对后再试，或到收费窗口查询。")


@patient.post("/t/<string:token>")
def open_pass(token: str) -> Response:
    """Open the one bill by the payer's name."""
    with services().database.read() as connection:
        facts, *_ = passes.bill_of(services(), connection, token)
        session = session_of(connection)
    unit_of(facts.unit_id)
    name = request.form.get("name", "")[:100]
    try:
        cookie = identify.open_by_slip(services(), limits(), facts, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return show_problem(request.path, name=not_opened(name))
    return remember(see_other(url_for("patient.bill", unit_code=g.unit.code, bill_id=facts.bill_id)), cookie)


@patient.route("/h/<string:unit_code>/window", methods=["GET", "POST"], defaults={"link_id": 0})
@patient.route("/h/<string:unit_code>/family/<int:link_id>/window", methods=["GET", "POST"])
def at_window(unit_code: str, link_id: int) -> Response:
    """Show a QR for the clerk's scanner, good for a minute; no number has to be read aloud."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2 if link_id else 1)
        only = family.bills(services(), connection, session, link_id)[1] if link_id else None
        if not link_id and changed_phone.limit_of(services(), connection, session) is not None:
            only, _ = identify.visible_bills(services(), connection, session)
    if request.method == "POST":
        bills = None if only is None else [bill.bill_id for bill in only]
        told = {
            "code": passes.for_window(services(), session, bills),
            "until": (now() + LIVES[Purpose.WINDOW]).isoformat(),
        }
        return show(request.path, Result(told=told))
    told = dict(shown().told)
    until = datetime.fromisoformat(told["until"]) if told else now()
    seconds = math.ceil((until - now()) / timedelta(seconds=1))
    if seconds <= 0:
        return page("window.html", qr="")
    drawing = qr.drawing(told["code"], {"role": "img", "aria-label": "给窗口看的二维码"})
    return page("window.html", qr=drawing, seconds=seconds, until=f"{local(until):%H:%M:%S}")


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/elsewhere")
def elsewhere(unit_code: str, bill_id: int) -> Response:
    """Where else the bill can be had and verified, with the elements ready to copy."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, payer, _ = own_bill(connection, bill_id)
    return page("elsewhere.html", bill=facts, payer=payer, official=OFFICIAL)


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/revoke", methods=["GET", "POST"])
def revoke_link(unit_code: str, bill_id: int) -> Response:
    """End the link on slips and messages of this bill, after asking; whoever found a slip cannot."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id, 2)
    if request.method == "POST":
        passes.revoke_links(services(), unit_code, facts, "patient", g.request_id)
        return show(request.path, Result(told={"done": True}))
    return page("revoke.html", bill=facts, done="done" in shown().told)
