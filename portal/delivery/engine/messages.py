"""Contents of messages: hospital, kind, amount, day and two links, read once before a message is sent."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from portal.core.clock import business_day
from portal.core.services import Services
from portal.delivery.engine.channel import Message, Target
from portal.domain.documents.settlement import Scene
from portal.domain.states.bills import BillState
from portal.domain.states.delivery import Purpose
from portal.ledger import bills, vouchers
from portal.models.tables import UNIT
from portal.retrieval import family, patient_requests
from portal.retrieval.proof import codes

_MAC = 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says of a bill or voucher; of another object: its ``template`` and the ``params`` of that.

    ``ended``: why nothing more is sent about it, except that it was reversed.
    """

    unit_id: int
    hospital: str = ""
    what: str = ""
    total_fen: int = 0
    day: date = date.min
    link: str = ""
    ended: str = ""
    template: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


def facts(services: Services, connection: Connection, unit_id: int, kind: str, object_id: int) -> Facts | None:
    """Read the facts of a unit's bill, voucher, family link, request or code; ``None`` when there is none."""
    return _READERS[kind](services, connection, unit_id, object_id)


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
        services.settings.bill_address(token),
        "票据已冲红" if bill.state is BillState.REVERSED else "",
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


def _family(services: Services, connection: Connection, unit_id: int, link_id: int) -> Facts | None:
    notice = family.look_notice(services, connection, link_id)
    if notice is None:
        return Facts(unit_id, ended="代取关系已结束")
    return Facts(unit_id, template="family", params={"who": notice.holder, "hospital": notice.hospital})


def _request(services: Services, connection: Connection, unit_id: int, request_id: int) -> Facts | None:
    notice = patient_requests.answer_notice(services, connection, request_id)
    return None if notice is None else Facts(unit_id, template="answer", params={"hospital": notice.hospital})


def _code(services: Services, connection: Connection, unit_id: int, code_id: int) -> Facts | None:
    code = codes.read(services, connection, code_id)
    if code is None:
        return Facts(unit_id, ended="验证码已发出或已失效")
    return Facts(unit_id, template=code.template, params=code.params)


_READERS = {"bill": _bill, "voucher": _voucher, "family": _family, "request": _request, "code": _code}


def message(services: Services, attempt: Any, delivery: Any, facts: Facts, recipient: str) -> Message:
    """Build the message of an attempt from the rows of attempt and delivery."""
    target = Target(delivery.unit_id, delivery.object_kind, delivery.object_id, Purpose(delivery.purpose))
    return Message(
        ref=attempt.our_ref,
        target=target,
        recipient=recipient,
        hospital=facts.hospital,
        what=facts.what,
        total_fen=facts.total_fen,
        day=facts.day,
        link=facts.link,
        stop_link=f"{services.settings.outside}/n/{stop_token(services, attempt.id)}",
        tries=attempt.tries,
        first_at=attempt.sent_at or attempt.created_at,
        delivery_id=delivery.id,
        attempt_id=attempt.id,
        their_ref=attempt.their_ref,
        template=facts.template,
        params=facts.params,
    )


def stop_token(services: Services, attempt_id: int) -> str:
    """Make the token of "不是我" of one message: its id and 128 bits of a keyed hash, so that nobody can guess one."""
    number = attempt_id.to_bytes(8, "big")
    return urlsafe_b64encode(number + services.index.digest("stop", number)[:_MAC]).decode()


def attempt_of(services: Services, token: str) -> int | None:
    """Read the attempt that a token of :func:`stop_token` names; ``None`` for a token that is not ours."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii")) if len(token) == 32 else b""
    except ValueError:
        raw = b""
    number, mac = raw[:8], raw[8:]
    good = services.index.digest("stop", number)[:_MAC]
    return int.from_bytes(number, "big") if hmac.compare_digest(good, mac) else None
