"""What a message may say: hospital, kind, amount, day and two links, read once before it is sent (reference §14)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from portal.core.clock import business_day
from portal.core.services import Services
from portal.delivery.engine.channel import Message, Target
from portal.domain.delivery import Purpose
from portal.domain.documents.settlement import Scene
from portal.domain.states import BillState
from portal.ledger import bills, vouchers
from portal.models.tables import UNIT

_MAC = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of a bill or voucher. ``reversed`` since when it no longer counts."""

    unit_id: int
    hospital: str
    what: str
    total_fen: int
    day: date
    link: str
    reversed: bool = False


def facts(services: Services, connection: Connection, unit_id: int, kind: str, object_id: int) -> Facts | None:
    """The facts of a unit's bill or voucher; ``None`` when there is none."""
    read = _bill if kind == "bill" else _voucher
    return read(services, connection, unit_id, object_id)


def _bill(services: Services, connection: Connection, unit_id: int, bill_id: int) -> Facts | None:
    bill = bills.by_id(connection, bill_id)
    if bill is None or bill.unit_id != unit_id:
        return None
    unit = connection.execute(select(UNIT.c.code, UNIT.c.short_name).where(UNIT.c.id == bill.unit_id)).one()
    scene = Scene(bill.scene)
    what = "住院" if scene is Scene.INPATIENT else "门诊" if scene.medical else scene.title
    token = bills.token_of(services, unit.code, bill)
    return Facts(
        bill.unit_id,
        unit.short_name,
        what,
        bill.total_fen,
        business_day(bill.business_at),
        f"{services.settings.outside}/b/{token}",
        bill.state is BillState.REVERSED,
    )


def _voucher(services: Services, connection: Connection, unit_id: int, voucher_id: int) -> Facts | None:
    voucher = vouchers.by_id(connection, unit_id, voucher_id)
    if voucher is None:
        return None
    unit = connection.execute(select(UNIT.c.code, UNIT.c.short_name).where(UNIT.c.id == voucher.unit_id)).one()
    return Facts(
        voucher.unit_id,
        unit.short_name,
        "预交金",
        voucher.amount_fen,
        business_day(voucher.issued_at),
        f"{services.settings.outside}/v/{vouchers.token_of(services, unit.code, voucher)}",
    )


def message(services: Services, attempt: Any, delivery: Any, told: Facts, recipient: str) -> Message:
    """The message of an attempt, from the rows of attempt and delivery."""
    target = Target(delivery.unit_id, delivery.object_kind, delivery.object_id, Purpose(delivery.purpose))
    return Message(
        ref=attempt.our_ref,
        target=target,
        recipient=recipient,
        hospital=told.hospital,
        what=told.what,
        total_fen=told.total_fen,
        day=told.day,
        link=told.link,
        stop_link=f"{services.settings.outside}/n/{stop_token(services, attempt.id)}",
        tries=attempt.tries,
        first_at=attempt.sent_at or attempt.created_at,
        delivery_id=delivery.id,
        attempt_id=attempt.id,
        their_ref=attempt.their_ref,
    )


def stop_token(services: Services, attempt_id: int) -> str:
    """The token of "不是我" of one message: its id and 128 bits of a keyed hash; nothing personal, not guessable."""
    number = attempt_id.to_bytes(8, "big")
    return urlsafe_b64encode(number + services.index.digest("stop", number)[:_MAC]).decode()


def attempt_of(services: Services, token: str) -> int | None:
    """The attempt that a token of :func:`stop_token` names; ``None`` for one that was not made by us."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii")) if len(token) == 32 else b""
    except ValueError:
        raw = b""
    number, mac = raw[:8], raw[8:]
    good = services.index.digest("stop", number)[:_MAC]
    return int.from_bytes(number, "big") if hmac.compare_digest(good, mac) else None
