"""The client of push targets: one signed POST under the rule for outside addresses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from portal.domain.states.delivery import Config, NotSent, Unknown
from portal.providers.calls import Calls
from portal.providers.http import AddressRefused, OutRule, RuledClient
from portal.providers.push.signature import signature


class PushClient:
    """Posts events to the targets of an installation. Safe for many threads."""

    def __init__(self, rule: OutRule) -> None:
        self._http = RuledClient(rule)
        self._calls = Calls("push")

    def post(
        self, url: str, key_id: str, keys: Sequence[str], body: bytes
    ) -> tuple[int, bytes] | Config | NotSent | Unknown:
        """Post an event signed with the first key, and with the next one beside it; status and body of the answer, or
        why there is none."""
        with self._calls.measure("event") as call:
            answer = self._answer(url, key_id, keys, body)
            if isinstance(answer, tuple):
                call.outcome = str(answer[0])
            else:
                call.ended(answer)
        return answer

    def _answer(
        self, url: str, key_id: str, keys: Sequence[str], body: bytes
    ) -> tuple[int, bytes] | Config | NotSent | Unknown:
        stamp, nonce, path = str(int(time.time())), secrets.token_hex(16), urlsplit(url).path
        signed = [signature(key, "POST", path, stamp, nonce, body) for key in keys]
        headers = {
            "Content-Type": "application/json",
            "X-Qupiao-Key": key_id,
            "X-Qupiao-Timestamp": stamp,
            "X-Qupiao-Nonce": nonce,
            "X-Qupiao-Signature": signed[0],
        }
        if len(signed) > 1:
            headers["X-Qupiao-Signature-Next"] = signed[1]
        try:
            return self._http.post(url, body, headers)
        except AddressRefused as error:
            return Config(f"推送地址：{error}", "ADDRESS")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return NotSent(type(error).__name__)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__, "TIMEOUT")
