"""Routes of the simulated Alipay under ``/alipay``: one gateway that signs its answers, an inbox, what a user taps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.alipay import pushes
from portal.simulators.alipay.rules import USERS, AlipayRefusal, Json
from portal.simulators.alipay.state import Alipay
from portal.simulators.context import state_of
from portal.simulators.server import deliver
from portal.simulators.switches import add_switches

pages = Blueprint("alipay", __name__, url_prefix="/alipay", template_folder="templates")
add_switches(pages)


@pages.post("/gateway.do")
def answer_call() -> ResponseReturnValue:
    """Answer a call of any method."""
    here = state_of(Alipay)
    here.faults.delay()
    if here.faults.strikes("down"):
        return Response("Service Unavailable", 503)
    if here.faults.strikes("html"):
        return Response("<html>error</html>", mimetype="text/html")
    values = request.form.to_dict()
    name = values.get("method", "").replace(".", "_") + "_response"
    try:
        node = _done(here, values)
    except AlipayRefusal as refusal:
        node = {"code": refusal.code, "msg": "Failed", "sub_code": refusal.sub_code, "sub_msg": refusal.text}
        name = "error_response" if refusal.gateway else name
    return deliver(Response(_signed(here, name, node), mimetype="application/json"), here.faults)


def _done(here: Alipay, values: dict[str, str]) -> Json:
    if here.faults.strikes("error_response"):
        raise AlipayRefusal("20000", "isp.unknow-error", "系统繁忙", True)
    here.rules.verify(values)
    if here.faults.strikes("business_error"):
        raise AlipayRefusal("40004", "SYSTEM_ERROR", "系统错误")
    if here.faults.strikes("twice"):
        here.rules.perform(values)
    node = here.rules.perform(values)
    if values.get("method") == "alipay.system.oauth.token":
        return {key: value for key, value in node.items() if key not in ("code", "msg")}
    return {"code": "10000", "msg": "Success"} | node


def _signed(here: Alipay, name: str, node: Json) -> str:
    if here.faults.strikes("braces"):
        node = node | {"memo": "一个 } 和 {{ 在文字里"}
    text = json.dumps(node, ensure_ascii=False)
    sign = here.rules.sign(text if not here.faults.strikes("wrong_sign") else text + " ")
    tail = "" if here.faults.strikes("no_sign") else f',"sign":"{sign}"'
    return f'{{"{name}":{text}{tail}}}'


@pages.get("/oauth2/publicAppAuthorize.htm")
def choose_user() -> ResponseReturnValue:
    """Let a person choose who to be; each choice leads back with a code."""
    here, wanted = state_of(Alipay), request.args
    back = wanted.get("redirect_uri", "")
    known = (wanted.get("app_id"), wanted.get("scope")) == (here.rules.app_id, "auth_base")
    if not known or urlsplit(back).hostname != urlsplit(here.base).hostname:
        raise ValueError("redirect_uri 与应用的授权回调地址不一致")
    choices = []
    for user in USERS:
        query = {"app_id": here.rules.app_id, "scope": "auth_base", "auth_code": here.rules.make_code(user)}
        choices.append((user, f"{back}?{urlencode(query | {'state': wanted.get('state', '')})}"))
    return render_template("platform_login.html", choices=choices, platform="支付宝")


@pages.get("/messages")
def list_messages() -> ResponseReturnValue:
    """List what arrived, newest first."""
    found = state_of(Alipay).rules.rows("alipay_message", request.args.get("most", 500, int))
    return jsonify([row | {"data": json.loads(row["data"])} for row in found])


@pages.get("/invoices")
def list_invoices() -> ResponseReturnValue:
    """List the bills of 发票管家, newest first."""
    found = state_of(Alipay).rules.rows("alipay_invoice")
    return jsonify([row | {"content": json.loads(row["content"])} for row in found])


@pages.post("/people")
def add_people() -> ResponseReturnValue:
    """Add users."""
    state_of(Alipay).rules.add_people(request.get_json(force=True))
    return jsonify({})


@pages.post("/state")
def set_state() -> ResponseReturnValue:
    """Name the platform that messages are pushed to."""
    state_of(Alipay).hook = request.get_json(force=True)["hook"]
    return jsonify({})


@pages.post("/codes")
def make_code() -> ResponseReturnValue:
    """Make a log-in code of a user."""
    return jsonify({"code": state_of(Alipay).rules.make_code(request.get_json(force=True)["user"])})


@pages.post("/script")
def set_script() -> ResponseReturnValue:
    """Set the codes of the next answers by method."""
    state_of(Alipay).rules.script(request.get_json(force=True))
    return jsonify({})


@pages.post("/expense")
def tell_expense() -> ResponseReturnValue:
    """Move on with a bill as a reimburser does: the issuer is told, by a message or by a plain notify."""
    here, form = state_of(Alipay), request.form
    content = {name: form[name] for name in ("invoice_code", "invoice_no", "status")}
    sign, app_id = here.rules.sign, here.rules.app_id
    if form.get("as") == "notify":
        values = pushes.notify(sign, app_id, content, "invoice_expense")
    else:
        values = pushes.message(sign, app_id, content, "alipay.ebpp.invoice.expense.notify")
    answers = pushes.push(f"{here.hook}/alipay/notify", values)
    if form.get("as"):
        return jsonify({"answers": answers, "values": values})
    return redirect(url_for(".show_inbox"), 303)


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show messages and bills."""
    here = state_of(Alipay)
    sent = [
        row | {"data": json.loads(row["data"]), "when": local(datetime.fromtimestamp(row["at"], UTC))}
        for row in here.rules.rows("alipay_message")[:100]
    ]
    bills = [row | {"content": json.loads(row["content"])} for row in here.rules.rows("alipay_invoice")[:100]]
    action = url_for(".set_switch")
    return render_template("alipay.html", messages=sent, bills=bills, switches=here.faults.all(), action=action)
