"""The hospital's APP as it receives bill events: signature, time and duplicates checked, a page to read them."""

from __future__ import annotations

import hmac
import json
import time
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.delivery.channels.app import signature
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.forms import switch_routes
from portal.simulators.server import drop_connection, half_answer
from portal.simulators.store import Store

SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("twice", "请求到达两次"),
    Switch("answer_lost", "已收下但应答丢失"),
    Switch("half_answer", "应答只有一半"),
)
SKEW_SECONDS = 300


def blueprint(context: Context) -> Blueprint:
    """``/push``: events, inbox, switches."""
    pages = Blueprint("push", __name__, url_prefix="/push")
    store, settings, faults = context.store, context.settings, Faults(context.store, "push", SWITCHES)

    @pages.post("/events")
    def events() -> ResponseReturnValue:
        body, headers = request.get_data(cache=False), request.headers
        stamp, nonce = headers.get("X-Qupiao-Timestamp", ""), headers.get("X-Qupiao-Nonce", "")
        good = signature(settings.push_key, "POST", request.path, stamp, nonce, body)
        fresh = stamp.isdecimal() and abs(time.time() - int(stamp)) <= SKEW_SECONDS
        known = headers.get("X-Qupiao-Key") == settings.push_key_id
        if not (fresh and known and hmac.compare_digest(good, headers.get("X-Qupiao-Signature", ""))):
            return jsonify({"code": 401, "message": "签名不正确"}), 401
        if slow := faults.strikes("slow"):
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("unavailable", 503)
        for _ in range(2 if faults.strikes("twice") else 1):
            event_id = _keep(store, body)
        if faults.strikes("answer_lost"):
            return drop_connection()
        answer = jsonify({"event_id": event_id})
        return half_answer(answer) if faults.strikes("half_answer") else answer

    @pages.get("/messages")
    def messages() -> ResponseReturnValue:
        most = request.args.get("most", 200, int)
        with store.transaction() as connection:
            rows = connection.execute("SELECT * FROM push_event ORDER BY at DESC LIMIT ?", (most,)).fetchall()
        return jsonify([json.loads(row["body"]) | {"attempts": row["attempts"]} for row in rows])

    @pages.get("")
    def inbox() -> ResponseReturnValue:
        with store.transaction() as connection:
            rows = connection.execute("SELECT * FROM push_event ORDER BY at DESC LIMIT 50").fetchall()
        shown = [
            json.loads(row["body"])
            | {"when": local(datetime.fromtimestamp(row["at"], UTC)), "attempts": row["attempts"]}
            for row in rows
        ]
        return render_template("push.html", events=shown, switches=faults.all(), action=url_for("push.switch"))

    switch_routes(pages, faults, "push.inbox")

    return pages


def _keep(store: Store, body: bytes) -> str:
    """Take an event, once for each ``event_id``; returns it."""
    event_id = str(json.loads(body)["event_id"])
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO push_event (event_id, body, at, attempts) VALUES (?, ?, ?, 1)"
            " ON CONFLICT (event_id) DO UPDATE SET attempts = attempts + 1",
            (event_id, body.decode(), time.time()),
        )
    return event_id
