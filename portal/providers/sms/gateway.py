"""Text messages: the client of the SMS gateway's contract. It is told ``out_id``, which it remembers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import httpx

from portal.core.settings import Settings
from portal.domain.delivery import Accepted, Bug, Config, Later, Never, Result, Retry, Unknown
from portal.providers.sms.clouds import STOP, Aliyun, Tencent

__all__ = ["STOP", "SmsClient", "SmsGateway", "client"]
LIMITED = "isv.BUSINESS_LIMIT_CONTROL"
_NEVER = ("isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT")
_BUG = ("isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_PARAMETERS", "isv.PARAM_LENGTH_LIMIT")
_LATER = timedelta(hours=1)


class SmsGateway:
    """The gateway's client. A repeated request with one ``out_id`` sends one message."""

    remembers = True

    def __init__(self, url: str, app_id: str, app_key: str, timeout: float = 10.0) -> None:
        self._url = url
        self._app_id = app_id
        self._app_key = app_key.encode()
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """Ask for one message; the gateway's answer as one of the nine outcomes."""
        message = {"phone": phone, "template": template, "params": params, "out_id": out_id}
        body = json.dumps(message, separators=(",", ":")).encode()
        try:
            answer = self._http.post(self._url, content=body, headers=self._headers(body, out_id))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Retry(type(error).__name__)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__, "TIMEOUT")
        return _judge(answer)

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


SmsClient = SmsGateway | Aliyun | Tencent


def client(settings: Settings) -> SmsClient:
    """The client of the provider that the settings name."""
    url, account = settings.sms, (settings.sms_app_id, settings.sms_app_key)
    if settings.sms_provider == "aliyun":
        return Aliyun(url, *account, settings.sms_sign, settings.sms_templates)
    if settings.sms_provider == "tencent":
        return Tencent(url, *account, settings.sms_sign, settings.sms_templates, settings.sms_sdk_app_id)
    return SmsGateway(url, *account)


def _judge(answer: httpx.Response) -> Result:
    try:
        body = answer.json()
        code, reference = str(body["code"]), str(body.get("biz_id", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Unknown(f"网关 {answer.status_code}", str(answer.status_code))
    if answer.status_code == 200 and code == "OK":
        return Accepted(reference)
    if answer.status_code >= 500:
        return Unknown(f"网关 {answer.status_code}", code)
    if code == LIMITED:
        return Later(datetime.now(UTC) + _LATER, "该号码接收短信过于频繁", code)
    if code in _NEVER:
        return Never("手机号码不能接收", code)
    if code in _BUG:
        return Bug("params", code)
    return Config(f"网关拒绝：{code}", code)
