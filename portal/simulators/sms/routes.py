"""Routes of the simulated SMS gateway under ``/sms``: a strictly signed contract, an inbox to read.

``POST /sms/send``, JSON body ``{"phone", "template", "params": {…}, "out_id"}``, headers ``X-Sms-App-Id``,
``X-Sms-Timestamp`` (Unix seconds, ± 5 min), ``X-Sms-Nonce`` and ``X-Sms-Signature``: lower-case hex of HMAC-SHA256
with the account's key over app id, timestamp, nonce and SHA-256 hex of the body, joined by line feeds. The phone
travels in the body only, never in an address (the query strings of the big operators leak it into proxy logs).

Answers ``{"code", "message", "biz_id"}``; the codes are those of the big operators where they have one.
The same ``out_id`` with the same content is answered again and sent once.
"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.simulators.context import state_of
from portal.simulators.server import deliver
from portal.simulators.sms.rules import MOST_BYTES, GatewayRefusal
from portal.simulators.sms.state import Sms
from portal.simulators.switches import add_switches

pages = Blueprint("sms", __name__, url_prefix="/sms", template_folder="templates")
add_switches(pages)


@pages.post("/send")
def take_message() -> ResponseReturnValue:
    """Take a message to send."""
    here, body = state_of(Sms), request.get_data(cache=False)
    here.faults.delay()
    if here.faults.strikes("down"):
        return _answer(503, "isp.SYSTEM_ERROR", "网关不可用（演示故障）")
    try:
        if len(body) > MOST_BYTES:
            raise GatewayRefusal(413, "isv.INVALID_PARAMETERS", "报文过大")
        here.gateway.authenticate(request.headers, body)
        for _ in range(2 if here.faults.strikes("twice") else 1):
            biz_id = here.gateway.send(body)
    except GatewayRefusal as refusal:
        return _answer(refusal.status, refusal.code, refusal.message)
    return deliver(_answer(200, "OK", "OK", biz_id), here.faults)


@pages.get("/messages")
def list_messages() -> ResponseReturnValue:
    """List what was sent, newest first."""
    return jsonify(state_of(Sms).gateway.messages(int(request.args.get("most", 200))))


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show what was sent."""
    here = state_of(Sms)
    rows = [row | {"when": local(datetime.fromisoformat(row["at"]))} for row in here.gateway.messages(100)]
    return render_template("sms.html", messages=rows, switches=here.faults.all(), action=url_for(".set_switch"))


@pages.get("/limits")
def show_limits() -> ResponseReturnValue:
    """List how many messages one phone may get."""
    return jsonify(state_of(Sms).gateway.limits())


@pages.post("/limits")
def set_limits() -> ResponseReturnValue:
    """Set how many messages one phone may get."""
    gateway = state_of(Sms).gateway
    gateway.set_limits(request.get_json(force=True))
    return jsonify(gateway.limits())


def _answer(status: int, code: str, message: str, biz_id: str = "") -> Response:
    response = jsonify({"code": code, "message": message, "biz_id": biz_id})
    response.status_code = status
    return response
