"""Routes of the patients' pages. No address carries an identity; what is open is decided by the session alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from portal import audit
from portal.blueprints.patient import english
from portal.blueprints.patient.context import (
    CARE,
    CHANNELS,
    COOKIE,
    FILTERS,
    caller,
    handed_out,
    keep_open,
    own_bill,
    page,
    patient,
    remember,
    session_here,
    session_of,
    unit_of,
)
from portal.blueprints.patient.pages import company, family, handing_over, notices, sending, verification, vouchers
from portal.blueprints.patient.pages import help as pages_help
from portal.delivery import requests as delivery_requests
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Scene
from portal.domain.errors import CATALOGUE, Refusal
from portal.domain.identity import is_slip_code, mask_name, normalise, normalise_name
from portal.domain.link import TOKEN
from portal.domain.texts import said_later
from portal.hospital import queries as hospital_queries
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.retrieval import files, identify, link_watches, patient_requests, sessions
from portal.web.edge import FACE_WIDTH, KEY, RETRY_SECONDS, limits, runtime, see_other, services
from portal.web.headers import keep_headers

__all__ = ["PAGES", "patient"]


@patient.record_once
def _prepare(state: Any) -> None:
    settings = state.app.extensions[KEY].services.settings
    state.app.jinja_env.filters.update(FILTERS)
    english.prepare(state.app.jinja_env)
    state.app.jinja_env.globals["our_address"] = f"{settings.outside}/"
    state.app.jinja_env.globals["scene_title"] = lambda scene: Scene(scene).charged


patient.after_request(keep_open)


def _apology(status: int, texts: tuple[str, str, str], **fields: object) -> Response:
    """The page of what, why and what next, whose gaps are filled by ``fields``; all of it in one language."""
    whole = all(map(english.known, texts))
    g.english = whole and english.wanted()
    what, why, remedy = (english.said(text).format(**fields) for text in texts)
    return page("error.html", status, english=whole, what=what, why=why, remedy=remedy)


@patient.errorhandler(Refusal)
def _refused(refusal: Refusal) -> Response:
    status = 404 if refusal.code == "NOT_MATCHED" else refusal.status
    text = CATALOGUE[refusal.code]
    response = _apology(status, (text.what, text.why, text.remedy), **refusal.fields)
    if refusal.code == "TRY_LATER":
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


@patient.errorhandler(CSRFError)
def _form_over(_error: CSRFError) -> Response:
    text = CATALOGUE["SESSION_OVER"]
    return _apology(400, (text.what, text.why, text.remedy))


def http_error(error: HTTPException) -> Response:
    """The page of an address that is not there, or of a request that is not one."""
    if (error.code or 500) < 400:
        return error.get_response()  # type: ignore[return-value]
    text = CATALOGUE["LINK_INVALID"] if error.code == 404 else CATALOGUE["ENVELOPE_INVALID"]
    why = text.why if error.code == 404 else said_later("页面没有看懂这次请求")
    remedy = said_later("请返回上一页重试，或到收费窗口查询")
    response = _apology(error.code or 500, (text.what, why, remedy))
    keep_headers(error, response)
    return response


def broken(_error: Exception) -> Response:
    """The page of our own fault, with the number to name at the window."""
    text = CATALOGUE["INTERNAL"]
    return _apology(500, (text.what, text.why, text.remedy), request_id=g.get("request_id", ""))


@patient.get("/")
def home() -> Response:
    """The first page of an installation: its hospitals' codes."""
    with services().database.read() as connection:
        units = hospital_queries.units(connection)
    if len(units) == 1:
        return redirect(url_for("patient.entry", unit_code=units[0].code))  # type: ignore[return-value]
    return page("home.html", units=units)


@patient.get("/h/<string:unit_code>")
def entry(unit_code: str) -> Response:
    """The hospital code's page: who are you."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_of(connection)
    return page("find.html", session=session, number="", name="", problem="")


@patient.post("/h/<string:unit_code>")
def find(unit_code: str) -> Response:
    """Number and name typed: the next page asks for the code, whether anything matched or not."""
    unit = unit_of(unit_code)
    number, name = request.form.get("number", "")[:60], request.form.get("name", "")[:100]
    if len(normalise(number)) < 5 or not normalise_name(name):
        problem = said_later("请填写完整的号码和患者姓名，两项都需要。")
        return page("find.html", 422, session=None, number=number, name=name, problem=problem)
    if is_slip_code(number):
        return _by_code(unit.id, number, name)
    cookie = identify.begin(services(), limits(), unit.id, number, name, caller())
    return remember(see_other(url_for("patient.code", unit_code=unit_code)), cookie)


def _by_code(unit_id: int, number: str, name: str) -> Response:
    with services().database.read() as connection:
        session = session_of(connection)
    try:
        cookie, bill_id = identify.open_by_code(services(), limits(), unit_id, number, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        problem = said_later("取票码或姓名不对，或者取票码已经用过。请核对告知单，或用证件号查询。")
        return page("find.html", 422, session=None, number=number, name=name, problem=problem)
    return remember(see_other(url_for("patient.bill", unit_code=g.unit.code, bill_id=bill_id)), cookie)


@patient.get("/h/<string:unit_code>/code")
def code(unit_code: str) -> Response:
    """Asks for the code that was sent."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
    return page("code.html", problem="", kind=session.claim.kind)


@patient.post("/h/<string:unit_code>/code")
def confirm(unit_code: str) -> Response:
    """Checks the code; right: the list."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection)
    try:
        cookie = identify.confirm(services(), session, request.form.get("code", "")[:20])
    except Refusal as refusal:
        problem = f"{refusal.why}。{refusal.remedy}。"
        return page("code.html", refusal.status, problem=problem, kind=session.claim.kind)
    return remember(see_other(url_for("patient.bills", unit_code=unit_code)), cookie)


@patient.get("/h/<string:unit_code>/bills")
def bills(unit_code: str) -> Response:
    """The person's bills of one year, grouped by visit day."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 1)
        found, name = identify.visible_bills(services(), connection, session)
        unread = notices.unread(connection, session, found)
    return family.show_list(found, mask_name(name), session, unread=unread)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>")
def bill(unit_code: str, bill_id: int) -> Response:
    """One bill in plain words, with its face and its elements."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 1)
        found = identify.own_bill_related(services(), connection, session, bill_id)
        if found is None:
            raise Refusal("BILL_NOT_FOUND")
        facts, payer, related = found
        items = ledger_bills.items(connection, bill_id)
        asked = patient_requests.of_bill(services(), connection, bill_id) if related.asked else []
        sent = delivery_requests.state_for_patient(connection, facts.unit_id, "bill", bill_id) if related.sent else []
    values: dict[str, Any] = {
        "payer": payer,
        "items": items,
        "session": session,
        "related": related,
        "asked": asked,
        "sent": sent,
        "delivered": delivery_requests.how_far(sent),
    }
    return page("bill.html", bill=facts, channels=CHANNELS, **values)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/details")
def details(unit_code: str, bill_id: int) -> Response:
    """The list lines of one bill."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        rows = ledger_bills.detail_lines(connection, bill_id)
        department = hospital_queries.general_department(connection, facts.unit_id, facts.department)
    return page("details.html", bill=facts, rows=rows, department=department)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/bill.pdf")
def pdf(unit_code: str, bill_id: int) -> Response:
    """The bill's PDF, made from the signed bytes."""
    facts, file = _pdf(unit_code, bill_id)
    _record("bill.downloaded", facts)
    return handed_out(file)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/face.png")
def face(unit_code: str, bill_id: int) -> Response:
    """A picture of the face, from the same source as the PDF."""
    _, file = _pdf(unit_code, bill_id)
    return Response(runtime().faces.png(file.data, FACE_WIDTH), mimetype="image/png")


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/einvoice.xml")
def einvoice(unit_code: str, bill_id: int) -> Response:
    """The signed document itself."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        document = ledger_bills.stored_document(services(), connection, bill_id)
    _record("bill.downloaded", facts)
    return handed_out(files.File(f"{facts.code}-{facts.number}.xml", "application/xml", document.einvoice_xml))


@patient.get("/b/<string:token>")
def link(token: str) -> Response:
    """A bill's link (slip, HIS answer, message): level 0, and the way on to level 1."""
    with services().database.read() as connection:
        try:
            facts, payer = _linked(connection, token)
        except _NotYet:
            return vouchers.show(token) or _waiting(token)
        session = session_of(connection)
        mine = session is not None and identify.own_bill(services(), connection, session, facts.bill_id) is not None
    unit_of(facts.unit_id)
    return page("link.html", bill=facts, payer=mask_name(payer), mine=mine, token=token, problem="")


@patient.post("/b/<string:token>")
def open_link(token: str) -> Response:
    """The payer's name typed on the link's page: opens this one bill."""
    with services().database.read() as connection:
        facts, payer = _linked(connection, token)
        session = session_of(connection)
    unit_of(facts.unit_id)
    name = request.form.get("name", "")[:100]
    try:
        cookie = identify.open_by_slip(services(), limits(), facts, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        problem = handing_over.not_opened(name)
        return page("link.html", 422, bill=facts, payer=mask_name(payer), mine=False, token=token, problem=problem)
    unit_code = g.unit.code
    return remember(see_other(url_for("patient.bill", unit_code=unit_code, bill_id=facts.bill_id)), cookie)


@patient.post("/b/<string:token>/voucher")
def open_voucher(token: str) -> Response:
    """The patient's name typed on the page of a voucher's link: its balance."""
    return vouchers.opened(token)


@patient.post("/b/<string:token>/watch")
def watch_link(token: str) -> Response:
    """A phone to be told when the bill of a link that was opened early is there."""
    with services().database.read() as connection:
        try:
            _linked(connection, token)
        except _NotYet:
            pass
        else:
            return see_other(url_for("patient.link", token=token))
    phone = request.form.get("phone", "")[:40]
    try:
        link_watches.register(services(), limits(), token, phone, caller())
    except Refusal as refusal:
        return _waiting(token, refusal.status, phone=phone, problem=f"{refusal.why}。")
    return _waiting(token, told=True)


@patient.post("/h/<string:unit_code>/leave")
def leave(unit_code: str) -> Response:
    """Ends the session on the server."""
    with services().database.read() as connection:
        session = session_of(connection)
    if session is not None:
        sessions.end(services(), session)
        g.patient_session = None
    response = see_other(url_for("patient.entry", unit_code=unit_code))
    response.delete_cookie(COOKIE)
    return response


@patient.post("/care")
def care() -> Response:
    """Switches large type on or off and goes back to where one was."""
    return _switched(CARE)


@patient.post("/language")
def language() -> Response:
    """Switches English on or off and goes back to where one was."""
    return _switched(english.COOKIE)


def _switched(cookie: str) -> Response:
    back = urlsplit(request.form.get("back", "/")).path
    response = see_other(back if back.startswith("/") and not back.startswith("//") else "/")
    on = request.cookies.get(cookie) != "1"
    response.set_cookie(cookie, "1" if on else "0", max_age=31_536_000, samesite="Lax", httponly=True)
    return response


class _NotYet(Refusal):
    """A link of the right shape without a bill: not issued yet (requirement 3(5)), or never made by us."""

    def __init__(self) -> None:
        super().__init__("BILL_NOT_YET")


def _waiting(token: str, status: int = 200, *, phone: str = "", problem: str = "", told: bool = False) -> Response:
    with services().database.read() as connection:
        units = hospital_queries.units(connection, most=2)
    unit = units[0] if len(units) == 1 else None
    return page("waiting.html", status, unit=unit, token=token, phone=phone, problem=problem, told=told)


def _linked(connection: Any, token: str) -> tuple[BillFacts, str]:
    """The bill of a link and its payer's full name."""
    digest = services().index.digest("link", token)
    found = ledger_bills.by_link(services(), connection, digest) if TOKEN.fullmatch(token) else None
    if found is None and TOKEN.fullmatch(token) and token[0] in services().settings.link_key_ids:
        raise _NotYet
    if found is None:
        raise Refusal("LINK_INVALID")
    return found


def _pdf(unit_code: str, bill_id: int) -> tuple[BillFacts, files.File]:
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        return facts, files.bill_pdf(services(), connection, runtime().faces, unit_code, facts)


def _record(action: str, facts: BillFacts) -> None:
    audit.note(services(), Actor("patient", request_id=g.request_id), action, ("bill", facts.bill_id))


PAGES = (handing_over, sending, family, pages_help, notices, verification, company)
"""The modules whose views hang on the same blueprint."""
