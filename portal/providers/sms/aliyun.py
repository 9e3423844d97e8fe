"""阿里云 SMS (Dysmsapi 2017-05-25): requests signed by ACS3-HMAC-SHA256, answers, receipts.

Aliyun takes the phone in the query string by its own contract; no log of ours keeps addresses. It does not
de-duplicate: after an answer that never came it is asked by phone and day before anything is repeated.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from portal.core.settings import Settings
from portal.domain.states.delivery import Accepted, Arrived, Bug, Config, Later, Never, Result, Unknown
from portal.providers.sms.provider import LATER, Cloud, SmsProvider, keyed_hash
from portal.providers.sms.receipts import SmsReceipt

_EMPTY = hashlib.sha256(b"").hexdigest()


def encoded(values: Mapping[str, str]) -> str:
    """Write a query string as Aliyun signs it: sorted, RFC 3986."""
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in sorted(values.items()))


def acs3(secret: str, query: str, headers: Mapping[str, str]) -> str:
    """Sign a POST to ``/`` with ``headers`` (lower-case names, all of them signed)."""
    listed = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    names = ";".join(sorted(headers))
    request = f"POST\n/\n{query}\n{listed}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    return keyed_hash(secret.encode(), text).hex()


class Aliyun(Cloud):
    """One access key at Aliyun. Safe for many threads."""

    party = "sms.aliyun"

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """Send one message by SendSms; accepted under its BizId."""
        chosen = self._template(template, params)
        if isinstance(chosen, Config):
            return chosen
        code, params = chosen
        values = {"PhoneNumbers": phone, "SignName": self._sign, "TemplateCode": code, "OutId": out_id}
        found = self._call("SendSms", values | {"TemplateParam": json.dumps(params, ensure_ascii=False)})
        if not isinstance(found, dict):
            return found
        code = str(found.get("Code", ""))
        return Accepted(str(found.get("BizId", ""))) if code == "OK" else aliyun_class(code)

    def find(self, phone: str, out_id: str, since: datetime) -> Result | None:
        """Look for a message with our number among the phone's messages of that day (QuerySendDetails)."""
        day = (since + timedelta(hours=8)).strftime("%Y%m%d")
        values = {"PhoneNumber": phone, "SendDate": day, "PageSize": "50", "CurrentPage": "1"}
        found = self._call("QuerySendDetails", values)
        if not isinstance(found, dict):
            return Unknown(getattr(found, "reason", ""))
        if found.get("Code") != "OK":
            return Unknown("查询未成功", str(found.get("Code", "")))
        rows = (found.get("SmsSendDetailDTOs") or {}).get("SmsSendDetailDTO") or []
        for row in rows:
            if row.get("OutId") == out_id:
                status = int(row.get("SendStatus", 1))
                if status == 2:
                    return Never("短信未送达", str(row.get("ErrCode")))
                return Arrived() if status == 3 else Accepted()
        return Unknown("记录超过一页") if len(rows) >= 50 else None

    def _call(self, action: str, values: Mapping[str, str]) -> dict[str, Any] | Result:
        query = encoded(values)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": "2017-05-25",
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": _EMPTY,
        }
        signature = acs3(self._app_key, query, headers)
        names = ";".join(sorted(headers))
        proof = f"ACS3-HMAC-SHA256 Credential={self._app_id},SignedHeaders={names},Signature={signature}"
        return self._post(action, f"{self._url}?{query}", b"", headers | {"Authorization": proof})


_ALIYUN_NEVER = ("isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT")
_ALIYUN_BUG = ("isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_PARAMETERS", "isv.PARAM_LENGTH_LIMIT")


def aliyun_class(code: str) -> Result:
    """Return the outcome that an Aliyun code means."""
    if code == "isv.BUSINESS_LIMIT_CONTROL":
        return Later(datetime.now(UTC) + LATER, "该号码接收短信过于频繁", code)
    if code in _ALIYUN_NEVER:
        return Never("手机号码不能接收", code)
    if code in _ALIYUN_BUG:
        return Bug("TemplateParam", code)
    return Unknown("运营商系统错误", code) if code.startswith("isp.") else Config(f"短信网关拒绝：{code}", code)


def read_receipts(body: Any) -> list[SmsReceipt]:
    """Read a batch of receipts: an array without a signature. Raises KeyError, TypeError, AttributeError."""
    receipts = []
    for row in body:
        good = row["success"] in (True, "true")
        code = "" if good else str(row.get("err_code", ""))
        text = "" if good else "短信未送达"
        receipts.append(SmsReceipt(str(row.get("out_id", "")), str(row["biz_id"]), good, code, text))
    return receipts


def _client(settings: Settings) -> Aliyun:
    return Aliyun(settings.sms, settings.sms_app_id, settings.sms_app_key, settings.sms_sign, settings.sms_templates)


PROVIDER = SmsProvider("aliyun", _client, read_receipts, {"code": 0, "msg": "OK"})
