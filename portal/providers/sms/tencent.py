"""腾讯云 SMS (2021-01-11): requests signed by TC3-HMAC-SHA256, answers, receipts.

Tencent neither de-duplicates nor can be asked by our number: after an answer that never came a message stays uncertain.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portal.core.settings import Settings
from portal.domain.states.delivery import Accepted, Bug, Config, Later, Never, Result, Unknown
from portal.providers.sms.provider import LATER, Cloud, SmsProvider, keyed_hash
from portal.providers.sms.receipts import SmsReceipt


def tc3(secret: str, service: str, headers: Mapping[str, str], body: bytes, stamp: int) -> str:
    """Sign a POST to ``/``; the date of the key is that of ``stamp`` in UTC."""
    listed = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    names = ";".join(sorted(headers))
    request = f"POST\n/\n\n{listed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = keyed_hash(keyed_hash(keyed_hash(f"TC3{secret}".encode(), day), service), "tc3_request")
    return keyed_hash(key, text).hex()


class Tencent(Cloud):
    """One secret at Tencent. ``sign`` and templates belong to the application ``sdk_app_id``. Safe for many threads."""

    party = "sms.tencent"

    def __init__(
        self, url: str, app_id: str, app_key: str, sign: str, templates: Mapping[str, str], sdk_app_id: str
    ) -> None:
        super().__init__(url, app_id, app_key, sign, templates)
        self._sdk_app_id = sdk_app_id

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """Send one message by SendSms; accepted under its SerialNo."""
        chosen = self._template(template, params)
        if isinstance(chosen, Config):
            return chosen
        code, params = chosen
        found = self._call(
            "SendSms",
            {
                "SmsSdkAppId": self._sdk_app_id,
                "SignName": self._sign,
                "TemplateId": code,
                "TemplateParamSet": list(params.values()),
                "PhoneNumberSet": [f"+86{phone}"],
                "SessionContext": out_id,
            },
        )
        if not isinstance(found, dict):
            return found
        statuses = found.get("SendStatusSet") or []
        if len(statuses) != 1:
            return Unknown("应答没有发送状态")
        code = str(statuses[0].get("Code", ""))
        return Accepted(str(statuses[0].get("SerialNo", ""))) if code == "Ok" else tencent_class(code)

    def find(self, phone: str, out_id: str, since: datetime) -> Result | None:
        """Say that nothing there can be asked for by our number: it stays uncertain rather than be sent twice."""
        return Unknown("腾讯云不能按我方编号查询", "NO_QUERY")

    def _call(self, action: str, values: Mapping[str, Any]) -> dict[str, Any] | Result:
        body, stamp = json.dumps(values, ensure_ascii=False).encode(), int(time.time())
        signed = {"content-type": "application/json; charset=utf-8", "host": self._host, "x-tc-action": action}
        signature = tc3(self._app_key, "sms", signed, body, stamp)
        day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
        proof = (
            f"TC3-HMAC-SHA256 Credential={self._app_id}/{day}/sms/tc3_request, "
            f"SignedHeaders={';'.join(sorted(signed))}, Signature={signature}"
        )
        more = {"X-TC-Version": "2021-01-11", "X-TC-Region": "ap-guangzhou", "X-TC-Timestamp": str(stamp)}
        found = self._post(action, self._url, body, signed | more | {"Authorization": proof})
        if not isinstance(found, dict):
            return found
        response = found.get("Response")
        if not isinstance(response, dict):
            return Unknown("应答无法识别")
        error = response.get("Error")
        return tencent_class(str(error.get("Code", ""))) if isinstance(error, dict) else response


_TENCENT_NEVER = ("FailedOperation.PhoneNumberInBlacklist", "InvalidParameterValue.IncorrectPhoneNumber")
_TENCENT_BUG = "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"


def tencent_class(code: str) -> Result:
    """Return the outcome that a Tencent code means."""
    if code.startswith("LimitExceeded.PhoneNumber"):
        return Later(datetime.now(UTC) + LATER, "该号码接收短信过于频繁", code)
    if code in _TENCENT_NEVER:
        return Never("手机号码不能接收", code)
    if code == _TENCENT_BUG or code.startswith("InvalidParameterValue."):
        return Bug("TemplateParamSet", code)
    return (
        Unknown("运营商系统错误", code) if code.startswith("InternalError") else Config(f"短信网关拒绝：{code}", code)
    )


def read_receipts(body: Any) -> list[SmsReceipt]:
    """Read a batch of receipts: an array without a signature, by their number. Raises KeyError, TypeError,
    AttributeError."""
    receipts = []
    for row in body:
        good = row["report_status"] == "SUCCESS"
        code = "" if good else str(row.get("errmsg", ""))
        receipts.append(SmsReceipt("", str(row["sid"]), good, code, "" if good else "短信未送达"))
    return receipts


def _client(settings: Settings) -> Tencent:
    account = (settings.sms, settings.sms_app_id, settings.sms_app_key, settings.sms_sign, settings.sms_templates)
    return Tencent(*account, settings.sms_sdk_app_id)


PROVIDER = SmsProvider("tencent", _client, read_receipts, {"result": 0, "errmsg": "OK"})
