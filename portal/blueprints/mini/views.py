"""Routes of the mini-program's API. No cookie, no CSRF token: a bearer token in a header is sent by nobody else."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from portal import audit
from portal.blueprints.mini import openapi
from portal.core import strict_json
from portal.core.clock import local
from portal.core.database import Connection
from portal.core.platform_settings import TEMPLATES
from portal.delivery import bindings, mini_login, requests
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Scene
from portal.domain.errors import CATALOGUE, Refusal
from portal.domain.identity import mask_name
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.retrieval import family
from portal.retrieval import verification as retrieval_verification
from portal.retrieval.proof import identify, sessions
from portal.retrieval.proof.sessions import Session
from portal.web.edge import FACE_WIDTH, file_response, limits, runtime, services
from portal.web.headers import keep_headers, say_when

mini = Blueprint("mini", __name__, url_prefix=openapi.BASE)
LARGEST = 16 * 1024
_LONE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can write it as an escape, and nothing can store it."""


@mini.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Answer a refusal in JSON."""
    response = jsonify(code=refusal.code, what=refusal.what, why=refusal.why, next=refusal.remedy)
    response.status_code = {"NOT_MATCHED": 404}.get(refusal.code, refusal.status)
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return say_when(response, refusal)


def failed(error: HTTPException) -> Response:
    """Answer an address that is none, another method, our own fault: JSON, as every answer of the API."""
    told = {"code": "REQUEST_INVALID", "what": "请求无法识别", "why": "没有这个地址，或请求的写法不对"}
    told |= {"next": "请更新小程序后重试"}
    if (error.code or 500) >= 500:
        text = CATALOGUE["INTERNAL"]
        why = text.why.format(request_id=g.get("request_id", ""))
        told = {"code": "INTERNAL", "what": text.what, "why": why, "next": text.remedy}
    response = jsonify(told)
    response.status_code = error.code or 500
    keep_headers(error, response)
    return response


def _body(schema: str) -> dict[str, Any]:
    """Return the request's JSON object, checked by the document. Raises ENVELOPE_INVALID, ENTRY_INVALID."""
    text = request.stream.read(LARGEST + 1)
    try:
        raw = strict_json.decode_object(text if len(text) <= LARGEST else b"")
    except strict_json.JsonError as error:
        raise Refusal("ENVELOPE_INVALID", reason=f"请求体{error}") from None
    wanted = openapi.SCHEMAS[schema]
    problems = sorted({*wanted["required"]} - set(raw)) + sorted(set(raw) - set(wanted["properties"]))
    for name, kind in wanted["properties"].items():
        if name in raw and not _fits(raw[name], kind):
            problems.append(name)
    if problems:
        raise Refusal("ENTRY_INVALID", problems="、".join(name[:20] for name in problems[:5]) + " 不正确")
    return raw


def _fits(value: Any, kind: dict[str, Any]) -> bool:
    if kind["type"] == "array":
        return (
            isinstance(value, list)
            and len(value) <= kind["maxItems"]
            and all(_fits(one, kind["items"]) for one in value)
        )
    if not isinstance(value, str) or not kind["minLength"] <= len(value) <= kind["maxLength"]:
        return False
    return re.fullmatch(kind["pattern"], value) is not None and not _LONE.search(value)


def _session(connection: Connection, level: int = 0) -> Session:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = sessions.read(services(), connection, token) if scheme == "Bearer" else None
    if found is None or found.level < level or not mini_login.openid_of(services(), connection, found):
        raise Refusal("SESSION_OVER")
    g.mini_session = found
    return found


@mini.after_request
def _keep_open(response: Response) -> Response:
    session: Session | None = g.get("mini_session")
    if session is not None and request.endpoint in ("mini.bills", "mini.bill", "mini.pdf", "mini.face"):
        sessions.touch(services(), session)
    return response


def _token(token: str, level: int) -> Response:
    return jsonify(token=token, level=level, expires_in=services().settings.session_minutes * 60)


@mini.post("/login")
def login() -> Response:
    """Exchange a log-in code for a token."""
    body = _body("Login")
    unit = runtime().units.get(body["unit"])
    if unit is None:
        raise Refusal("LINK_INVALID")
    address = request.remote_addr or ""
    return _token(*mini_login.log_in(services(), runtime().providers, limits(), unit.id, body["code"], address))


@mini.post("/identify")
def identify_person() -> Response:
    """Take number and name: a code is sent if they match; the answer is the same if not."""
    with services().database.read() as connection:
        session = _session(connection)
    body = _body("Person")
    address = request.remote_addr or ""
    return _token(mini_login.begin(services(), limits(), session, body["number"], body["name"], address), 0)


@mini.post("/confirm")
def confirm() -> Response:
    """Take the code: level 2."""
    with services().database.read() as connection:
        session = _session(connection)
    return _token(mini_login.confirm(services(), limits(), session, _body("Code")["code"]), 2)


@mini.post("/phone")
def phone() -> Response:
    """Take the phone that WeChat vouches for: level 2."""
    with services().database.read() as connection:
        session = _session(connection)
    body = _body("Phone")
    given = (body["phone_code"], body["number"], body["name"])
    return _token(mini_login.by_phone(services(), runtime().providers, limits(), session, *given), 2)


def _brief(bill: BillFacts) -> dict[str, Any]:
    return {
        "id": str(bill.bill_id),
        "scene": Scene(bill.scene).charged,
        "title": bill.title,
        "day": local(bill.business_at).date().isoformat(),
        "state": bill.state.value,
        "state_title": bill.state.title,
        "total_fen": bill.total_fen,
        "insured_fen": bill.insured_fen,
        "own_cash_fen": bill.own_cash_fen,
    }


@mini.get("/bills")
def bills() -> Response:
    """Show the person's bills, newest first."""
    with services().database.read() as connection:
        session = _session(connection, 2)
        found, name = identify.visible_bills(services(), connection, session)
    return jsonify(payer=mask_name(name) if name else "", bills=[_brief(bill) for bill in found])


def _own(connection: Connection, bill_id: int) -> tuple[BillFacts, str, Session]:
    session = _session(connection, 2)
    found = identify.own_bill(services(), connection, session, bill_id) if bill_id < 2**63 else None
    if found is None:
        raise Refusal("BILL_NOT_FOUND")
    return *found, session


@mini.get("/bills/<int:bill_id>")
def bill(bill_id: int) -> Response:
    """One bill."""
    with services().database.read() as connection:
        facts, payer, _ = _own(connection, bill_id)
        items = ledger_bills.items(connection, bill_id)
    more = {name: getattr(facts, name) for name in ("account_fen", "fund_fen", "self_pay_fen", "own_cost_fen")}
    more |= {"code": facts.code, "number": facts.number, "check_code": facts.check_code, "payer": payer}
    told = [{"name": item.fiscal_name, "amount_fen": item.amount_fen} for item in items]
    return jsonify(_brief(facts) | more | {"items": told})


def _pdf(bill_id: int) -> tuple[BillFacts, bytes]:
    with services().database.read() as connection:
        facts, *_ = _own(connection, bill_id)
    return facts, runtime().card_papers.pdf(services(), bill_id)


@mini.get("/bills/<int:bill_id>/file.pdf")
def pdf(bill_id: int) -> Response:
    """Give the bill as PDF; the download is written down."""
    facts, data = _pdf(bill_id)
    audit.note(services(), Actor("patient:mini", request_id=g.request_id), "bill.downloaded", ("bill", bill_id))
    return file_response(data, "application/pdf", f"{facts.code}-{facts.number}.pdf")


@mini.get("/bills/<int:bill_id>/face.png")
def face(bill_id: int) -> Response:
    """Show a picture of the face."""
    return Response(runtime().faces.png(_pdf(bill_id)[1], FACE_WIDTH), mimetype="image/png")


@mini.post("/bills/<int:bill_id>/deliver")
def deliver(bill_id: int) -> Response:
    """To an e-mail address that the person has typed."""
    with services().database.read() as connection:
        facts, _, session = _own(connection, bill_id)
        whole = identify.may_see_details(services(), connection, session, bill_id)
    address = _body("Deliver")["address"]
    actor = Actor(f"patient:{session.claim.number[:12]}", "患者", facts.unit_id, g.request_id)
    asked = requests.send_bill_by_mail(services(), limits(), actor, bill_id, address, whole=whole)
    return jsonify(state=asked.state.title, new=asked.new)


@mini.post("/verify")
def verification() -> Response:
    """查验: the five elements of a face; who holds a bill need not say who they are."""
    with services().database.read() as connection:
        session = _session(connection)
    elements, wrong = retrieval_verification.read(_body("Face"))
    if elements is None:
        raise Refusal("ENTRY_INVALID", problems="；".join(wrong.values()))
    found = retrieval_verification.verify(services(), limits(), session.unit_id, elements, request.remote_addr or "")
    if found is None:
        return jsonify(matched=False, standing=[], times=0)
    told = [{"title": one.title, "words": one.words} for one in retrieval_verification.verdict(*found)]
    return jsonify(matched=True, standing=told, times=found[1].verified)


@mini.get("/family")
def relatives() -> Response:
    """Whose bills the person may see besides their own."""
    with services().database.read() as connection:
        found = family.mine(services(), connection, _session(connection, 2))
    told = [{"id": str(one.link_id), "name": mask_name(one.name), "relation": one.title} for one in found]
    return jsonify(members=told)


@mini.get("/family/<int:link_id>/bills")
def relative(link_id: int) -> Response:
    """Show a relative's bills; they are told of it."""
    with services().database.read() as connection:
        session = _session(connection, 2)
        member, found = family.bills(services(), connection, session, link_id)
    family.looked(services(), session, member)
    return jsonify(payer=mask_name(member.name), bills=[_brief(one) for one in found])


@mini.post("/subscriptions")
def subscriptions() -> Response:
    """Templates that the person has just allowed one message of; others than ours count for nothing.

    Where WeChat's own event tells of it, that counts and this does not: one tap is one permission.
    """
    ours = {services().settings.template(name) for name in TEMPLATES if name.startswith("mini_")} - {""}
    with services().database.read() as connection:
        session = _session(connection)
        subject = mini_login.subject_of(services(), mini_login.openid_of(services(), connection, session))
    allowed = sorted(ours & set(_body("Subscribed")["templates"]))
    if not services().settings.wechat_mini.pushes:
        bindings.allow(services(), subject, allowed)
    return jsonify(templates=allowed)


@mini.post("/logout")
def logout() -> Response:
    """End the session on the server."""
    with services().database.read() as connection:
        session = _session(connection)
    sessions.end(services(), session)
    return jsonify({})


@mini.get("/openapi.json")
def document() -> Response:
    """Show the API's description."""
    return jsonify(openapi.document("取票", services().settings.outside))


@mini.get("/docs")
def docs() -> str:
    """Show the same as a page, with nothing from elsewhere."""
    return render_template("mini/docs.html", api=openapi.document("取票", services().settings.outside))
