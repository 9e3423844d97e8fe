"""The two SMS clouds: Aliyun (ACS3-HMAC-SHA256) and Tencent (TC3-HMAC-SHA256), signed by hand (reference §8.2–8.4).

Neither de-duplicates: after an answer that never came both are asked by phone and day before anything is repeated.
Aliyun takes the phone in the query string by its own contract; no log of ours keeps addresses.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from portal.domain.delivery import Accepted, Bug, Config, Done, Later, Never, Result, Retry, Unknown

_HOUR = timedelta(hours=1)
STOP = "stop"
"""The parameter with the token of 不是我; only for templates that name it."""
_EMPTY = hashlib.sha256(b"").hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def encoded(values: Mapping[str, str]) -> str:
    """A query string as Aliyun signs it: sorted, RFC 3986."""
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in sorted(values.items()))


def acs3(secret: str, query: str, headers: Mapping[str, str]) -> str:
    """Aliyun's signature over a POST to ``/`` with ``headers`` (lower-case names, all of them signed)."""
    listed = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    names = ";".join(sorted(headers))
    request = f"POST\n/\n{query}\n{listed}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    return _hmac(secret.encode(), text).hex()


def tc3(secret: str, service: str, headers: Mapping[str, str], body: bytes, stamp: int) -> str:
    """Tencent's signature over a POST to ``/``; the date of its key is that of ``stamp`` in UTC."""
    listed = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    names = ";".join(sorted(headers))
    request = f"POST\n/\n\n{listed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _hmac(_hmac(_hmac(f"TC3{secret}".encode(), day), service), "tc3_request")
    return _hmac(key, text).hex()


class Cloud:
    """What both clouds share: one POST, and what its failures mean."""

    def __init__(self, url: str, app_id: str, app_key: str, sign: str, templates: Mapping[str, str]) -> None:
        self._url = url.rstrip("/") + "/"
        self._host = urlsplit(url).netloc
        self._app_id, self._app_key, self._sign = app_id, app_key, sign
        self._templates = templates
        self._http = httpx.Client(timeout=10.0, trust_env=False)

    def _template(self, name: str, params: Mapping[str, str]) -> tuple[str, dict[str, str]] | Config:
        """The approved code of a template and its parameters in their order: those that the setting names after the
        code, else all but the token of 不是我, which came later."""
        code, *names = self._templates.get(name, "").split() or [""]
        if not code:
            return Config("没有配置短信模板", "NO_TEMPLATE")
        if unknown := [one for one in names if one not in params]:
            return Config(f"短信模板 {name} 没有参数 {unknown[0]}", "TEMPLATE_PARAMETER")
        return code, {one: params[one] for one in names or params if names or one != STOP}

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any] | Result:
        try:
            answer = self._http.post(url, content=body, headers=dict(headers))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Retry(type(error).__name__)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__, "TIMEOUT")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.status_code >= 500 or not isinstance(found, dict):
            return Unknown(f"网关 {answer.status_code}", str(answer.status_code))
        return found


class Aliyun(Cloud):
    """阿里云 Dysmsapi 2017-05-25."""

    remembers = False

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """SendSms; accepted under its BizId."""
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
        """QuerySendDetails of the phone's days since then: is a message with our number there?"""
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
                return (
                    Done()
                    if status == 3
                    else Never("短信未送达", str(row.get("ErrCode")))
                    if status == 2
                    else Accepted()
                )
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
        return self._post(f"{self._url}?{query}", b"", headers | {"Authorization": proof})


_ALIYUN_NEVER = ("isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT")
_ALIYUN_BUG = ("isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_PARAMETERS", "isv.PARAM_LENGTH_LIMIT")


def aliyun_class(code: str) -> Result:
    """The outcome that an Aliyun code means (reference §8.2)."""
    if code == "isv.BUSINESS_LIMIT_CONTROL":
        return Later(datetime.now(UTC) + _HOUR, "该号码接收短信过于频繁", code)
    if code in _ALIYUN_NEVER:
        return Never("手机号码不能接收", code)
    if code in _ALIYUN_BUG:
        return Bug("TemplateParam", code)
    return Unknown("运营商系统错误", code) if code.startswith("isp.") else Config(f"短信网关拒绝：{code}", code)


class Tencent(Cloud):
    """腾讯云 SMS 2021-01-11. ``sign`` and templates belong to the application ``sdk_app_id``."""

    remembers = False

    def __init__(
        self, url: str, app_id: str, app_key: str, sign: str, templates: Mapping[str, str], sdk_app_id: str
    ) -> None:
        super().__init__(url, app_id, app_key, sign, templates)
        self._sdk_app_id = sdk_app_id

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """SendSms; accepted under its SerialNo."""
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
        """Nothing there can be asked for by our number: it stays uncertain rather than be sent twice."""
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
        found = self._post(self._url, body, signed | more | {"Authorization": proof})
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
    """The outcome that a Tencent code means (reference §8.3)."""
    if code.startswith("LimitExceeded.PhoneNumber"):
        return Later(datetime.now(UTC) + _HOUR, "该号码接收短信过于频繁", code)
    if code in _TENCENT_NEVER:
        return Never("手机号码不能接收", code)
    if code == _TENCENT_BUG or code.startswith("InvalidParameterValue."):
        return Bug("TemplateParamSet", code)
    return (
        Unknown("运营商系统错误", code) if code.startswith("InternalError") else Config(f"短信网关拒绝：{code}", code)
    )
