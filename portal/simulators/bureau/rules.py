"""Rules of the simulated card platform: orders of hospitals, carried out with the platform's own WeChat account.

The platform makes its own PDF and takes the bill that finance has. WeChat is spoken to over HTTP, as from outside.
"""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from portal.demo.accounts import DEMO_BUREAU
from portal.domain.documents.bill import BillDocument
from portal.rendering import xml
from portal.simulators.bureau.pdf import one_line
from portal.simulators.store import Store

Json = dict[str, Any]
SCHEMA = """
CREATE TABLE IF NOT EXISTS bureau_order (
  order_id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  at REAL NOT NULL, asked INTEGER NOT NULL);
"""


class WeChatSaid(Exception):
    """A refusal of WeChat: its ``errcode``, 0 without an answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class BureauRules:
    """The orders, and the calls to WeChat that they need."""

    def __init__(self, store: Store, card_id: str) -> None:
        self.store, self._card_id = store, card_id
        store.extend(SCHEMA)
        self._http = httpx.Client(timeout=10, trust_env=False)

    def take(self, told: Json) -> tuple[dict[str, str], bool]:
        """Keep an order; return how it stands, and whether it is new."""
        text = json.dumps(told, sort_keys=True)
        with self.store.transaction() as connection:
            values = (told["order_id"], text, time.time())
            added = connection.execute(
                "INSERT INTO bureau_order VALUES (?, ?, 'waiting', '', '', ?, 0) ON CONFLICT DO NOTHING", values
            ).rowcount
        return self.standing(told["order_id"]), added == 1

    def row(self, order_id: str) -> Json | None:
        """Find an order."""
        with self.store.transaction() as connection:
            row = connection.execute("SELECT * FROM bureau_order WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else dict(row)

    def _kept(self, order_id: str) -> Json:
        row = self.row(order_id)
        if row is None:
            raise KeyError(order_id)
        return row

    def note_question(self, order_id: str) -> None:
        """Count that a hospital asked about an order."""
        with self.store.transaction() as connection:
            connection.execute("UPDATE bureau_order SET asked = asked + 1 WHERE order_id = ?", (order_id,))

    def send_back(self, order_id: str) -> None:
        """Refuse an order by hand, unless it is decided already."""
        if self._kept(order_id)["state"] == "waiting":
            self.set(order_id, "refused", reason="人工退回")

    def rows(self) -> list[Json]:
        """List the orders, newest first."""
        with self.store.transaction() as connection:
            found = connection.execute("SELECT * FROM bureau_order ORDER BY at DESC LIMIT 200").fetchall()
        return [dict(row) | {"body": json.loads(row["body"])} for row in found]

    def standing(self, order_id: str) -> dict[str, str]:
        """Return how an order stands, as the answer says it."""
        row = self._kept(order_id)
        return {name: row[name] for name in ("state", "code", "reason")}

    def set(self, order_id: str, state: str, code: str = "", reason: str = "") -> None:
        """Change how an order stands."""
        with self.store.transaction() as connection:
            connection.execute(
                "UPDATE bureau_order SET state = ?, code = ?, reason = ? WHERE order_id = ?",
                (state, code, reason, order_id),
            )

    def insert(self, order_id: str, wechat: str) -> None:
        """Put the bill of an order into the card pack. A bill that finance does not have is refused."""
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

    def _inserted(self, order_id: str, told: Json, wechat: str) -> str:
        bill = self._bill(told["bill_code"], told["bill_number"])
        if bill is None or bill.total_fen != told["fee"]:
            raise WeChatSaid(404, "财政没有这张票据，或金额不符")
        token = self._token(wechat)
        pdf = {"pdf": ("bill.pdf", one_line(f"{bill.code} {bill.number}"), "application/pdf")}
        media_id = self._call(f"{wechat}/card/invoice/platform/setpdf", token, files=pdf)["s_media_id"]
        data = {"fee": bill.total_fen, "title": bill.payer.name, "billing_time": int(bill.issued_at.timestamp())}
        data |= {"billing_no": bill.code, "billing_code": bill.number, "s_pdf_media_id": media_id}
        body = {"order_id": order_id, "card_id": self._card_id, "appid": told["appid"]}
        body |= {"card_ext": {"user_card": {"invoice_user_data": data}}}
        return str(self._call(f"{wechat}/nontax/insertbill", token, json=body)["code"])

    def cancel(self, order_id: str, wechat: str) -> bool:
        """End the order of a reversed bill; return whether the order, or its card, is gone."""
        row = self._kept(order_id)
        if row["state"] == "inserted":
            body = {"card_id": self._card_id, "code": row["code"], "reimburse_status": "INVOICE_REIMBURSE_CANCEL"}
            try:
                self._call(f"{wechat}/card/invoice/platform/updatestatus", self._token(wechat), json=body)
            except WeChatSaid as said:
                self.set(order_id, "inserted", row["code"], f"{said.code} {said.text}")
                return False
        self.set(order_id, "cancelled", row["code"])
        return True

    def _bill(self, code: str, number: str) -> BillDocument | None:
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT signed FROM finance_bill WHERE bill_code = ? AND number = ?", (code, number)
            ).fetchone()
        return None if row is None else xml.read(row["signed"])

    def _token(self, wechat: str) -> str:
        wanted = {"grant_type": "client_credential", "appid": DEMO_BUREAU.appid, "secret": DEMO_BUREAU.secret}
        return str(self._call(f"{wechat}/cgi-bin/stable_token", "", json=wanted)["access_token"])

    def _call(self, url: str, token: str, **body: Any) -> Json:
        try:
            answer: Json = self._http.post(url, params={"access_token": token}, **body).json()
        except (httpx.HTTPError, ValueError):
            raise WeChatSaid(0, "微信没有应答") from None
        if answer.get("errcode"):
            raise WeChatSaid(int(answer["errcode"]), str(answer.get("errmsg", ""))[:60])
        return answer
