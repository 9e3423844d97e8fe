"""Text messages: the client of the SMS gateway's contract, and the handler that sends one-time codes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import httpx
from sqlalchemy import Connection, Table, select, update

from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.models import Bill, BillParty, OneTimeCode, PartyKey
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.retrieval import sessions

BILL: Table = Bill.__table__  # type: ignore[assignment]
PARTY: Table = BillParty.__table__  # type: ignore[assignment]
KEY: Table = PartyKey.__table__  # type: ignore[assignment]
CODE: Table = OneTimeCode.__table__  # type: ignore[assignment]
TEMPLATE = "code"


class SmsGateway:
    """The gateway's client. It is told our ``out_id``, so a repeated request sends one message."""

    def __init__(self, url: str, app_id: str, app_key: str, timeout: float = 10.0) -> None:
        self._url = url
        self._app_id = app_id
        self._app_key = app_key.encode()
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> Outcome:
        """Ask for one message; what the gateway's answer means for the task."""
        message = {"phone": phone, "template": template, "params": params, "out_id": out_id}
        body = json.dumps(message, separators=(",", ":")).encode()
        try:
            answer = self._http.post(self._url, content=body, headers=self._headers(body, out_id))
        except httpx.HTTPError as error:
            return Retry(type(error).__name__)
        if answer.status_code >= 500 or answer.status_code == 429:
            return Retry(f"gateway {answer.status_code}")
        return Done() if answer.status_code == 200 else Dead(f"gateway {answer.status_code}")

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


class CodeSender:
    """The handler of the ``sms.code`` tasks."""

    def __init__(self, limits: Limits, gateway: SmsGateway) -> None:
        self._limits = limits
        self._gateway = gateway

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Send the code of ``task.payload["code"]`` to the phone on file of whoever asked for it.

        Too old, used, or nobody to send to: nothing is sent.
        """
        code_id = task.payload["code"]
        with services.database.read() as connection:
            row = connection.execute(
                select(CODE.c.session_digest, CODE.c.code, CODE.c.expires_at, CODE.c.used_at).where(
                    CODE.c.id == code_id
                )
            ).one_or_none()
            if row is None or row.code is None or row.used_at is not None or row.expires_at <= now():
                return Done()
            session = sessions.by_digest(services, connection, row.session_digest)
            phone = "" if session is None else phone_on_file(services, connection, session)
        outcome: Outcome = Done()
        if phone and (task.attempts > 1 or self._allowed(services, phone)):
            code = services.cipher.decrypt_text("one_time_code.code", code_id, row.code)
            outcome = self._gateway.send(phone, TEMPLATE, {"code": code}, f"qp-{code_id}")
        if isinstance(outcome, Done):
            sealed = services.cipher.encrypt("one_time_code.phone", code_id, phone.ljust(20))
            with services.database.write() as connection:
                connection.execute(
                    update(CODE).where(CODE.c.id == code_id, CODE.c.used_at.is_(None)).values(code=None, phone=sealed)
                )
        return outcome

    def _allowed(self, services: Services, phone: str) -> bool:
        digest = services.index.digest("phone", phone).hex()[:24]
        rules = ((1, 60), (5, 3600), (10, 86400))
        return all(self._limits.hit(f"sms.phone.{seconds}:{digest}", most, seconds) for most, seconds in rules)


def phone_on_file(services: Services, connection: Connection, session: sessions.Session) -> str:
    """The newest phone of the bills that match the session's number and name; ``""`` when there is none."""
    row = connection.execute(
        select(PARTY.c.bill_id, PARTY.c.phone)
        .select_from(KEY.join(PARTY, PARTY.c.bill_id == KEY.c.bill_id).join(BILL, BILL.c.id == KEY.c.bill_id))
        .where(
            KEY.c.digest == bytes.fromhex(session.claim.number),
            PARTY.c.name_digest == bytes.fromhex(session.claim.name),
            PARTY.c.phone.is_not(None),
            BILL.c.unit_id == session.unit_id,
        )
        .order_by(BILL.c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    return "" if row is None else services.cipher.decrypt_text("bill_party.phone", row.bill_id, row.phone)
