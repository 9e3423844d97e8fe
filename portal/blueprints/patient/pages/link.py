"""A bill's link: level 0, the payer's name, a bill that is not there yet."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import caller, page, patient, remember, session_of, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem, shown
from portal.blueprints.patient.pages import vouchers
from portal.blueprints.patient.pages.getting import handing_over
from portal.delivery import link_alerts, message_links
from portal.delivery.message_links import MessageLink
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name
from portal.hospital import queries as hospital_queries
from portal.retrieval.proof import identify, sessions
from portal.web.edge import limits, see_other, services
from portal.web.numbers import row_id

LOOK_AFTER = (15, 60)
"""Seconds until the page of a bill to come looks again: by a script, which spares whoever is typing, and without one.
Each look waits twice as long as the last, ten minutes at most."""
MOST_LOOKS = 10
"""So often, about an hour; then it waits to be asked."""


@patient.get("/b/<string:token>")
def link(token: str) -> Response:
    """Show a link of a bill or voucher (slip, HIS answer, message): level 0, and the way on to level 1."""
    with services().database.read() as connection:
        try:
            facts, payer, sent = message_links.linked(services(), connection, token)
        except Refusal as refusal:
            voucher = vouchers.link_page(token)
            if voucher is None and refusal.code != "BILL_NOT_YET":
                raise
            return voucher or _waiting(token)
        session = session_of(connection)
        mine = session is not None and identify.own_bill(services(), connection, session, facts.bill_id) is not None
    unit_of(facts.unit_id)
    return page("link.html", bill=facts, payer=mask_name(payer), mine=mine, **_ways(token, sent))


def _ways(token: str, sent: MessageLink | None) -> dict[str, Any]:
    """Return the link's token and where 不是我的票 leads: from a message, to stopping its address."""
    stop = None if sent is None else url_for("patient.stop_page", token=sent.stop_token)
    return {"token": token, "not_mine": stop or url_for("patient.not_me", token=token)}


@patient.post("/b/<string:token>")
def open_link(token: str) -> Response:
    """Open this one bill by the payer's name, typed on the link's page; or lead it straight on to another browser."""
    with services().database.read() as connection:
        facts, _, sent = message_links.linked(services(), connection, token)
        joined = sent.joined(connection) if sent is not None else []
        session = session_of(connection)
    unit_of(facts.unit_id)
    name = request.form.get("name", "")[:100]
    try:
        cookie = identify.open_by_slip(services(), limits(), facts, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return show_problem(request.path, name=handing_over.not_opened(name))
    unit_code = g.unit.code
    if request.form.get("to") == "browser":
        return remember(handing_over.on_to_browser(facts, whole=False), cookie)
    if joined:
        sessions.add_bills(services(), cookie, joined)
        return remember(see_other(url_for("patient.bills", unit_code=unit_code)), cookie)
    return remember(see_other(url_for("patient.bill", unit_code=unit_code, bill_id=facts.bill_id)), cookie)


@patient.post("/b/<string:token>/watch")
def watch_link(token: str) -> Response:
    """Take a phone to be told when the bill of a link that was opened early is there."""
    with services().database.read() as connection:
        try:
            message_links.linked(services(), connection, token)
        except Refusal as refusal:
            if refusal.code != "BILL_NOT_YET":
                raise
        else:
            return see_other(url_for("patient.link", token=token))
    phone = request.form.get("phone", "")[:40]
    try:
        link_alerts.register(services(), limits(), token, phone, caller())
    except Refusal as refusal:
        return show_problem(url_for("patient.link", token=token), refusal.status, phone=f"{refusal.why}。")
    return show(url_for("patient.link", token=token), Result(told={"noted": True}))


def _waiting(token: str) -> Response:
    with services().database.read() as connection:
        units = hospital_queries.units(connection, most=2)
    unit = units[0] if len(units) == 1 else None
    values: dict[str, Any] = {}
    if (times := min(request.args.get("n", 0, type=row_id), MOST_LOOKS)) < MOST_LOOKS:
        result = request.args.get("f")  # that a phone was noted stays on the page
        values["again"] = url_for("patient.link", token=token, n=times + 1, f=result)
        values["pauses"] = [min(first * 2**times, 600) for first in LOOK_AFTER]
    return page("waiting.html", unit=unit, token=token, noted="noted" in shown().told, **values)
