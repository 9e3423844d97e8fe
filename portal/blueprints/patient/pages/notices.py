"""我的通知: the messages about one's own bills, and one that went to somebody else's address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Response, abort, request, url_for

from portal.blueprints.patient.context import caller, own_bill, page, patient, session_here, unit_of
from portal.blueprints.patient.form_results import Result, show, shown
from portal.core.clock import now
from portal.core.database import Connection
from portal.delivery import notices as delivery_notices
from portal.delivery import requests as delivery_requests
from portal.delivery.notices import News, way_of
from portal.domain.errors import Refusal
from portal.ledger.bills import BillFacts
from portal.retrieval import patient_requests
from portal.retrieval.patient_requests import Asked
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, see_other, services


def _whose(session: Session) -> bytes:
    return delivery_notices.person(services(), session.unit_id, session.claim.number, session.claim.name)


def news(connection: Connection, session: Session, found: Sequence[BillFacts]) -> News:
    """How many messages about these bills are new to the person (none for who has not proved to be one), and whether
    there may be deposits to show."""
    opened = bool(session.claim.vouchers)
    if session.level < 2:
        return News(0, opened)
    if not found:
        return News(0, deposits=True)
    person = (session.claim.number, session.claim.name)
    ids = [bill.bill_id for bill in found]
    there = delivery_notices.news(connection, session.unit_id, ids, _whose(session), person)
    return News(there.unread, opened or there.deposits)


@patient.get("/h/<string:unit_code>/notices")
def notices(unit_code: str) -> Response:
    """Show the newest messages, the new ones marked until one says that one has seen them (:func:`notices_read`)."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        found, _ = identify.visible_bills(services(), connection, session)
        bills = {bill.bill_id: bill for bill in found}
        shown = delivery_notices.notices(connection, session.unit_id, list(bills), _whose(session))
    return page("notices.html", notices=shown, bills=bills, titles=delivery_notices.TITLES)


@patient.post("/h/<string:unit_code>/notices")
def notices_read(unit_code: str) -> Response:
    """都看过了: the messages that were on the page are old from now on; one that came meanwhile stays new."""
    unit_of(unit_code)
    try:
        seen = datetime.fromisoformat(request.form.get("seen", ""))
    except ValueError:
        abort(400)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    delivery_notices.mark_seen(services(), _whose(session), min(seen.astimezone(UTC), now()))
    return see_other(url_for("patient.notices", unit_code=unit_code))


@patient.route("/h/<string:unit_code>/notices/<int:attempt_id>/not-me", methods=["GET", "POST"])
def notice_not_me(unit_code: str, attempt_id: int) -> Response:
    """不是我的: an address of one's message is somebody else's; asked first, then nothing goes there and the desk hears
    of it."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        session_here(connection, 2)
        sent = delivery_notices.attempt(connection, unit.id, attempt_id)
        if sent is None:
            raise Refusal("BILL_NOT_FOUND")
        own_bill(connection, sent.bill_id)
    if request.method == "POST":
        content = {"channel": way_of(sent.channel, ""), "address": sent.masked}
        patient_requests.ask(services(), limits(), unit.id, Asked("not_me", content, sent.bill_id), caller())
        delivery_requests.stop_address(services(), attempt_id)
        return show(request.path, Result(told={"done": True}))
    way, back = way_of(sent.channel, sent.masked), url_for("patient.notices", unit_code=unit_code)
    return page("not_me.html", done="done" in shown().told, way=way, back=back)
