"""Help: why a bill is not here, a correction, "this is not mine", and the desk's answer."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import caller, own_bill, page, patient, session_of, unit_of
from portal.domain.errors import Refusal
from portal.domain.link import TOKEN
from portal.domain.money import fen_of
from portal.ledger import bills
from portal.rendering.photo import MOST_BYTES
from portal.retrieval import absence_reasons, patient_requests
from portal.retrieval.proof import identify
from portal.web.edge import limits, services

PAID = {"wechat": "微信", "alipay": "支付宝", "card": "银行卡", "cash": "现金", "insurance": "医保", "other": "其他"}


@patient.get("/h/<string:unit_code>/why")
def why_not(unit_code: str) -> Response:
    """为什么没有我的票: the reasons, and a form that asks."""
    unit_of(unit_code)
    return page("why.html", typed={}, paid=PAID, found=None, problem="", number="")


@patient.post("/h/<string:unit_code>/why")
def ask_why(unit_code: str) -> Response:
    """Show the true state from one's own bills when identified; and with name and phone, a request to the desk."""
    unit = unit_of(unit_code)
    names = ("day", "amount", "paid", "person", "card", "phone", "note")
    typed = {name: request.form.get(name, "")[:300] for name in names}
    values: dict[str, Any] = {"typed": typed, "paid": PAID, "found": None, "problem": "", "number": ""}
    try:
        day = date.fromisoformat(typed["day"].strip()) if typed["day"].strip() else None
        amount = fen_of(typed["amount"].strip()) if typed["amount"].strip() else None
    except ValueError:
        return page("why.html", 422, **values | {"problem": "日期请写成 2026-11-18 的样子，金额写成 128.50 的样子。"})
    with services().database.read() as connection:
        session = session_of(connection)
        if session is not None and session.unit_id == unit.id and session.level >= 1:
            own, _ = identify.visible_bills(services(), connection, session)
            values["found"] = absence_reasons.reasons(own, day, amount)
    if "ask" in request.form:
        if not typed["person"].strip() or not typed["phone"].strip():
            return page("why.html", 422, **values | {"problem": "请留下患者姓名和手机号，窗口才能答复您。"})
        try:
            values["number"] = patient_requests.ask(services(), limits(), unit.id, "missing", typed, caller())
        except Refusal as refusal:
            return page("why.html", refusal.status, **values | {"problem": f"{refusal.why}。{refusal.remedy}。"})
    return page("why.html", **values)


@patient.route("/h/<string:unit_code>/bills/<int:bill_id>/correction", methods=["GET", "POST"])
def correction(unit_code: str, bill_id: int) -> Response:
    """Something on the bill is wrong: a request to the desk."""
    unit = unit_of(unit_code)
    with services().database.read() as connection:
        facts, *_ = own_bill(connection, bill_id)
        asked = patient_requests.of_bill(services(), connection, bill_id)
    typed = {name: request.form.get(name, "")[:300] for name in ("wrong", "right", "phone")}
    values: dict[str, Any] = {
        "bill": facts,
        "asked": asked,
        "typed": typed,
        "wrong": patient_requests.WRONG,
        "problem": "",
        "number": "",
    }
    if request.method == "GET":
        return page("correction.html", **values)
    if typed["wrong"] not in patient_requests.WRONG or not typed["right"].strip():
        return page("correction.html", 422, **values | {"problem": "请选择哪里写错了，并写上正确的内容。"})
    sent = request.files.get("photo")
    photo = sent.read(MOST_BYTES + 1) if sent is not None else b""
    try:
        number = patient_requests.ask(services(), limits(), unit.id, "correction", typed, caller(), bill_id, photo)
    except Refusal as refusal:
        return page("correction.html", refusal.status, **values | {"problem": f"{refusal.why}。{refusal.remedy}。"})
    return page("correction.html", **values | {"number": number})


@patient.route("/h/<string:unit_code>/answer", methods=["GET", "POST"])
def answer(unit_code: str) -> Response:
    """Show the desk's answer to a request, by the request's number."""
    unit = unit_of(unit_code)
    number = request.form.get("number", "")[:40]
    if request.method == "GET":
        return page("answer.html", request=None, number="", problem="")
    try:
        found = patient_requests.by_number(services(), limits(), unit.id, number, caller())
    except Refusal as refusal:
        return page("answer.html", refusal.status, request=None, number=number, problem=f"{refusal.why}。")
    return page("answer.html", request=found, number=number, problem="")


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
        patient_requests.ask(services(), limits(), g.unit.id, "not_me", {}, caller(), facts.bill_id)
    back = url_for("patient.link", token=token)
    return page("not_me.html", done=request.method == "POST", back=back)
