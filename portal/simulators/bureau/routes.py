"""Routes of the simulated card platform under ``/bureau``: orders handed over by hospitals, asked about, cancelled.

``POST /bureau/orders`` hands over, ``GET /bureau/orders/<order>`` tells how it stands, ``POST …/cancel`` ends it;
signed like bill events (docs/delivery.md). ``GET /bureau/orders.json`` is for tests.
"""

from __future__ import annotations

import hmac
import threading
import time
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.providers.push.signature import signature
from portal.simulators.bureau.state import Bureau
from portal.simulators.context import state_of
from portal.simulators.server import deliver
from portal.simulators.switches import add_switches

SKEW_SECONDS = 300

pages = Blueprint("bureau", __name__, url_prefix="/bureau", template_folder="templates")
add_switches(pages)


@pages.post("/orders")
def take_order() -> ResponseReturnValue:
    """Take an order and begin to carry it out."""
    here = state_of(Bureau)
    if refused := _refused(here):
        return refused
    told = request.get_json(force=True)
    if not all(told.get(name) for name in ("order_id", "appid", "bill_code", "bill_number", "fee")):
        return jsonify({"state": "refused", "reason": "缺少字段"}), 422
    for _ in range(2 if here.faults.strikes("twice") else 1):
        standing, new = here.rules.take(told)
        if new and not here.faults.strikes("idle"):
            threading.Thread(target=here.rules.insert, args=(told["order_id"], _wechat()), daemon=True).start()
    return _answer(here, standing, 202 if new else 409)


@pages.get("/orders/<order_id>")
def show_order(order_id: str) -> ResponseReturnValue:
    """Tell how an order stands."""
    here = state_of(Bureau)
    if refused := _refused(here):
        return refused
    if here.rules.row(order_id) is None:
        return jsonify({"state": "unknown"}), 404
    here.rules.note_question(order_id)
    return _answer(here, here.rules.standing(order_id), 200)


@pages.post("/orders/<order_id>/cancel")
def cancel_order(order_id: str) -> ResponseReturnValue:
    """End the order of a reversed bill."""
    here = state_of(Bureau)
    if refused := _refused(here):
        return refused
    if here.rules.row(order_id) is None:
        return jsonify({"state": "unknown"}), 404
    gone = here.rules.cancel(order_id, _wechat())
    return _answer(here, here.rules.standing(order_id), 200 if gone else 409)


@pages.get("/orders.json")
def list_orders() -> ResponseReturnValue:
    """List the orders, newest first."""
    return jsonify(state_of(Bureau).rules.rows())


@pages.post("/decide")
def decide() -> ResponseReturnValue:
    """Carry an order out or send it back, as an officer of the bureau does."""
    rules, order_id = state_of(Bureau).rules, request.form["order_id"]
    if request.form["act"] == "insert":
        rules.insert(order_id, _wechat())
    else:
        rules.send_back(order_id)
    return redirect(url_for(".show_inbox"), 303)


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show the orders."""
    here = state_of(Bureau)
    shown = [row | {"when": local(datetime.fromtimestamp(row["at"], UTC))} for row in here.rules.rows()]
    action = url_for(".set_switch")
    return render_template("bureau.html", orders=shown, switches=here.faults.all(), action=action)


def _wechat() -> str:
    return f"{request.host_url}wechat"


def _refused(here: Bureau) -> ResponseReturnValue | None:
    """Let faults befall the request, then check who signed it."""
    here.faults.delay()
    if here.faults.strikes("down"):
        return Response("unavailable", 503)
    return None if _signed(here.key) else (jsonify({"state": "refused", "reason": "签名不正确"}), 401)


def _signed(key: str) -> bool:
    headers, body = request.headers, request.get_data()
    stamp, nonce = headers.get("X-Qupiao-Timestamp", ""), headers.get("X-Qupiao-Nonce", "")
    good = signature(key, request.method, request.path, stamp, nonce, body)
    fresh = stamp.isdigit() and abs(time.time() - int(stamp)) <= SKEW_SECONDS
    return fresh and hmac.compare_digest(good, headers.get("X-Qupiao-Signature", ""))


def _answer(here: Bureau, standing: dict[str, str], status: int) -> Response:
    if standing["state"] == "inserted" and here.faults.strikes("mute"):
        standing = {"state": "waiting", "code": "", "reason": ""}
    response = jsonify(standing)
    response.status_code = status
    return deliver(response, here.faults)
