"""The Alipay simulator: one gateway that verifies our RSA2 signature and signs its answers; an inbox, fault switches.

Methods: oauth.token, mini-program and life-account messages, 发票管家 (``invoice.info.send``). Written from the
contract (delivery-channels §5–§7) with `cryptography`, not with the library that the platform uses.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.core.clock import SHANGHAI, local, now
from portal.core.platform_settings import DEMO_ALIPAY_APP, TEMPLATES
from portal.providers.alipay.demo_keys import ensure_demo_keys
from portal.simulators import alipay_push
from portal.simulators.context import Context
from portal.simulators.faults import Faults, Switch
from portal.simulators.forms import switch_routes
from portal.simulators.server import drop_connection, half_answer
from portal.simulators.store import Store

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
SWITCHES = (
    Switch("slow", "应答慢", "延迟（毫秒）"),
    Switch("down", "不可用（503）"),
    Switch("html", "返回网页而不是 JSON"),
    Switch("no_sign", "应答没有签名"),
    Switch("wrong_sign", "应答签名不正确"),
    Switch("braces", "应答文字里有不成对的括号"),
    Switch("error_response", "网关错误（20000）"),
    Switch("business_error", "业务失败（40004）"),
    Switch("half_answer", "应答只有一半"),
    Switch("twice", "请求到达两次"),
    Switch("answer_lost", "已办理但应答丢失"),
)
USERS = ("2088DEMO00000001", "2088DEMO00000002")
_FIELDS = {
    "open_id", "out_invoice_id", "invoice_code", "invoice_no", "invoice_date", "invoice_kind",
    "financial_electronic_type", "invoice_type", "sum_amount", "check_code", "payee_register_name", "invoice_title",
    "file_download_url", "file_download_type",
}  # fmt: skip


class AlipayRefusal(Exception):
    """A node that is no success."""

    def __init__(self, code: str, sub_code: str, text: str, gateway: bool = False) -> None:
        super().__init__(text)
        self.code, self.sub_code, self.text, self.gateway = code, sub_code, text, gateway


class AlipayOffice:
    """Who may call, and what each method does."""

    def __init__(self, store: Store, context: Context) -> None:
        self.store = store
        store.extend(SCHEMA)
        keys = ensure_demo_keys(context.keys.unit_key.parent.parent)
        self._app_key = serialization.load_pem_public_key(keys.app_public.encode())
        self._own_key = serialization.load_pem_private_key(keys.alipay_private.encode(), None)
        self.app_id = context.settings.alipay_appid or DEMO_ALIPAY_APP
        configured = {context.settings.alipay_mini_template, context.settings.alipay_life_template}
        self._templates = (configured | {TEMPLATES["alipay_mini_template"], "DEMO-LIFE"}) - {""}
        self.add_people([{"user": user} for user in USERS])
        self.acts: dict[str, Callable[[dict[str, str], dict[str, Any]], dict[str, Any]]] = {
            "alipay.system.oauth.token": lambda values, _content: self._login(values),
            "alipay.open.app.mini.templatemessage.send": lambda _values, content: self._message("mini", content),
            "alipay.open.public.message.single.send": lambda _values, content: self._message("life", content),
            "alipay.ebpp.invoice.info.send": lambda _values, content: self._invoice(content),
        }

    def verify(self, values: dict[str, str]) -> None:
        """Raise AlipayRefusal unless signed with the application's key, and of the last ten minutes in Beijing."""
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
        """The ``sign`` of an answer's node."""
        made = self._own_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
        return b64encode(made).decode()

    def perform(self, values: dict[str, str]) -> dict[str, Any]:
        """The node of a call. Raises AlipayRefusal."""
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

    def _login(self, values: dict[str, str]) -> dict[str, Any]:
        with self.store.transaction() as connection:
            row = connection.execute("SELECT * FROM alipay_code WHERE code = ?", (values.get("code", ""),)).fetchone()
            if values.get("grant_type") != "authorization_code" or row is None or row["used"]:
                raise AlipayRefusal("40002", "isv.code-invalid", "授权码code无效", True)
            connection.execute("UPDATE alipay_code SET used = 1 WHERE code = ?", (values["code"],))
        token = secrets.token_hex(20)
        return {"access_token": token, "refresh_token": token, "expires_in": 3600, "open_id": row["user"]}

    def _message(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
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
    def _use_permission(connection: Any, user: str) -> None:
        """One of the messages that the person allowed; ``remaining`` NULL: for good."""
        if connection.execute("SELECT 1 FROM alipay_user WHERE user = ?", (user,)).fetchone() is None:
            raise AlipayRefusal("40004", "USER_NOT_EXIST", "用户不存在")
        left = "UPDATE alipay_user SET remaining = remaining - 1 WHERE user = ? AND ifnull(remaining, 1) > 0"
        if connection.execute(left, (user,)).rowcount != 1:
            raise AlipayRefusal("40004", "USER_NOT_SUBSCRIBE", "用户未订阅")

    def add_people(self, wanted: list[dict[str, Any]]) -> None:
        """More users: ``user``, and ``remaining``: how many messages they allow, without it any number."""
        rows = [(one["user"], one.get("remaining")) for one in wanted]
        with self.store.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO alipay_user VALUES (?, ?)", rows)

    def _invoice(self, content: dict[str, Any]) -> dict[str, Any]:
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

    def rows(self, table: str, most: int = 500) -> list[dict[str, Any]]:
        """A table's newest rows (``alipay_message``, ``alipay_invoice``)."""
        with self.store.transaction() as connection:
            found = connection.execute(f"SELECT * FROM {table} ORDER BY at DESC LIMIT ?", (most,)).fetchall()  # noqa: S608
        return [dict(row) for row in found]

    def make_code(self, user: str) -> str:
        """A log-in code of a user."""
        code = secrets.token_hex(16)
        with self.store.transaction() as connection:
            connection.execute("INSERT INTO alipay_code VALUES (?, ?, 0)", (code, user))
        return code

    def script(self, wanted: dict[str, Any]) -> None:
        """Answers to come: method → list of [code, sub_code]."""
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM alipay_script")
            for method, answers in wanted.items():
                for code, sub_code in answers:
                    connection.execute(
                        "INSERT INTO alipay_script (method, code, sub_code) VALUES (?, ?, ?)", (method, code, sub_code)
                    )


def blueprint(context: Context) -> Blueprint:
    """``/alipay``."""
    pages = Blueprint("alipay", __name__, url_prefix="/alipay")
    office = AlipayOffice(context.store, context)
    faults = Faults(context.store, "alipay", SWITCHES)
    hooks = {"base": context.settings.base}

    @pages.post("/gateway.do")
    def gateway() -> ResponseReturnValue:
        if slow := faults.strikes("slow"):
            time.sleep(slow.value / 1000)
        if faults.strikes("down"):
            return Response("Service Unavailable", 503)
        if faults.strikes("html"):
            return Response("<html>error</html>", mimetype="text/html")
        values = request.form.to_dict()
        name = values.get("method", "").replace(".", "_") + "_response"
        try:
            if faults.strikes("error_response"):
                raise AlipayRefusal("20000", "isp.unknow-error", "系统繁忙", True)
            office.verify(values)
            if faults.strikes("business_error"):
                raise AlipayRefusal("40004", "SYSTEM_ERROR", "系统错误")
            for _ in range(2 if faults.strikes("twice") else 1):
                node = {"code": "10000", "msg": "Success"} | office.perform(values)
            if values.get("method") == "alipay.system.oauth.token":
                node = {key: value for key, value in node.items() if key not in ("code", "msg")}
        except AlipayRefusal as refusal:
            node = {"code": refusal.code, "msg": "Failed", "sub_code": refusal.sub_code, "sub_msg": refusal.text}
            name = "error_response" if refusal.gateway else name
        response = Response(_answer(office, faults, name, node), mimetype="application/json")
        if faults.strikes("answer_lost"):
            return drop_connection()
        return half_answer(response) if faults.strikes("half_answer") else response

    @pages.get("/messages")
    def messages() -> ResponseReturnValue:
        found = office.rows("alipay_message", request.args.get("most", 500, int))
        return jsonify([row | {"data": json.loads(row["data"])} for row in found])

    @pages.get("/invoices")
    def invoices() -> ResponseReturnValue:
        return jsonify([row | {"content": json.loads(row["content"])} for row in office.rows("alipay_invoice")])

    @pages.post("/people")
    def people() -> ResponseReturnValue:
        office.add_people(request.get_json(force=True))
        return jsonify({})

    @pages.get("/oauth2/publicAppAuthorize.htm")
    def authorize() -> ResponseReturnValue:
        wanted, host = request.args, urlsplit(context.settings.base).hostname
        back = wanted.get("redirect_uri", "")
        known = (wanted.get("app_id"), wanted.get("scope")) == (office.app_id, "auth_base")
        if not known or urlsplit(back).hostname != host:
            raise ValueError("redirect_uri 与应用的授权回调地址不一致")
        choices = []
        for user in USERS:
            query = {"app_id": office.app_id, "scope": "auth_base", "auth_code": office.make_code(user)}
            choices.append((user, f"{back}?{urlencode(query | {'state': wanted.get('state', '')})}"))
        return render_template("platform_login.html", choices=choices, platform="支付宝")

    @pages.post("/state")
    def state() -> ResponseReturnValue:
        hooks["base"] = request.get_json(force=True)["hook"]
        return jsonify({})

    @pages.post("/expense")
    def expense() -> ResponseReturnValue:
        """A reimburser moves on with a bill: the issuer is told, by a message or by a plain notify."""
        form = request.form
        content = {name: form[name] for name in ("invoice_code", "invoice_no", "status")}
        if form.get("as") == "notify":
            values = alipay_push.notify(office.sign, office.app_id, content, "invoice_expense")
        else:
            values = alipay_push.message(office.sign, office.app_id, content, "alipay.ebpp.invoice.expense.notify")
        answers = alipay_push.push(f"{hooks['base']}/alipay/notify", values)
        if form.get("as"):
            return jsonify({"answers": answers, "values": values})
        return redirect(url_for("alipay.inbox"), 303)

    @pages.post("/codes")
    def codes() -> ResponseReturnValue:
        return jsonify({"code": office.make_code(request.get_json(force=True)["user"])})

    @pages.post("/script")
    def script() -> ResponseReturnValue:
        office.script(request.get_json(force=True))
        return jsonify({})

    switch_routes(pages, faults, "alipay.inbox")

    @pages.get("")
    def inbox() -> ResponseReturnValue:
        found = office.rows("alipay_message")
        sent = [
            row | {"data": json.loads(row["data"]), "when": local(datetime.fromtimestamp(row["at"], UTC))}
            for row in found[:100]
        ]
        bills = [row | {"content": json.loads(row["content"])} for row in office.rows("alipay_invoice")[:100]]
        action = url_for("alipay.switch")
        return render_template("alipay.html", messages=sent, bills=bills, switches=faults.all(), action=action)

    return pages


def _answer(office: AlipayOffice, faults: Faults, name: str, node: dict[str, Any]) -> str:
    if faults.strikes("braces"):
        node = node | {"memo": "一个 } 和 {{ 在文字里"}
    text = json.dumps(node, ensure_ascii=False)
    sign = office.sign(text if not faults.strikes("wrong_sign") else text + " ")
    tail = "" if faults.strikes("no_sign") else f',"sign":"{sign}"'
    return f'{{"{name}":{text}{tail}}}'
