"""What every SMS provider offers: a client, a reader of its receipts, and what the clouds' clients share."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import httpx

from portal.core.settings import Settings
from portal.domain.states.delivery import Config, NotSent, Result, Unknown
from portal.providers.calls import Calls
from portal.providers.sms.receipts import SmsReceipt

STOP = "stop"
"""The parameter with the token of 不是我."""
NAMED_ONLY = (STOP, "token", "payer", "day", "what")
"""Parameters for templates that name them: a template that was approved without them must go on as it was."""
LATER = timedelta(hours=1)
"""When a phone that has had too many messages is tried again."""


class SmsClient(Protocol):
    """Sends text messages by approved templates. Safe for many threads."""

    @property
    def remembers(self) -> bool:
        """Whether a repeated request with one ``out_id`` sends one message, for good."""

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Result:
        """Ask for one message; the answer as one of the nine outcomes."""


@runtime_checkable
class AskableSmsClient(Protocol):
    """A client that can be asked whether a message went out."""

    def find(self, phone: str, out_id: str, since: datetime) -> Result | None:
        """Look for our message among those sent since then; ``None`` when it is not there."""


@dataclass(frozen=True, slots=True)
class SmsProvider:
    """One provider: its name in ``QUPIAO_SMS_PROVIDER`` and in the address of its receipts, and its parts.

    ``read_receipts`` raises KeyError, TypeError, AttributeError for anything malformed; ``receipts_answer`` is the
    JSON that the provider expects in return.
    """

    name: str
    client: Callable[[Settings], SmsClient]
    read_receipts: Callable[[Any], list[SmsReceipt]]
    receipts_answer: Mapping[str, Any]


def keyed_hash(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of a text."""
    return hmac.digest(key, text.encode(), "sha256")


class Cloud:
    """The base of the clouds' clients: one POST, and what its failures mean. Both forget our number."""

    party = "sms"
    remembers = False

    def __init__(self, url: str, app_id: str, app_key: str, sign: str, templates: Mapping[str, str]) -> None:
        self._url = url.rstrip("/") + "/"
        self._host = urlsplit(url).netloc
        self._app_id, self._app_key, self._sign = app_id, app_key, sign
        self._templates = templates
        self._http = httpx.Client(timeout=10.0, trust_env=False)
        self._calls = Calls(self.party)

    def _template(self, name: str, params: Mapping[str, str]) -> tuple[str, dict[str, str]] | Config:
        """Return the approved code of a template and its parameters in their order: those that the setting names after
        the code, else all but those of :data:`NAMED_ONLY`."""
        code, *names = self._templates.get(name, "").split() or [""]
        if not code:
            return Config("没有配置短信模板", "NO_TEMPLATE")
        if unknown := [parameter for parameter in names if parameter not in params]:
            return Config(f"短信模板 {name} 没有参数 {unknown[0]}", "TEMPLATE_PARAMETER")
        return code, {
            parameter: params[parameter] for parameter in names or params if names or parameter not in NAMED_ONLY
        }

    def _post(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any] | Result:
        with self._calls.measure(method) as call:
            answer = post(self._http, url, body, headers)
            if not isinstance(answer, httpx.Response):
                call.ended(answer)
                return answer
            call.outcome = str(answer.status_code)
        try:
            read = answer.json()
        except ValueError:
            read = None
        if answer.status_code >= 500 or not isinstance(read, dict):
            return Unknown(f"网关 {answer.status_code}", str(answer.status_code))
        return read


def post(http: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response | NotSent | Unknown:
    """POST once: the answer, or whether the request cannot or may have reached the provider."""
    try:
        return http.post(url, content=body, headers=dict(headers))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return NotSent(type(error).__name__)
    except httpx.HTTPError as error:
        return Unknown(type(error).__name__, "TIMEOUT")
