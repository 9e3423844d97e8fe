"""The client of the finance bureau's card platform: hand over an authorised order, ask how it stands, cancel it.

No province's own call is public, so the contract is ours; another one is another class with these three methods.
``POST <url>`` hands over, ``GET <url>/<order>`` asks, ``POST <url>/<order>/cancel`` cancels, signed as bill events are;
every answer is ``{"state", "code", "reason"}``.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from portal.providers.calls import Calls
from portal.providers.faults import ChannelFault, FaultKind, plain_text
from portal.providers.push.signature import signature

WAITING, INSERTED, REFUSED, CANCELLED, UNKNOWN = "waiting", "inserted", "refused", "cancelled", "unknown"


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """The state of an order there: ``state`` one of the five above, ``code`` of the card, ``reason`` of a refusal."""

    state: str
    code: str = ""
    reason: str = ""


class Bureau:
    """One bureau's address and key. Every call raises ChannelFault: RETRY (no good answer), CONFIG, NEVER."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url.rstrip("/"), key
        self._calls = Calls("bureau")

    @cached_property
    def _http(self) -> httpx.Client:
        """Make the client at the first call: most hospitals have no bureau, and certificates take 20 ms to load."""
        return httpx.Client(timeout=10.0, trust_env=False)

    def __bool__(self) -> bool:
        return bool(self._url)

    def hand_over(self, order: dict[str, Any]) -> OrderStanding:
        """Hand over an order: ``order_id``, authorising ``appid``, ``bill_code``, ``bill_number``, ``fee`` (fen).

        The bureau has the bill itself; the same order again changes nothing there.
        """
        return self._call("hand_over", "POST", "", json.dumps(order, separators=(",", ":")).encode())

    def standing(self, order_id: str) -> OrderStanding:
        """Ask how an order stands; ``unknown``: they have no such order."""
        return self._call("standing", "GET", f"/{order_id}")

    def cancel(self, order_id: str) -> OrderStanding:
        """Cancel the order of a reversed bill: ``cancelled``, or how the order stands instead."""
        return self._call("cancel", "POST", f"/{order_id}/cancel")

    def _call(self, name: str, method: str, suffix: str, body: bytes = b"") -> OrderStanding:
        with self._calls.measure(name):
            return self._exchange(method, suffix, body)

    def _exchange(self, method: str, suffix: str, body: bytes) -> OrderStanding:
        url, stamp, nonce = self._url + suffix, str(int(time.time())), secrets.token_hex(8)
        headers = {"Content-Type": "application/json", "X-Qupiao-Timestamp": stamp, "X-Qupiao-Nonce": nonce}
        headers["X-Qupiao-Signature"] = signature(self._key, method, urlsplit(url).path, stamp, nonce, body)
        try:
            answer = self._http.request(method, url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ChannelFault("bureau", FaultKind.RETRY, "network", type(error).__name__) from None
        status = answer.status_code
        if status == 404 and method == "GET":
            return OrderStanding(UNKNOWN)
        if status in (401, 403):
            raise ChannelFault("bureau", FaultKind.CONFIG, f"http_{status}")
        if not 200 <= status < 300 and status != 409:  # 409: it has this order already, or cannot cancel it
            kind = FaultKind.NEVER if 400 <= status < 500 and status != 429 else FaultKind.RETRY
            raise ChannelFault("bureau", kind, f"http_{status}", plain_text(_read(answer).reason))
        return _read(answer)


def _read(answer: httpx.Response) -> OrderStanding:
    """Read an answer; one without a state that we know says only that the order was taken."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    given = found if isinstance(found, dict) else {}
    state, code, reason = (str(given.get(name) or "") for name in ("state", "code", "reason"))
    known = state in (WAITING, INSERTED, REFUSED, CANCELLED)
    return OrderStanding(state if known else WAITING, code[:64], plain_text(reason)[:100])
