"""Rules of the simulated Alipay: signatures, permissions, messages and 发票管家.

Methods: oauth.token, mini-program and life-account messages, ``invoice.info.send``. Written from the contract with
`cryptography`, not with the library that the platform uses, so that an error of the library shows.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from portal.core.clock import SHANGHAI, now
from portal.demo.accounts import DEMO_ALIPAY_APP, DEMO_TEMPLATES
from portal.demo.alipay_keys import ensure_demo_keys
from portal.simulators.context import Context

SCHEMA = """
CREATE TABLE IF NOT EXISTS alipay_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, user TEXT NOT NULL, template TEXT NOT NULL,
  data TEXT NOT NULL, page TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS alipay_invoice (
  code TEXT, number TEXT, kind TEXT, ours TEXT NOT NULL, content TEXT NOT NULL, url TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (code, number, kind));
CREATE TABLE IF NOT EXISTS alipay_user (user TEXT PRIMARY KEY, remaining INTEGER);
CREATE TABLE IF NOT EXISTS alipay_code (code TEXT PRIMARY KEY, user TEXT NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS alipay_call (id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS alipay_script (
  id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, code TEXT NOT NULL, sub_code TEXT NOT NULL);
"""
USERS = ("2088DEMO00000001", "2088DEMO00000002")
Json = dict[str, Any]
"""The object of a call or an answer; that of a call is checked before it is used."""
_FIELDS = {
    "open_id",
    "out_invoice_id",
    "invoice_code",
    "invoice_no",
    "invoice_date",
    "invoice_kind",
    "financial_electronic_type",
    "invoice_type",
    "sum_amount",
    "check_code",
    "payee_register_name",
    "invoice_title",
    "file_download_url",
    "file_download_type",
}


class AlipayRefusal(Exception):
    """An answer that is no success; ``gateway``: of the gateway, not of the method."""

    def __init__(self, code: str, sub_code: str, text: str, gateway: bool = False) -> None:
        super().__init__(text)
        self.code, self.sub_code, self.text, self.gateway = code, sub_code, text, gateway


class AlipayRules:
    """The users, codes and bills, and the work of each method."""

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self.store.extend(SCHEMA)
        keys = ensure_demo_keys(context.keys.unit_key.parent.parent)
        self._app_key = serialization.load_pem_public_key(keys.app_public.encode())
        self._own_key = serialization.load_pem_private_key(keys.alipay_private.encode(), None)
        self.app_id = context.settings.alipay_appid or DEMO_ALIPAY_APP
        configured = {context.settings.alipay_mini_template, context.settings.alipay_life_template}
        self._templates = (configured | {DEMO_TEMPLATES["alipay_mini_template"], "DEMO-LIFE"}) - {""}
        self.add_people([{"user": user} for user in USERS])
        self.acts: dict[str, Callable[[dict[str, str], Json], Json]] = {
            "alipay.system.oauth.token": lambda values, _content: self._login(values),
            "alipay.open.app.mini.templatemessage.send": lambda _values, content: self._message("mini", content),
            "alipay.open.public.message.single.send": lambda _values, content: self._message("life", content),
            "alipay.ebpp.invoice.info.send": lambda _values, content: self._invoice(content),
        }

    def verify(self, values: dict[str, str]) -> None:
        """Check that a call is signed with the application's key and of the last ten minutes. Raises AlipayRefusal."""
        if values.get("app_id") != self.app_id:
            raise AlipayRefusal("40002", "isv.invalid-app-id", "无效的AppID参数", True)
        text = "&".join(f"{name}={value}" for name, value in sorted(values.items()) if name != "sign")
        try:
            signature = b64decode(values.get("sign", ""), validate=True)
            self._app_key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
        except (InvalidSignature, ValueError):
            raise AlipayRefusal("40002", "isv.invalid-signature", "验签出错", True) from None
        try:
            moment = datetime.strptime(values.get("timestamp", ""), "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
        except ValueError:
            moment = datetime.fromtimestamp(0, UTC)
        if abs(now() - moment) > timedelta(minutes=10):
            raise AlipayRefusal("40002", "isv.invalid-timestamp", "非法的时间戳参数", True)

    def sign(self, text: str) -> str:
        """Sign an answer's node: the value of ``sign``."""
        made = self._own_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
        return b64encode(made).decode()

    def perform(self, values: dict[str, str]) -> Json:
        """Do what a call asks for; return its node. Raises AlipayRefusal."""
        method = values.get("method", "")
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO alipay_call (method, at) VALUES (?, ?)", (method, time.time()))
            scripted = connection.execute(
                "SELECT * FROM alipay_script WHERE method = ? ORDER BY id LIMIT 1", (method,)
            ).fetchone()
            if scripted is not None:
                connection.execute("DELETE FROM alipay_script WHERE id = ?", (scripted["id"],))
        if scripted is not None:
            raise AlipayRefusal(scripted["code"], scripted["sub_code"], "脚本")
        if method not in self.acts:
            raise AlipayRefusal("40002", "isv.invalid-method", "不存在的方法名", True)
        try:
            content = json.loads(values.get("biz_content") or "{}")
        except ValueError:
            raise AlipayRefusal("40002", "isv.invalid-parameter", "参数无效", True) from None
        return self.acts[method](values, content)

    def _login(self, values: dict[str, str]) -> Json:
        with self.store.transaction() as connection:
            row = connection.execute("SELECT * FROM alipay_code WHERE code = ?", (values.get("code", ""),)).fetchone()
            if values.get("grant_type") != "authorization_code" or row is None or row["used"]:
                raise AlipayRefusal("40002", "isv.code-invalid", "授权码code无效", True)
            connection.execute("UPDATE alipay_code SET used = 1 WHERE code = ?", (values["code"],))
        token = secrets.token_hex(20)
        return {"access_token": token, "refresh_token": token, "expires_in": 3600, "open_id": row["user"]}

    def _message(self, kind: str, content: Json) -> Json:
        user = content.get("to_open_id") or content.get("to_user_id")
        if kind == "mini":
            template, page, data = content.get("user_template_id"), content.get("page"), content.get("data")
            good = isinstance(data, str) and len(data) <= 2048 and isinstance(page, str) and len(page) <= 128
            fields = json.loads(data) if good and isinstance(data, str) else {}
        else:
            given = content.get("template", {})
            template, fields = given.get("template_id"), given.get("context", {})
            page, good = fields.get("url"), bool(fields)
        if not good or not fields:
            raise AlipayRefusal("40004", "INVALID_PARAMETER", "参数无效")
        if template not in self._templates:
            raise AlipayRefusal("40004", "PUB.MSG_TEMPLATE_NOT_EXIST", "模板不存在")
        with self.store.transaction() as connection:
            self._use_permission(connection, str(user))
            text = json.dumps(fields, ensure_ascii=False)
            connection.execute(
                "INSERT INTO alipay_message (kind, user, template, data, page, at) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, user, template, text, page, time.time()),
            )
        return {}

    @staticmethod
    def _use_permission(connection: sqlite3.Connection, user: str) -> None:
        """Use up one of the messages that the person allowed; ``remaining`` NULL: any number."""
        if connection.execute("SELECT 1 FROM alipay_user WHERE user = ?", (user,)).fetchone() is None:
            raise AlipayRefusal("40004", "USER_NOT_EXIST", "用户不存在")
        left = "UPDATE alipay_user SET remaining = remaining - 1 WHERE user = ? AND ifnull(remaining, 1) > 0"
        if connection.execute(left, (user,)).rowcount != 1:
            raise AlipayRefusal("40004", "USER_NOT_SUBSCRIBE", "用户未订阅")

    def add_people(self, wanted: list[Json]) -> None:
        """Add users: ``user``, and ``remaining``: how many messages they allow, without it any number."""
        rows = [(one["user"], one.get("remaining")) for one in wanted]
        with self.store.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO alipay_user VALUES (?, ?)", rows)

    def _invoice(self, content: Json) -> Json:
        bills = content.get("invoice_info_list")
        if not content.get("m_short_name") or not isinstance(bills, list) or not bills:
            raise AlipayRefusal("40004", "INVALID_PARAMETER", "参数无效")
        url = ""
        for bill in bills:
            missing = sorted(_FIELDS - set(bill))
            if missing or not all(isinstance(bill[name], str) for name in _FIELDS - {"invoice_title"}):
                raise AlipayRefusal("40004", "INVALID_PARAMETER", f"参数无效：{'、'.join(missing)}")
            if bill["invoice_kind"] != "FINANCIAL_ELECTRONIC_BILL" or bill["financial_electronic_type"] != "06":
                raise AlipayRefusal("40004", "INVALID_PARAMETER", "票种不支持")
            if bill["invoice_type"] == "RED" and not (bill.get("ori_blue_inv_code") and bill.get("ori_blue_inv_no")):
                raise AlipayRefusal("40004", "INVALID_PARAMETER", "红票缺少原票")
            key = (bill["invoice_code"], bill["invoice_no"], bill["invoice_type"])
            with self.store.transaction() as connection:
                known = connection.execute(
                    "SELECT url FROM alipay_invoice WHERE code = ? AND number = ? AND kind = ?", key
                ).fetchone()
                if known is not None:
                    raise AlipayRefusal("40004", "INVOICE_ALREADY_EXIST", "发票已存在")
                url = f"alipays://demo/{secrets.token_hex(8)}"
                text = json.dumps(bill, ensure_ascii=False)
                connection.execute(
                    "INSERT INTO alipay_invoice VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*key, bill["out_invoice_id"], text, url, time.time()),
                )
        return {"url": url}

    def rows(self, table: str, most: int = 500) -> list[Json]:
        """List the newest rows of a table (``alipay_message``, ``alipay_invoice``)."""
        with self.store.transaction() as connection:
            found = connection.execute(f"SELECT * FROM {table} ORDER BY at DESC LIMIT ?", (most,)).fetchall()
        return [dict(row) for row in found]

    def make_code(self, user: str) -> str:
        """Make a log-in code of a user."""
        code = secrets.token_hex(16)
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO alipay_code VALUES (?, ?, 0)", (code, user))
        return code

    def script(self, wanted: Json) -> None:
        """Set the answers to come: method → list of [code, sub_code]."""
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM alipay_script")
            for method, answers in wanted.items():
                for code, sub_code in answers:
                    connection.execute(
                        "INSERT INTO alipay_script (method, code, sub_code) VALUES (?, ?, ?)", (method, code, sub_code)
                    )
