"""The finance bureau's card platform (delivery-channels §4.1, mode A): takes what hospitals were let to hand over, and
puts the bill into WeChat's card pack with its own account, its own PDF and the bill that finance has.

``POST /bureau/orders`` hands over, ``GET /bureau/orders/<order>`` tells how it stands, ``POST …/cancel`` ends it;
signed like bill events (docs/delivery.md). WeChat is spoken to over HTTP, as from outside. ``GET /bureau/orders.json``
is for tests.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import local
from portal.core.platform_settings import DEMO_BUREAU, DEMO_CARD
from portal.providers.push.signature import signature
from portal.rendering import xml
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.forms import switch_routes
from portal.simulators.server import drop_connection, half_answer
from portal.simulators.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS bureau_order (
  order_id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  at REAL NOT NULL, asked INTEGER NOT NULL);
"""
SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("twice", "请求到达两次"),
    Switch("idle", "收下但不放入，等人办理"),
    Switch("mute", "已放入但一直答“办理中”"),
    Switch("answer_lost", "已办理但应答丢失"),
    Switch("half_answer", "应答只有一半"),
)
SKEW_SECONDS = 300


class WeChatSaid(Exception):
    """WeChat did not do it: its ``errcode``, 0 without an answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class BureauOffice:
    """Orders, and what is done about them at WeChat."""

    def __init__(self, store: Store, card_id: str) -> None:
        self.store, self._card_id = store, card_id
        store.extend(SCHEMA)
        self._http = httpx.Client(timeout=10, trust_env=False)

    def take(self, told: dict[str, Any]) -> tuple[dict[str, str], bool]:
        """Keep an order; how it stands, and whether it is new."""
        text = json.dumps(told, sort_keys=True)
        with self.store.transaction() as connection:
            values = (told["order_id"], text, time.time())
            added = connection.execute(
                "INSERT INTO bureau_order VALUES (?, ?, 'waiting', '', '', ?, 0) ON CONFLICT DO NOTHING", values
            ).rowcount
        return self.standing(told["order_id"]), added == 1

    def row(self, order_id: str) -> Any:
        """One order, or ``None``."""
        with self.store.transaction() as connection:
            return connection.execute("SELECT * FROM bureau_order WHERE order_id = ?", (order_id,)).fetchone()

    def rows(self) -> list[dict[str, Any]]:
        """All orders, newest first."""
        with self.store.transaction() as connection:
            found = connection.execute("SELECT * FROM bureau_order ORDER BY at DESC LIMIT 200").fetchall()
        return [dict(row) | {"body": json.loads(row["body"])} for row in found]

    def standing(self, order_id: str) -> dict[str, str]:
        """The answer about an order."""
        row = self.row(order_id)
        return {name: row[name] for name in ("state", "code", "reason")}

    def set(self, order_id: str, state: str, code: str = "", reason: str = "") -> None:
        """How it stands now."""
        with self.store.transaction() as connection:
            connection.execute(
                "UPDATE bureau_order SET state = ?, code = ?, reason = ? WHERE order_id = ?",
                (state, code, reason, order_id),
            )

    def insert(self, order_id: str, wechat: str) -> None:
        """Put the bill into the card pack. Finance has the bill; what it does not have is refused."""
        row = self.row(order_id)
        if row is None or row["state"] != "waiting":
            return
        try:
            code = self._inserted(order_id, json.loads(row["body"]), wechat)
        except WeChatSaid as said:
            if said.code:  # without an answer it waits for somebody to try again
                self.set(order_id, "refused", reason=f"{said.code} {said.text}")
        else:
            self.set(order_id, "inserted", code)

    def _inserted(self, order_id: str, told: dict[str, Any], wechat: str) -> str:
        bill = self._bill(told["bill_code"], told["bill_number"])
        if bill is None or bill.total_fen != told["fee"]:
            raise WeChatSaid(404, "财政没有这张票据，或金额不符")
        token = self._token(wechat)
        pdf = {"pdf": ("bill.pdf", _pdf(f"{bill.code} {bill.number}"), "application/pdf")}
        media_id = self._call(f"{wechat}/card/invoice/platform/setpdf", token, files=pdf)["s_media_id"]
        data = {"fee": bill.total_fen, "title": bill.payer.name, "billing_time": int(bill.issued_at.timestamp())}
        data |= {"billing_no": bill.code, "billing_code": bill.number, "s_pdf_media_id": media_id}
        body = {"order_id": order_id, "card_id": self._card_id, "appid": told["appid"]}
        body |= {"card_ext": {"user_card": {"invoice_user_data": data}}}
        return str(self._call(f"{wechat}/nontax/insertbill", token, json=body)["code"])

    def cancel(self, order_id: str, wechat: str) -> bool:
        """The bill was reversed; whether the order, or its card, is gone."""
        row = self.row(order_id)
        if row["state"] == "inserted":
            body = {"card_id": self._card_id, "code": row["code"], "reimburse_status": "INVOICE_REIMBURSE_CANCEL"}
            try:
                self._call(f"{wechat}/card/invoice/platform/updatestatus", self._token(wechat), json=body)
            except WeChatSaid as said:
                self.set(order_id, "inserted", row["code"], f"{said.code} {said.text}")
                return False
        self.set(order_id, "cancelled", row["code"])
        return True

    def _bill(self, code: str, number: str) -> Any:
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT signed FROM finance_bill WHERE bill_code = ? AND number = ?", (code, number)
            ).fetchone()
        return None if row is None else xml.read(row["signed"])

    def _token(self, wechat: str) -> str:
        wanted = {"grant_type": "client_credential", "appid": DEMO_BUREAU.appid, "secret": DEMO_BUREAU.secret}
        return str(self._call(f"{wechat}/cgi-bin/stable_token", "", json=wanted)["access_token"])

    def _call(self, url: str, token: str, **body: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._http.post(url, params={"access_token": token}, **body).json()
        except (httpx.HTTPError, ValueError):
            raise WeChatSaid(0, "微信没有应答") from None
        if answer.get("errcode"):
            raise WeChatSaid(int(answer["errcode"]), str(answer.get("errmsg", ""))[:60])
        return answer


def blueprint(context: Context) -> Blueprint:
    """``/bureau``."""
    pages = Blueprint("bureau", __name__, url_prefix="/bureau")
    settings = context.settings
    office = BureauOffice(context.store, settings.card_id or DEMO_CARD)
    faults = Faults(context.store, "bureau", SWITCHES)

    def wechat() -> str:
        return f"{request.host_url}wechat"

    def signed() -> bool:
        headers, body = request.headers, request.get_data()
        stamp, nonce = headers.get("X-Qupiao-Timestamp", ""), headers.get("X-Qupiao-Nonce", "")
        good = signature(settings.card_bureau_key, request.method, request.path, stamp, nonce, body)
        fresh = stamp.isdigit() and abs(time.time() - int(stamp)) <= SKEW_SECONDS
        return fresh and hmac.compare_digest(good, headers.get("X-Qupiao-Signature", ""))

    def guarded() -> ResponseReturnValue | None:
        if slow := faults.strikes("slow"):
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("unavailable", 503)
        return None if signed() else (jsonify({"state": "refused", "reason": "签名不正确"}), 401)

    def answered(standing: dict[str, str], status: int) -> ResponseReturnValue:
        if standing["state"] == "inserted" and faults.strikes("mute"):
            standing = {"state": "waiting", "code": "", "reason": ""}
        response = jsonify(standing)
        response.status_code = status
        if faults.strikes("answer_lost"):
            return drop_connection()
        return half_answer(response) if faults.strikes("half_answer") else response

    @pages.post("/orders")
    def hand_over() -> ResponseReturnValue:
        if refused := guarded():
            return refused
        told = request.get_json(force=True)
        if not all(told.get(name) for name in ("order_id", "appid", "bill_code", "bill_number", "fee")):
            return jsonify({"state": "refused", "reason": "缺少字段"}), 422
        for _ in range(2 if faults.strikes("twice") else 1):
            standing, new = office.take(told)
            if new and not faults.strikes("idle"):
                threading.Thread(target=office.insert, args=(told["order_id"], wechat()), daemon=True).start()
        return answered(standing, 202 if new else 409)

    @pages.get("/orders/<order_id>")
    def standing(order_id: str) -> ResponseReturnValue:
        if refused := guarded():
            return refused
        if office.row(order_id) is None:
            return jsonify({"state": "unknown"}), 404
        with context.store.transaction() as connection:
            connection.execute("UPDATE bureau_order SET asked = asked + 1 WHERE order_id = ?", (order_id,))
        return answered(office.standing(order_id), 200)

    @pages.post("/orders/<order_id>/cancel")
    def cancel(order_id: str) -> ResponseReturnValue:
        if refused := guarded():
            return refused
        if office.row(order_id) is None:
            return jsonify({"state": "unknown"}), 404
        gone = office.cancel(order_id, wechat())
        return answered(office.standing(order_id), 200 if gone else 409)

    @pages.get("/orders.json")
    def all_orders() -> ResponseReturnValue:
        return jsonify(office.rows())

    @pages.post("/decide")
    def decide() -> ResponseReturnValue:
        order_id = request.form["order_id"]
        if request.form["act"] == "insert":
            office.insert(order_id, wechat())
        elif office.row(order_id)["state"] == "waiting":
            office.set(order_id, "refused", reason="人工退回")
        return redirect(url_for("bureau.inbox"), 303)

    switch_routes(pages, faults, "bureau.inbox")

    @pages.get("")
    def inbox() -> ResponseReturnValue:
        shown = [row | {"when": local(datetime.fromtimestamp(row["at"], UTC))} for row in office.rows()]
        action = url_for("bureau.switch")
        return render_template("bureau.html", orders=shown, switches=faults.all(), action=action)

    return pages


def _pdf(text: str) -> bytes:
    """A page with one line of ASCII: the bureau draws the bill as it likes."""
    drawn = f"BT /F1 14 Tf 40 120 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
    )
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"xref\n0 5\n0000000000 65535 f \n%btrailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return made + tail % (table, len(made))
