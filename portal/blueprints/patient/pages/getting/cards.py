"""Patient pages of card packs and of being told over WeChat or Alipay; the file that Alipay fetches."""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, g, request, url_for

from portal import audit
from portal.blueprints.patient.context import keep_open, own_bill, page, session_of, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem, shown
from portal.blueprints.patient.refusals import refused
from portal.core.database import Connection
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.delivery.cards import orders
from portal.delivery.cards.alipay import file_token
from portal.delivery.cards.orders import Asker
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.texts import said_later
from portal.ledger.bills import BillFacts
from portal.providers.faults import ChannelFault
from portal.rendering import qr
from portal.retrieval.proof import changed_phone, identify, sessions
from portal.web.edge import runtime, see_other, services

patient_cards = Blueprint("patient_cards", __name__)
patient_cards.after_request(keep_open)
patient_cards.register_error_handler(Refusal, refused)


@patient_cards.record_once
def _prepare(state: Any) -> None:
    state.app.jinja_env.globals["told_over"] = _told_over


def _bill(connection: Connection, unit_code: str, bill_id: int) -> tuple[BillFacts, Asker]:
    """Return a bill that the session has opened and who asks for its card."""
    unit_of(unit_code)
    bill, _, session = own_bill(connection, bill_id)
    who = f"patient:{session.claim.number[:12] if session.level >= 2 else 'slip'}"
    return bill, Asker(who, identify.may_see_details(services(), connection, session, bill_id))


@patient_cards.get("/h/<string:unit_code>/bills/<int:bill_id>/cards")
def cards(unit_code: str, bill_id: int) -> Response:
    """Which card packs there are for a bill, how far each has got, and what is handed to whom."""
    with services().database.read() as connection:
        bill, asker = _bill(connection, unit_code, bill_id)
        offers = orders.card_offers(services(), connection, bill, asker)
    return page("cards.html", bill=bill, whole=asker.whole, offers=offers, link=shown().told.get("link", ""))


@patient_cards.post("/h/<string:unit_code>/bills/<int:bill_id>/cards")
def ask(unit_code: str, bill_id: int) -> Response:
    """Take consent and order; for WeChat the page then leads on to where the card is taken."""
    platform = request.form.get("platform", "")
    with services().database.read() as connection:
        bill, asker = _bill(connection, unit_code, bill_id)
    if request.form.get("agree") != "1":
        return show_problem(request.path, problem="请先勾选同意，再继续。")
    order = orders.ask(services(), bill, platform, asker)
    if platform != "wechat":
        return see_other(request.path)
    back = f"{services().settings.outside}{url_for('patient_cards.cards', unit_code=unit_code, bill_id=bill_id)}"
    try:
        with runtime().providers.permits.call("wechat"):
            link = runtime().wechat_cards.link(order, bill.total_fen, back)
    except ChannelFault:
        problem = "微信现在没有应答，票据没有放入卡包。请稍后再试，或下载 PDF 保存。"
        return show_problem(request.path, 503, problem=problem)
    return show(request.path, Result(told={"link": link}))


@patient_cards.get("/alipay/file/<string:token>")
def alipay_file(token: str) -> Response:
    """Show the PDF that Alipay's servers fetch within ten minutes of a bill's hand-over; all other calls look alike."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        raw = b""
    bill_id, until = int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:13], "big")
    if (
        len(raw) != 29
        or until < time.time()
        or not hmac.compare_digest(file_token(services(), bill_id, until).encode(), token.encode())
    ):
        raise Refusal("LINK_INVALID")
    audit.note(services(), Actor("platform:alipay", request_id=g.request_id), "bill.downloaded", ("bill", bill_id))
    return Response(runtime().card_papers.pdf(services(), bill_id), mimetype="application/pdf")


# ── being told over WeChat or Alipay ──────────────────────────────────────────────────────────────────────────────
TITLES = {"wechat": said_later("微信"), "alipay": said_later("支付宝")}


def _told_over() -> dict[str, str]:
    """Return the platforms that are set up, with their words."""
    settings = services().settings
    up = {"wechat": bool(settings.wechat_service), "alipay": bool(settings.alipay_app)}
    return {platform: title for platform, title in TITLES.items() if up[platform]}


def _person(connection: Connection, unit_code: str, platform: str) -> sessions.Session:
    unit = unit_of(unit_code)
    session = session_of(connection)
    if session is None or session.unit_id != unit.id or session.level < 2 or platform not in _told_over():
        raise Refusal("SESSION_OVER")
    changed_phone.need_whole(services(), connection, session)
    return session


def _state(session: sessions.Session, platform: str) -> str:
    """Bound to this session and to nothing else, so that nobody can be made to bind another's account."""
    return services().index.digest(f"{platform}-bind", session.digest).hex()[:32]


@patient_cards.get("/h/<string:unit_code>/wechat", defaults={"platform": "wechat"})
@patient_cards.get("/h/<string:unit_code>/alipay", defaults={"platform": "alipay"})
def binding(unit_code: str, platform: str) -> Response:
    """Being told over a platform: what it means, the way to bind, the way to end it. Back from there it has a code."""
    with services().database.read() as connection:
        session = _person(connection, unit_code, platform)
    address = url_for("patient_cards.binding", unit_code=unit_code, platform=platform)
    told = ""
    if code := request.args.get("code" if platform == "wechat" else "auth_code", "")[:200]:
        given = request.args.get("state", "")
        if not hmac.compare_digest(given.encode(), _state(session, platform).encode()):
            raise Refusal("SESSION_OVER")
        told = _bind(session, platform, code)
        if told == "bound" or _state_of(session, platform):  # loading again, or going back, brings a used code
            return see_other(address)
    link = _login(platform, f"{services().settings.outside}{address}", _state(session, platform))
    title = TITLES[platform]
    state = _state_of(session, platform)
    account = _account_qr() if state == "stale" and platform == "wechat" else ""
    return page("binding.html", link=link, told=told, state=state, title=title, account=account)


def _login(platform: str, back: str, state: str) -> str:
    """Where the platform asks who one is; the order of the parameters matters to old clients."""
    settings = services().settings
    if platform == "alipay":
        wanted = {"app_id": settings.alipay_app, "scope": "auth_base", "redirect_uri": back, "state": state}
        return f"{settings.alipay_open}/oauth2/publicAppAuthorize.htm?{urlencode(wanted, quote_via=quote)}"
    wanted = {"appid": settings.wechat_service.appid, "redirect_uri": back, "response_type": "code"}
    query = urlencode(wanted | {"scope": "snsapi_base", "state": state}, quote_via=quote)
    return f"{settings.wechat_open}/connect/oauth2/authorize?{query}#wechat_redirect"


def _bind(session: sessions.Session, platform: str, code: str) -> str:
    providers = runtime().providers
    try:
        with providers.permits.call(platform):
            if platform == "wechat":
                subject = Subject(platform, providers.service.appid, "openid", providers.service.web_login(code))
            else:
                subject = Subject(platform, services().settings.alipay_app, *providers.alipay.login(code))
    except ChannelFault:
        return "failed"
    number, name = bytes.fromhex(session.claim.number), bytes.fromhex(session.claim.name)
    bindings.bind(services(), session.unit_id, subject, number, name, "sms")
    if platform == "wechat":
        with suppress(ChannelFault):  # not known now: the first message will tell
            if not providers.service.follows(subject.value):
                bindings.set_state(services(), subject, "stale")
    return "bound"


def _state_of(session: sessions.Session, platform: str) -> str:
    with services().database.read() as connection:
        return bindings.state_of(connection, session.unit_id, bytes.fromhex(session.claim.number), platform)


def _account_qr() -> str:
    """Draw the QR code of the official account; ``""`` while WeChat does not answer."""
    try:
        address = runtime().providers.service.account_address()
    except ChannelFault:
        return ""
    return qr.drawing(address, {"role": "img", "aria-label": "本院服务号的二维码"})


@patient_cards.post("/h/<string:unit_code>/wechat", defaults={"platform": "wechat"})
@patient_cards.post("/h/<string:unit_code>/alipay", defaults={"platform": "alipay"})
def unbind(unit_code: str, platform: str) -> Response:
    """End being told over a platform."""
    with services().database.read() as connection:
        session = _person(connection, unit_code, platform)
    bindings.revoke(services(), session.unit_id, bytes.fromhex(session.claim.number), platform)
    return see_other(url_for("patient_cards.binding", unit_code=unit_code, platform=platform))
