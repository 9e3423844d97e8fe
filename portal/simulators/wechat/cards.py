"""Rules of the simulated card pack for fiscal e-bills: authorisation, PDF, insertion, state."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from typing import Any

from portal.demo.accounts import DEMO_CARD, DEMO_CARD_PLATFORM
from portal.demo.settings import DemoSettings
from portal.simulators.store import Store
from portal.simulators.wechat.refusals import Json, WeChatRefusal
from portal.simulators.wechat.tokens import Caller, TokenRules

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechat_order (
  order_id TEXT PRIMARY KEY, appid TEXT NOT NULL, s_pappid TEXT NOT NULL, money INTEGER NOT NULL, state TEXT NOT NULL,
  openid TEXT NOT NULL, back TEXT NOT NULL, at REAL NOT NULL, auth_at REAL, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS wechat_pdf (media_id TEXT PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_card (
  code TEXT PRIMARY KEY, card_id TEXT NOT NULL, order_id TEXT NOT NULL UNIQUE, openid TEXT NOT NULL,
  data TEXT NOT NULL, media_id TEXT NOT NULL, status TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS wechat_card_maker (code TEXT PRIMARY KEY, appid TEXT NOT NULL);
"""
STATUSES = ("INVOICE_REIMBURSE_INIT", "INVOICE_REIMBURSE_LOCK", "INVOICE_REIMBURSE_CLOSURE", "INVOICE_REIMBURSE_CANCEL")
_THREE_DAYS = 3 * 86400


class CardRules:
    """The orders, PDFs and cards, and what each may do."""

    def __init__(self, store: Store, settings: DemoSettings, tokens: TokenRules) -> None:
        self.store = store
        store.extend(SCHEMA)
        self._tokens = tokens
        self.platforms = {DEMO_CARD_PLATFORM, settings.card_platform_id} - {""}
        self.templates = {DEMO_CARD, settings.card_id} - {""}

    def auth_url(self, caller: Caller, body: Json, base: str) -> Json:
        """Make the page where the person may let the card in."""
        order_id, money = _text(body, "order_id"), body.get("money")
        if _text(body, "s_pappid") not in self.platforms or body.get("source") not in ("web", "app"):
            raise WeChatRefusal(72031, "invalid params")
        if not isinstance(money, int) or isinstance(money, bool) or abs(time.time() - body.get("timestamp", 0)) > 600:
            raise WeChatRefusal(72031, "invalid params")
        if not self._tokens.good_ticket(body.get("ticket"), caller.appid):
            raise WeChatRefusal(40097, "invalid ticket")
        with self.store.transaction() as connection:
            known = connection.execute("SELECT * FROM wechat_order WHERE order_id = ?", (order_id,)).fetchone()
            if known is not None and known["state"] == "refused":
                raise WeChatRefusal(72035, "order rejected before")
            if known is not None and known["state"] == "inserted":
                raise WeChatRefusal(72018, "duplicate order_id")
            key = known["key"] if known is not None else secrets.token_urlsafe(16)
            if known is None:
                values = (
                    order_id,
                    caller.appid,
                    body["s_pappid"],
                    money,
                    "never auth",
                    "",
                    body.get("redirect_url") or "",
                )
                connection.execute(
                    "INSERT INTO wechat_order VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)", (*values, time.time(), key)
                )
        return {"auth_url": f"{base}/wechat/authorize/{key}", "expire_time": 7200}

    def order(self, key: str) -> Json | None:
        """Find the order behind an authorisation page."""
        with self.store.transaction() as connection:
            row = connection.execute("SELECT * FROM wechat_order WHERE key = ?", (key,)).fetchone()
        return None if row is None else dict(row)

    def authorise(self, key: str, openid: str) -> Json | None:
        """Let the card in (the person taps 领取); return the order."""
        with self.store.transaction() as connection:
            connection.execute(
                "UPDATE wechat_order SET state = 'auth success', openid = ?, auth_at = ? WHERE key = ?"
                " AND state = 'never auth'",
                (openid, time.time(), key),
            )
        return self.order(key)

    def auth_data(self, body: Json) -> Json:
        """Tell whether the person has let the card in."""
        order = self._own(body)
        state = "auth success" if order["state"] == "inserted" else order["state"]
        return {"invoice_status": state, "auth_time": int(order["auth_at"] or 0)}

    def reject(self, body: Json) -> Json:
        """End an order for the unit, for ever."""
        order = self._own(body)
        if order["state"] == "inserted":
            raise WeChatRefusal(72018, "order already inserted")
        with self.store.transaction() as connection:
            connection.execute("UPDATE wechat_order SET state = 'refused' WHERE order_id = ?", (order["order_id"],))
        return {}

    def _own(self, body: Json) -> Json:
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT * FROM wechat_order WHERE order_id = ? AND s_pappid = ?",
                (_text(body, "order_id"), _text(body, "s_pappid")),
            ).fetchone()
        if row is None:
            raise WeChatRefusal(72038, "order never authorised")
        return dict(row)

    def upload(self, files: Any) -> Json:
        """Take a PDF: one multipart part ``pdf`` with a file name, that begins and ends as a PDF does."""
        part = files.get("pdf")
        body = b""
        if part is not None:
            part.seek(0)  # the same upload may arrive twice
            body = part.read()
        if part is None or not part.filename or not body.startswith(b"%PDF") or b"%%EOF" not in body[-1024:]:
            raise WeChatRefusal(72040, "invalid pdf")
        media_id = str(secrets.randbelow(2**63 - 2**62) + 2**62)
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO wechat_pdf VALUES (?, ?, ?)", (media_id, body, time.time()))
        return {"s_media_id": media_id}

    def pdf(self, media_id: str) -> bytes:
        """Return an uploaded PDF; empty when it is not there, or older than three days and in no card."""
        with self.store.transaction() as connection:
            row = connection.execute("SELECT * FROM wechat_pdf WHERE media_id = ?", (media_id,)).fetchone()
            held = connection.execute("SELECT 1 FROM wechat_card WHERE media_id = ?", (media_id,)).fetchone()
        lost = row is None or (held is None and row["at"] < time.time() - _THREE_DAYS)
        return b"" if lost else bytes(row["body"])

    def insert(self, caller: Caller, body: Json) -> Json:
        """Put the bill into the person's card pack; the card is the caller's, whichever account was authorised."""
        order_id, card_id = _text(body, "order_id"), _text(body, "card_id")
        try:
            data = body["card_ext"]["user_card"]["invoice_user_data"]
            media_id = data["s_pdf_media_id"]
        except (KeyError, TypeError):
            raise WeChatRefusal(72031, "invalid params") from None
        if set(data) != {"fee", "title", "billing_time", "billing_no", "billing_code", "s_pdf_media_id"}:
            raise WeChatRefusal(72031, "invalid params")
        if card_id not in self.templates:
            raise WeChatRefusal(40078, "invalid card status")
        with self.store.transaction() as connection:
            order = connection.execute(
                "SELECT * FROM wechat_order WHERE order_id = ? AND appid = ?", (order_id, _text(body, "appid"))
            ).fetchone()
            if order is None or order["state"] == "never auth":
                raise WeChatRefusal(72038, "order never authorised")
            if order["state"] == "refused":
                raise WeChatRefusal(72035, "order rejected before")
            if order["state"] == "inserted":
                raise WeChatRefusal(72018, "duplicate order_id")
            self._check(connection, order, data, media_id)
            code = str(secrets.randbelow(9 * 10**11) + 10**11)
            text = json.dumps(data, ensure_ascii=False, sort_keys=True)
            connection.execute(
                "INSERT INTO wechat_card VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (code, card_id, order_id, order["openid"], text, media_id, STATUSES[0], time.time()),
            )
            connection.execute("INSERT INTO wechat_card_maker VALUES (?, ?)", (code, caller.appid))
            connection.execute("UPDATE wechat_order SET state = 'inserted' WHERE order_id = ?", (order_id,))
        return {"code": code, "openid": order["openid"]}

    def _check(self, connection: sqlite3.Connection, order: sqlite3.Row, data: Json, media_id: Any) -> None:
        if not isinstance(media_id, str) or not self.pdf(media_id):
            raise WeChatRefusal(72046, "pdf not found")
        if data["fee"] != order["money"] or not isinstance(data["title"], str) or not data["title"]:
            raise WeChatRefusal(72017, "title or fee differs")
        # The page that describes the call and every client disagree on which is which: both are taken.
        if sorted(len(str(data[name])) for name in ("billing_no", "billing_code")) != [8, 10]:
            raise WeChatRefusal(72041, "invalid billing code or number")
        pair = {data["billing_no"], data["billing_code"]}
        for row in connection.execute("SELECT data FROM wechat_card WHERE status != ?", (STATUSES[3],)).fetchall():
            other = json.loads(row["data"])
            if {other["billing_no"], other["billing_code"]} == pair:
                raise WeChatRefusal(72042, "billing code and number already in a card pack")

    def update(self, caller: Caller | None, body: Json) -> Json:
        """Set the state of a card, for the account that made it or for a reimburser (no caller)."""
        status = body.get("reimburse_status")
        with self.store.transaction() as connection:
            card = connection.execute(
                "SELECT * FROM wechat_card WHERE code = ? AND card_id = ?",
                (_text(body, "code"), _text(body, "card_id")),
            ).fetchone()
            maker = connection.execute("SELECT appid FROM wechat_card_maker WHERE code = ?", (body["code"],)).fetchone()
            if card is None or (caller is not None and maker is not None and maker["appid"] != caller.appid):
                raise WeChatRefusal(72038, "order never authorised")
            if status not in STATUSES:
                raise WeChatRefusal(72031, "invalid params")
            if card["status"] == STATUSES[1] and status == STATUSES[3]:
                raise WeChatRefusal(72023, "invoice locked")
            connection.execute("UPDATE wechat_card SET status = ? WHERE code = ?", (status, card["code"]))
        return {}

    def empty(self) -> None:
        """Forget cards and orders, between tests whose bills have the same numbers."""
        with self.store.transaction() as connection:
            for table in ("wechat_card", "wechat_order"):
                connection.execute(f"DELETE FROM {table}")

    def cards(self) -> list[Json]:
        """List all cards, newest first."""
        with self.store.transaction() as connection:
            rows = connection.execute("SELECT * FROM wechat_card ORDER BY at DESC LIMIT 500").fetchall()
        return [dict(row) | {"data": json.loads(row["data"])} for row in rows]


def _text(body: Json, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value or value != value.strip():
        raise WeChatRefusal(72031, f"invalid params: {name}")
    return value
