"""Push through the HIS to the hospital's or a bank's APP: one small signed webhook (reference §10).

``POST`` JSON; the headers carry key id, timestamp, nonce and HMAC-SHA256 over method, path, timestamp, nonce and the
body's SHA-256, joined by line feeds. At least once: the receiver de-duplicates by ``event_id``, orders by ``sequence``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection

from portal.core.clock import local
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.channel import FOR_EVER, Message, Target
from portal.domain.delivery import Accepted, Bug, Config, Purpose, Result, Retry, Unknown
from portal.domain.money import yuan
from portal.issuing import queries

EVENTS = {Purpose.REVERSED: ("bill.reversed", 2)}
"""The event of a purpose and its sequence within one bill; all others say that it was issued."""
_NAMES = uuid.UUID("6f1d0d7e-3c53-4d8e-9f5e-2b7c1b1d9a10")


def signature(key: str, method: str, path: str, stamp: str, nonce: str, body: bytes) -> str:
    """The value of ``X-Qupiao-Signature``: lower-case hex."""
    text = "\n".join((method, path, stamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


class AppPush:
    """The hospital's integration platform, which forwards to its APP."""

    name = "app"
    title = "APP 推送"
    setting = "delivery.app"
    provider = "webhook"
    disturbs = True
    receipt_within: timedelta | None = None
    remembers: float = FOR_EVER
    once_more = False
    pauses: tuple[float, ...] = (60.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0)

    def __init__(self, settings: Settings) -> None:
        self.account = settings.push_key_id
        self._url, self._key = settings.push, settings.push_key
        self._http = httpx.Client(timeout=10.0, trust_env=False)

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """The HIS's number of the patient."""
        if target.kind != "bill":
            return ""
        return queries.party(services, connection, target.object_id).get("patient_id", "")

    def send(self, services: Services, message: Message) -> Result:
        """One event; taken when the receiver answers 2xx with its ``event_id``, or ``{"code": 0}`` of old systems."""
        with services.database.read() as connection:
            bill = queries.by_id(connection, message.target.object_id)
        if bill is None:
            return Bug("bill")
        event, sequence = EVENTS.get(message.purpose, ("bill.issued", 1))
        event_id = str(uuid.uuid5(_NAMES, message.ref))
        body = json.dumps(
            {
                "event_id": event_id,
                "event": event,
                "sequence": sequence,
                "occurred_at": local(message.first_at).isoformat(timespec="seconds"),
                "patient_id": message.recipient,
                "bill_code": bill.code,
                "bill_number": bill.number,
                "check_code": bill.check_code,
                "amount": yuan(message.total_fen),
                "issue_date": f"{local(bill.issued_at):%Y-%m-%d}",
                "view_url": message.link,
            },
            ensure_ascii=False,
        ).encode()
        return self._post(body, event_id)

    def _post(self, body: bytes, event_id: str) -> Result:
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        headers = {
            "Content-Type": "application/json",
            "X-Qupiao-Key": self.account,
            "X-Qupiao-Timestamp": stamp,
            "X-Qupiao-Nonce": nonce,
            "X-Qupiao-Signature": signature(self._key, "POST", urlsplit(self._url).path, stamp, nonce, body),
        }
        try:
            answer = self._http.post(self._url, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Retry(type(error).__name__)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__, "TIMEOUT")
        return _judge(answer, event_id)


def _judge(answer: httpx.Response, event_id: str) -> Result:
    code = str(answer.status_code)
    if answer.status_code in (401, 403, 404):
        return Config("推送地址或密钥不正确", code)
    if answer.status_code in (400, 413, 422):
        return Bug("body", code)
    try:
        found: Any = answer.json()
    except ValueError:
        found = None
    if not answer.is_success or not isinstance(found, dict):
        return Unknown(f"接收方应答 {code}", code)
    if found.get("event_id") == event_id or str(found.get("code", "")) == "0":
        return Accepted(event_id)
    return Unknown("接收方没有确认这条推送", code)
