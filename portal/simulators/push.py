"""The hospital's APP as it receives bill events: signature, time and duplicates checked, a page to read them."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.providers.push.signature import signature
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
STATUSES = {"delivered": "已送到手机", "read": "患者已读", "failed": "没有送到"}
"""What an APP may tell of an event, as buttons."""


def blueprint(context: Context) -> Blueprint:
    """``/push``: events, inbox, switches."""
    pages = Blueprint("push", __name__, url_prefix="/push")
    store, settings, faults = context.store, context.settings, Faults(context.store, "push", SWITCHES)

    @pages.post("/events")
    def events() -> ResponseReturnValue:
        body, headers = request.get_data(cache=False), request.headers
        stamp, nonce = headers.get("X-Qupiao-Timestamp", ""), headers.get("X-Qupiao-Nonce", "")
        known = receiver(headers.get("X-Qupiao-Key", ""))
        fresh = stamp.isdecimal() and abs(time.time() - int(stamp)) <= SKEW_SECONDS
        good = signature(known[0], "POST", request.path, stamp, nonce, body) if known else ""
        sent = [headers.get(name, "") for name in ("X-Qupiao-Signature", "X-Qupiao-Signature-Next")]
        if not (known and fresh and any(hmac.compare_digest(good, one) for one in sent)):
            return jsonify({"code": 401, "message": "签名不正确"}), 401
        if slow := faults.strikes("slow"):
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("unavailable", 503)
        for _ in range(2 if faults.strikes("twice") else 1):
            event_id = _keep(store, known[1], body, headers.get("X-Qupiao-Key", ""))
        if faults.strikes("answer_lost"):
            return drop_connection()
        answer = jsonify({known[1]: event_id})
        return half_answer(answer) if faults.strikes("half_answer") else answer

    def receiver(key_id: str) -> tuple[str, str] | None:
        """The key of a key id, and under which name its receiver wants the number of an event."""
        with store.transaction() as connection:
            row = connection.execute("SELECT * FROM push_receiver WHERE key_id = ?", (key_id,)).fetchone()
        if row is not None:
            return row["key"], row["id_field"]
        return (settings.push_key, "event_id") if key_id == settings.push_key_id else None

    @pages.post("/receivers")
    def add_receiver() -> ResponseReturnValue:
        """Another receiver behind the same address: ``key_id``, ``key``, and ``id_field`` if it has its own names."""
        wanted = request.get_json()
        row = (wanted["key_id"], wanted["key"], wanted.get("id_field", "event_id"))
        with store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO push_receiver VALUES (?, ?, ?)", row)
        return jsonify({"key_id": row[0]})

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
            | {
                "when": local(datetime.fromtimestamp(row["at"], UTC)),
                "attempts": row["attempts"],
                "id": row["event_id"],
            }
            for row in rows
        ]
        return render_template(
            "push.html", events=shown, statuses=STATUSES, switches=faults.all(), action=url_for("push.switch")
        )

    @pages.post("/receipt")
    def receipt() -> ResponseReturnValue:
        """What became of an event, told to the platform as its contract says (reference §10)."""
        event_id, status = request.form["event_id"], request.form["status"]
        with store.transaction() as connection:
            row = connection.execute("SELECT key_id FROM push_sender WHERE event_id = ?", (event_id,)).fetchone()
        known = receiver(row["key_id"]) if row is not None else None
        if known is None:
            raise ValueError("没有这个事件")
        _tell(f"{settings.base}/his-callback", row["key_id"], known[0], {"event_id": event_id, "status": status})
        return redirect(url_for("push.inbox"), 303)

    switch_routes(pages, faults, "push.inbox")

    return pages


def _tell(url: str, key_id: str, key: str, told: dict[str, str]) -> None:
    body, stamp, nonce = json.dumps(told).encode(), str(int(time.time())), secrets.token_hex(8)
    headers = {
        "Content-Type": "application/json",
        "X-Qupiao-Key": key_id,
        "X-Qupiao-Timestamp": stamp,
        "X-Qupiao-Nonce": nonce,
        "X-Qupiao-Signature": signature(key, "POST", urlsplit(url).path, stamp, nonce, body),
    }
    try:
        httpx.post(url, content=body, headers=headers, timeout=10, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise ValueError(f"平台没有收下回执（{type(error).__name__}）") from error


def _keep(store: Store, id_field: str, body: bytes, key_id: str) -> str:
    """Take an event, once for each number in ``id_field``; returns it."""
    event_id = str(json.loads(body)[id_field])
    with store.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO push_sender VALUES (?, ?)", (event_id, key_id))
        connection.execute(
            "INSERT INTO push_event (event_id, body, at, attempts) VALUES (?, ?, ?, 1)"
            " ON CONFLICT (event_id) DO UPDATE SET attempts = attempts + 1",
            (event_id, body.decode(), time.time()),
        )
    return event_id
