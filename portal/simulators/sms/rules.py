"""Rules of the simulated SMS gateway: signatures, templates, frequencies, one message for each ``out_id``."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import Headers

from portal.domain.identity import is_phone
from portal.simulators.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS sms_message (
  id INTEGER PRIMARY KEY AUTOINCREMENT, biz_id TEXT NOT NULL, out_id TEXT NOT NULL UNIQUE, content TEXT NOT NULL,
  phone TEXT NOT NULL, template TEXT NOT NULL, params TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS sms_message_phone ON sms_message (phone, at);
CREATE TABLE IF NOT EXISTS sms_limit (seconds INTEGER PRIMARY KEY, most INTEGER NOT NULL);
"""
TEMPLATES = {
    "code": "【取票演示】验证码{code}，5分钟内有效。工作人员不会向您索要验证码，请勿告诉他人。",
    "reversed": "【取票演示】您在{hospital}的一张医疗电子票据已冲红作废，请以新票据为准，可在取票页面查看。",
    "consent": "【取票演示】{who}申请代您查看和领取电子票据，验证码{code}，5分钟内有效。同意才告诉对方，可随时撤销。",
    "phone": "【取票演示】有人用手机{phone}查您在{hospital}的电子票据。是不是您换了号，请点：{outside}/p/{token}",
    "family": "【取票演示】您授权的{who}查看了您在{hospital}的电子票据。如非本意，请在取票页面撤销，或联系收费窗口。",
    "answer": "【取票演示】您向{hospital}提交的申请已有答复，请凭申请编号在取票页面查看。",
    "bill": "【取票演示】您在{hospital}的医疗电子票据已开具，可在医院服务号或收费窗口取票。",
}
WITH_LINK = {
    "bill": "【取票演示】{payer}，{hospital}{day}{what}。看票、存票或说“不是我的”：{outside}/b/{token}",
    "reversed": "【取票演示】{payer}，您在{hospital}{day}的{what}已冲红作废，请勿再用于报销。查看：{outside}/b/{token}",
}
"""Texts of a notice that comes with the token of its link; the address is part of the approved text, not of a
variable."""
NOT_ME = "非本人：{outside}/n/{stop}"
"""Follows a notice that comes with the token of 不是我 and without a link."""
LIMITS = ((60, 1), (3600, 5), (86400, 10))
"""Seconds → most messages to one phone with one template, counted at submission as operators do."""
NOTICE_LIMITS = ((86400, 50),)
SKEW_SECONDS = 300
MOST_BYTES = 16 * 1024
_OUT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class GatewayRefusal(Exception):
    """A refusal: HTTP status, operator's code, text."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def signature(app_id: str, app_key: str, stamp: str, nonce: str, body: bytes) -> str:
    """Sign a request: the value of ``X-Sms-Signature``."""
    text = "\n".join((app_id, stamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(app_key.encode(), text.encode(), hashlib.sha256).hexdigest()


class Gateway:
    """The operator's side of the gateway: checks, counts, keeps."""

    def __init__(self, store: Store, app_id: str, app_key: str, outside: str) -> None:
        self._store = store
        store.extend(SCHEMA)
        self._app_id, self._outside = app_id, outside
        self._app_key = app_key

    def authenticate(self, headers: Headers, body: bytes) -> None:
        """Check that the account's key signed a request five minutes ago at most. Raises GatewayRefusal."""
        app_id, stamp = (headers.get("X-Sms-App-Id", ""), headers.get("X-Sms-Timestamp", ""))
        nonce, claimed = (headers.get("X-Sms-Nonce", ""), headers.get("X-Sms-Signature", ""))
        good = signature(self._app_id, self._app_key, stamp, nonce, body)
        if app_id != self._app_id or not nonce or not hmac.compare_digest(good.encode(), claimed.encode()):
            raise GatewayRefusal(401, "SignatureDoesNotMatch", "签名不正确")
        if not re.fullmatch(r"[0-9]{10}", stamp) or abs(time.time() - int(stamp)) > SKEW_SECONDS:
            raise GatewayRefusal(401, "InvalidTimeStamp.Expired", "请求时间与网关相差超过 5 分钟")

    def send(self, body: bytes) -> str:
        """Take a message; return its ``biz_id``. Raises GatewayRefusal."""
        phone, template, params, out_id = _read(body)
        text = _render(template, params, self._outside)
        content = hashlib.sha256(json.dumps([phone, template, params], sort_keys=True).encode()).hexdigest()
        with self._store.transaction() as connection:
            known = connection.execute("SELECT biz_id, content FROM sms_message WHERE out_id = ?", (out_id,)).fetchone()
            if known is not None:
                if known["content"] != content:
                    raise GatewayRefusal(409, "OutIdConflict", "同一 out_id 的内容不同")
                connection.execute("UPDATE sms_message SET attempts = attempts + 1 WHERE out_id = ?", (out_id,))
                return str(known["biz_id"])
            moment = time.time()
            self._count(connection, phone, template, moment)
            biz_id = secrets.token_hex(10)
            connection.execute(
                "INSERT INTO sms_message (biz_id, out_id, content, phone, template, params, text, at, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (biz_id, out_id, content, phone, template, json.dumps(params, ensure_ascii=False), text, moment),
            )
        return biz_id

    def messages(self, most: int = 200) -> list[dict[str, Any]]:
        """List what was sent, newest first."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT * FROM sms_message ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return [
            {
                "id": row["id"],
                "biz_id": row["biz_id"],
                "out_id": row["out_id"],
                "phone": row["phone"],
                "template": row["template"],
                "params": json.loads(row["params"]),
                "text": row["text"],
                "attempts": row["attempts"],
                "at": datetime.fromtimestamp(row["at"], UTC).isoformat(),
            }
            for row in rows
        ]

    def limits(self) -> dict[int, int]:
        """Return window in seconds → most messages; the operator's usual ones unless set otherwise."""
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT seconds, most FROM sms_limit").fetchall()
        return dict(LIMITS) | {row["seconds"]: row["most"] for row in rows}

    def set_limits(self, wanted: object) -> None:
        """Set some of the known windows, for tests. Raises ValueError in Chinese."""
        known = {str(seconds) for seconds, _ in LIMITS}
        if not isinstance(wanted, dict) or not set(wanted) <= known:
            raise ValueError("频率应为对象，键为 60、3600、86400")
        for most in wanted.values():
            if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= 1_000_000:
                raise ValueError("条数应为不超过一百万的非负整数")
        with self._store.transaction() as connection:
            rows = [(int(seconds), most) for seconds, most in wanted.items()]
            connection.executemany("INSERT OR REPLACE INTO sms_limit VALUES (?, ?)", rows)

    def _count(self, connection: sqlite3.Connection, phone: str, template: str, moment: float) -> None:
        for seconds, most in (self.limits() if template == "code" else dict(NOTICE_LIMITS)).items():
            sent = connection.execute(
                "SELECT count(*) FROM sms_message WHERE phone = ? AND template = ? AND at > ?",
                (phone, template, moment - seconds),
            ).fetchone()[0]
            if sent >= most:
                raise GatewayRefusal(429, "isv.BUSINESS_LIMIT_CONTROL", "该号码接收短信过于频繁")


def _read(body: bytes) -> tuple[str, str, dict[str, str], str]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise GatewayRefusal(400, "isv.INVALID_PARAMETERS", "报文不是 JSON") from None
    if not isinstance(fields, dict) or set(fields) != {"phone", "template", "params", "out_id"}:
        raise GatewayRefusal(400, "isv.INVALID_PARAMETERS", "报文应有 phone、template、params、out_id 四项")
    phone, template, params, out_id = (fields[name] for name in ("phone", "template", "params", "out_id"))
    if not isinstance(phone, str) or not phone.isascii() or not is_phone(phone):
        raise GatewayRefusal(422, "isv.MOBILE_NUMBER_ILLEGAL", "手机号码不正确")
    if not isinstance(out_id, str) or not _OUT_ID.fullmatch(out_id):
        raise GatewayRefusal(400, "isv.INVALID_PARAMETERS", "out_id 不正确")
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise GatewayRefusal(400, "isv.INVALID_PARAMETERS", "params 应为文本的对象")
    return phone, template, params, out_id


def _render(template: object, params: dict[str, str], outside: str) -> str:
    linked = WITH_LINK if "token" in params else {}
    text = (TEMPLATES | linked).get(template) if isinstance(template, str) else None
    if text is None:
        raise GatewayRefusal(422, "isv.SMS_TEMPLATE_ILLEGAL", "模板未报备")
    if "stop" in params and template not in linked:
        text += NOT_ME
    text = text.replace("{outside}", outside)
    names = set(re.findall(r"\{(\w+)\}", text))
    if names - set(params):
        raise GatewayRefusal(422, "isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量")
    for name in names:
        if len(params[name]) > 35 or "://" in params[name]:  # operators refuse links inside variables
            raise GatewayRefusal(422, "isv.PARAM_LENGTH_LIMIT", "变量过长或含有链接")
    return text.format_map({name: params[name] for name in names})
