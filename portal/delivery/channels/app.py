"""Push to the HIS, the hospital's or a bank's APP: small signed webhooks, one channel a target.

``POST`` JSON; the headers carry key id, timestamp, nonce and HMAC-SHA256 over method, path, timestamp, nonce and the
body's SHA-256, joined by line feeds. At least once: the receiver de-duplicates by ``event_id``, orders by ``sequence``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from portal.access import parameters, pass_rows
from portal.access.parameters import Parameter
from portal.core.clock import local, now
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.engine.channel import FOR_EVER, PUSH, Channel, Family, Message, Target
from portal.delivery.push import events, targets
from portal.domain.money import yuan
from portal.domain.states.delivery import Accepted, Bug, Config, Never, Purpose, Result, Unknown
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.models.tables import DELIVERY, PAPER_BILL
from portal.providers.clients import Providers
from portal.providers.push.client import PushClient

TITLES = {PUSH: "APP 推送"}
parameters.declare(Parameter("delivery.app", "交付", "APP 推送", "是否经 HIS 推送到医院 APP", "flag", True))

PAUSES = (60.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0)
RECEIPT_WITHIN = timedelta(hours=24)


class AppPush:
    """The lane of all push targets; each target of a unit is a channel of its own (``app``, ``app-2`` …)."""

    name = PUSH
    pauses: tuple[float, ...] = PAUSES

    def __init__(self, settings: Settings) -> None:
        self._client = PushClient(targets.rule(settings))

    def member(self, services: Services, connection: Connection, unit_id: int, code: str) -> Channel | None:
        """Return the target that is this channel, as it is set now."""
        row = targets.by_code(connection, unit_id, code)
        return None if row is None else self.of(services, row)

    def of(self, services: Services, row: Any) -> PushChannel:
        """Return the channel of a target's row."""
        return PushChannel(
            name=row.code,
            title=f"APP 推送（{row.name}）",
            account=row.key_id,
            receipt_within=RECEIPT_WITHIN if row.receipts else None,
            pauses=self.pauses[: row.tries - 1],
            url=row.url,
            keys=targets.keys(services, row),
            active=row.active,
            events=tuple(row.events),
            fields=row.fields,
            client=self._client,
        )


@dataclass(slots=True)
class PushChannel:
    """One target as the engine drives it. ``keys``: the one that signs, then the next one."""

    name: str
    title: str
    account: str
    receipt_within: timedelta | None
    pauses: tuple[float, ...]
    url: str
    keys: tuple[str, ...] = field(repr=False)
    active: bool
    events: tuple[str, ...]
    fields: Mapping[str, str]
    client: PushClient
    setting: str = "delivery.app"
    provider: str = "webhook"
    disturbs: bool = True
    remembers: float = FOR_EVER
    once_more: bool = False

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Return the HIS's number of the patient; "" when the receiver does not want to hear of it."""
        if target.kind != "bill" or not self.active or events.event_of(target.purpose) not in self.events:
            return ""
        return bills.party(services, connection, target.object_id).get("patient_id", "")

    def their_ref(self, ref: str) -> str:
        """Return the number of the event, which a receipt names; known before the receiver has it."""
        return events.event_id(ref)

    def send(self, services: Services, message: Message) -> Result:
        """One event; taken when the receiver answers 2xx with its ``event_id``, or ``{"code": 0}`` of old systems."""
        if not self.active:
            return Never("推送目标已停用", "OFF")
        with services.database.read() as connection:
            bill = bills.by_id(connection, message.target.object_id)
            if bill is None:
                return Bug("bill")
            values = self._values(services, connection, message, bill)
        token, until = pass_rows.for_message(services, bill.unit_id, bill.bill_id, pass_rows.PUSH_LIVES)
        values |= {
            "view_url": services.settings.pass_address(token),
            "expires_at": local(until).isoformat(timespec="seconds"),
        }
        return self._post(values)

    def test(self, services: Services) -> Result:
        """A test event about nobody, once."""
        return self._post(events.sample(local(now()), services.settings.outside))

    def _values(self, services: Services, connection: Connection, message: Message, bill: BillFacts) -> dict[str, Any]:
        return {
            "event_id": self.their_ref(message.ref),
            "event": events.event_of(message.purpose),
            "sequence": _sequence(connection, message),
            "occurred_at": local(message.first_at).isoformat(timespec="seconds"),
            "patient_id": message.recipient,
            "visit_no": bills.visit_no(services, connection, bill.bill_id),
            "bill_code": bill.code,
            "bill_number": bill.number,
            "check_code": bill.check_code,
            "amount": yuan(message.total_fen),
            "issue_date": f"{local(bill.issued_at):%Y-%m-%d}",
        }

    def _post(self, values: dict[str, Any]) -> Result:
        body = json.dumps(events.named(values, self.fields), ensure_ascii=False).encode()
        answer = self.client.post(self.url, self.account, self.keys, body)
        return self._judge(*answer, values["event_id"]) if isinstance(answer, tuple) else answer

    def _judge(self, status: int, answer: bytes, event_id: str) -> Result:
        code = str(status)
        if status in (401, 403, 404):
            return Config("推送地址或密钥不正确", code)
        if status in (400, 413, 422):
            return Bug("body", code)
        try:
            found: Any = json.loads(answer)
        except ValueError:
            found = None
        if not 200 <= status < 300 or not isinstance(found, dict):
            return Unknown(f"接收方应答 {code}", code)
        if found.get(self.fields.get("event_id", "event_id")) == event_id or str(found.get("code", "")) == "0":
            return Accepted(event_id)
        return Unknown("接收方没有确认这条推送", code)


def _sequence(connection: Connection, message: Message) -> int:
    """Return the place of an event among those of its bill: issued, each exchange, reversed. It says which state is
    later."""
    if message.purpose is Purpose.EXCHANGED:
        version = connection.scalar(select(DELIVERY.c.version).where(DELIVERY.c.id == message.delivery_id))
        return 1 + int(version or 1)
    if message.purpose is Purpose.REVERSED:
        sheets = select(func.count()).where(PAPER_BILL.c.bill_id == message.target.object_id)
        return 2 + int(connection.execute(sheets).scalar_one())
    return 1


def channels(services: Services, _providers: Providers) -> list[Channel | Family]:
    """Build the lane of all targets, which are set up at the console."""
    return [AppPush(services.settings)]
