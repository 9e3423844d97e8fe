"""Help: why a bill is not here, a correction, "this is not mine", and the desk's answer."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient import form_results
from portal.blueprints.patient.context import caller, own_bill, page, patient, session_of, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem, shown
from portal.domain.errors import Refusal
from portal.domain.link import TOKEN
from portal.ledger import bills
from portal.rendering.photo import MOST_BYTES
from portal.retrieval import absence_reasons, patient_requests
from portal.retrieval.patient_requests import Asked
from portal.retrieval.proof import identify
from portal.web.edge import limits, services


@patient.get("/h/<string:unit_code>/why")
def why_not(unit_code: str) -> Response:
    """为什么没有我的票: the reasons, a form that asks, and what it led to.

    Whoever is identified sees the true state from their own bills; anybody else what an answer needs.
    """
    unit = unit_of(unit_code)
    result = shown()
    values: dict[str, Any] = {
        "paid": absence_reasons.PAID,
        "number": result.told.get("number", ""),
        "asked": bool(result.told),
    }
    with services().database.read() as connection:
        session = session_of(connection)
        known = session is not None and session.unit_id == unit.id and session.level >= 1
        if session is not None and known and values["asked"]:
            own, _ = identify.visible_bills(services(), connection, session)
            day, amount = absence_reasons.meant(result.typed)
            values |= {"own": own[:5], "found": absence_reasons.reasons(own, day, amount), "named": day or amount}
    return page("why.html", known=known, whole=known and session is not None and session.level >= 2, **values)


@patient.post("/h/<string:unit_code>/why")
def ask_why(unit_code: str) -> Response:
    """Look for the bill that is meant; and with name and phone, hand a request to the desk."""
    unit = unit_of(unit_code)
    asked = form_results.typed(*absence_reasons.FIELDS)
    wrong = absence_reasons.mistakes(asked, for_desk="ask" in request.form)
    if wrong:
        return show_problem(request.path, **wrong)
    told: dict[str, Any] = {"looked": True}
    if "ask" in request.form:
        try:
            told["number"] = patient_requests.ask(services(), limits(), unit.id, Asked("missing", asked), caller())
        except Refusal as refusal:
            return show_problem(request.path, refusal.status, problem=f"{refusal.why}。{refusal.remedy}。")
    return show(request.path, Result(typed=asked, told=told))


@patient.get("/h/<string:unit_code>/reimbursement")
def reimbursement(unit_code: str) -> Response:
    """Show what a bill is worth, what to do when an employer asks for an original, how to print, how to get paper."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        session = session_of(connection)
    known = session is not None and session.unit_id == unit.id and session.level >= 1
    return page("reimbursement.html", known=known)


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/correction", methods=["GET", "POST"])
def correction(unit_code: str, bill_id: int) -> Response:
    """Something on the bill is wrong: a request to the desk."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        asked = patient_requests.of_bill(services(), connection, bill_id)
    if request.method == "GET":
        number = shown().told.get("number", "")
        return page("correction.html", bill=facts, asked=asked, places=patient_requests.WRONG, number=number)
    typed = form_results.typed("wrong", "right", "phone")
    mistakes = patient_requests.correction_mistakes(typed)
    if mistakes:
        return show_problem(request.path, **mistakes)
    sent = request.files.get("photo")
    photo = sent.read(MOST_BYTES + 1) if sent is not None else b""
    try:
        number = patient_requests.ask(
            services(), limits(), unit.id, Asked("correction", typed, bill_id, photo), caller()
        )
    except Refusal as refusal:
        return show_problem(request.path, refusal.status, problem=f"{refusal.why}。{refusal.remedy}。")
    return show(request.path, Result(told={"number": number}))


@patient.route("/h/<string:unit_code>/answer", methods=["GET", "POST"])
def answer(unit_code: str) -> Response:
    """Show the desk's answer to a request, by the request's number."""
    unit = unit_of(unit_code)
    if request.method == "GET":
        if not (number := shown().told.get("number", "")):
            return page("answer.html", request=None)
        with services().database.read() as connection:
            return page("answer.html", request=patient_requests.numbered(services(), connection, unit.id, number))
    number = request.form.get("number", "")[:40]
    try:
        patient_requests.by_number(services(), limits(), unit.id, number, caller())
    except Refusal as refusal:
        return show_problem(request.path, refusal.status, number=f"{refusal.why}。")
    return show(request.path, Result(typed={"number": number}, told={"number": number}))


@patient.route("/b/<string:token>/not-me", methods=["GET", "POST"])
def not_me(token: str) -> Response:
    """不是我: whoever got somebody else's link tells the desk; needs no name. A message has a link to stop it."""
    digest = services().index.digest("link", token)
    with services().database.read() as connection:
        found = bills.by_link(services(), connection, digest) if TOKEN.fullmatch(token) else None
    if found is None:
        raise Refusal("LINK_INVALID")
    facts = found[0]
    unit_of(facts.unit_id)
    if request.method == "POST":
        patient_requests.ask(services(), limits(), g.unit.id, Asked("not_me", {}, facts.bill_id), caller())
        return show(request.path, Result(told={"done": True}))
    back = url_for("patient.link", token=token)
    return page("not_me.html", done="done" in shown().told, back=back)
