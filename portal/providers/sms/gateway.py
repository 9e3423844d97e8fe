"""The SMS gateway of our own contract: requests, answers, receipts. It remembers ``out_id``."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import httpx

from portal.core.settings import Settings
from portal.domain.states.delivery import Accepted, Bug, Config, Later, Never, Result, Unknown
from portal.providers.calls import Calls
from portal.providers.sms import aliyun
from portal.providers.sms.provider import LATER, SmsProvider, post

LIMITED = "isv.BUSINESS_LIMIT_CONTROL"
_KNOWN = "OutIdConflict"
"""The gateway has sent a message under this number before, in other words: a setting was changed between two tries."""
_NEVER = ("isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT")
_BUG = ("isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_PARAMETERS", "isv.PARAM_LENGTH_LIMIT")


class SmsGateway:
    """The gateway's client. A repeated request with one ``out_id`` sends one message."""

    remembers = True

    def __init__(self, url: str, app_id: str, app_key: str, timeout: float = 10.0) -> None:
        self._url = url
        self._app_id = app_id
        self._app_key = app_key.encode()
        self._http = httpx.Client(timeout=timeout, trust_env=False)
        self._calls = Calls("sms.gateway")

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """Ask for one message; the answer as one of the nine outcomes."""
        message = {"phone": phone, "template": template, "params": params, "out_id": out_id}
        body = json.dumps(message, separators=(",", ":")).encode()
        with self._calls.measure("send") as call:
            answer = post(self._http, self._url, body, self._headers(body, out_id))
            result = _judge(answer) if isinstance(answer, httpx.Response) else answer
            call.ended(result)
        return result

    def _headers(self, body: bytes, nonce: str) -> dict[str, str]:
        stamp = str(int(time.time()))
        text = b"\n".join(
            (self._app_id.encode(), stamp.encode(), nonce.encode(), hashlib.sha256(body).hexdigest().encode())
        )
        return {
            "Content-Type": "application/json",
            "X-Sms-App-Id": self._app_id,
            "X-Sms-Timestamp": stamp,
            "X-Sms-Nonce": nonce,
            "X-Sms-Signature": hmac.new(self._app_key, text, hashlib.sha256).hexdigest(),
        }


def _judge(answer: httpx.Response) -> Result:
    try:
        body = answer.json()
        code, reference = str(body["code"]), str(body.get("biz_id", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Unknown(f"网关 {answer.status_code}", str(answer.status_code))
    if code == _KNOWN or (answer.status_code == 200 and code == "OK"):
        return Accepted(reference)
    if answer.status_code >= 500:
        return Unknown(f"网关 {answer.status_code}", code)
    if code == LIMITED:
        return Later(datetime.now(UTC) + LATER, "该号码接收短信过于频繁", code)
    if code in _NEVER:
        return Never("手机号码不能接收", code)
    if code in _BUG:
        return Bug("params", code)
    return Config(f"网关拒绝：{code}", code)


def _client(settings: Settings) -> SmsGateway:
    return SmsGateway(settings.sms, settings.sms_app_id, settings.sms_app_key)


PROVIDER = SmsProvider("gateway", _client, aliyun.read_receipts, {"code": 0, "msg": "OK"})
"""Its receipts have the form of Aliyun's."""
