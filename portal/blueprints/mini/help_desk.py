"""Help: messages, a bill that is not here, what became of a request, verification."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response

from portal.blueprints.mini import shapes
from portal.blueprints.mini.bills import departments_for
from portal.blueprints.mini.context import answer, body, caller, mini, own_bill, present, session_of
from portal.core.clock import now
from portal.delivery import notices as delivery_notices
from portal.delivery import requests
from portal.delivery.notices import TITLES, way_of
from portal.domain.errors import Refusal
from portal.retrieval import absence_reasons, patient_requests
from portal.retrieval import verification as retrieval_verification
from portal.retrieval.patient_requests import Asked
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, services


def _person(session: Session) -> bytes:
    return delivery_notices.person(services(), session.unit_id, session.claim.number, session.claim.name)


@mini.get("/notices")
def notices() -> Response:
    """Show the newest messages about one's own bills."""
    with services().database.read() as connection:
        session = session_of(connection, 2)
        found, _ = identify.visible_bills(services(), connection, session)
        bills = {bill.bill_id: bill for bill in found}
        shown = delivery_notices.notices(connection, session.unit_id, list(bills), _person(session))
        departments = departments_for(connection, session)
    told = [
        {
            "bill": shapes.brief(bills[one.bill_id], departments),
            "title": TITLES[one.purpose],
            "at": shapes.clock(one.at),
            "new": one.new,
            "ways": [shapes.way(way) for way in one.ways],
        }
        for one in shown
    ]
    return answer(notices=told, seen=shown[0].at.isoformat() if shown else "")


@mini.post("/notices/seen")
def notices_seen() -> Response:
    """都看过了: the messages that were shown are old from now on; one that came meanwhile stays new."""
    session = present(2)
    try:
        seen = datetime.fromisoformat(body("Seen")["seen"]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("ENTRY_INVALID", problems="seen 不是 notices 里给的时间") from None
    delivery_notices.mark_seen(services(), _person(session), min(seen, now()))
    return answer()


@mini.post("/notices/<int:attempt_id>/not-me")
def notice_not_me(attempt_id: int) -> Response:
    """不是我的: nothing goes to this address any more, and the desk hears of it."""
    with services().database.read() as connection:
        session = session_of(connection, 2)
        sent = delivery_notices.attempt(connection, session.unit_id, attempt_id)
        if sent is None:
            raise Refusal("BILL_NOT_FOUND")
        own_bill(connection, sent.bill_id, 2)
    content = {"channel": way_of(sent.channel, ""), "address": sent.masked}
    patient_requests.ask(services(), limits(), session.unit_id, Asked("not_me", content, sent.bill_id), caller())
    requests.stop_address(services(), attempt_id)
    return answer()


@mini.post("/why")
def why() -> Response:
    """为什么没有我的票: the true state of what is looked for, from the person's own bills."""
    typed = body("Why")
    with services().database.read() as connection:
        session = session_of(connection)
        known = session.level >= 1
        own = identify.visible_bills(services(), connection, session)[0] if known else []
        departments = departments_for(connection, session)
    if wrong := absence_reasons.mistakes(typed, for_desk=False):
        raise Refusal("ENTRY_INVALID", problems="；".join(wrong.values()))
    day, amount = absence_reasons.meant(typed)
    named = day is not None or amount is not None
    found = absence_reasons.reasons(own, day, amount) if named else absence_reasons.of_bills(own[:5])
    told = [{"bill": shapes.brief(one.bill, departments), "words": one.text} for one in found]
    return answer(known=known, whole=session.level >= 2, named=named, found=told)


@mini.post("/why/ask")
def why_ask() -> Response:
    """Hand to the desk what cannot be found; needs no proof, as on the page."""
    session = present()
    typed = body("Ask")
    if wrong := absence_reasons.mistakes(typed, for_desk=True):
        raise Refusal("ENTRY_INVALID", problems="；".join(wrong.values()))
    return answer(number=patient_requests.ask(services(), limits(), session.unit_id, Asked("missing", typed), caller()))


@mini.post("/answer")
def desk_answer() -> Response:
    """Show what became of a request, by its number."""
    session = present()
    number = body("Number")["number"]
    return answer(**shapes.request(patient_requests.by_number(services(), limits(), session.unit_id, number, caller())))


@mini.post("/verify")
def verification() -> Response:
    """查验: the five elements of a face; who holds a bill need not say who they are."""
    session = present()
    elements, wrong = retrieval_verification.read(body("Face"))
    if elements is None:
        raise Refusal("ENTRY_INVALID", problems="；".join(wrong.values()))
    found = retrieval_verification.verify(services(), limits(), session.unit_id, elements, caller())
    if found is None:
        return answer(matched=False, standing=[], times=0)
    told = [{"title": one.title, "words": one.words} for one in retrieval_verification.verdict(*found)]
    return answer(matched=True, standing=told, times=found[1].verified)
