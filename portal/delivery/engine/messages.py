"""Contents of messages: hospital, kind, amount, day, standing and links, read once before a message is sent."""

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
from portal.delivery.engine.channel import Desk, Message, Target
from portal.domain.documents.settlement import Scene
from portal.domain.identity import mask_name
from portal.domain.states.delivery import Purpose
from portal.domain.states.standing import Standing
from portal.ledger import bill_relations, bills, vouchers
from portal.models.tables import UNIT
from portal.retrieval import family, patient_requests
from portal.retrieval.proof import codes

_MAC = 16
LENGTH = 32
"""Characters of a message's tokens; the link of a bill has fewer."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says of a bill or voucher; of another object: its ``template`` and the ``params`` of that.

    ``payer`` is masked. ``ended``: why nothing more is sent about it, unless somebody has asked for it or is told just
    that. ``generation`` is that of the bill's link.
    """

    unit_id: int
    hospital: str = ""
    desk: Desk = field(default_factory=Desk)
    what: str = ""
    total_fen: int = 0
    day: date = date.min
    payer: str = ""
    standing: Standing = Standing.VALID
    file_name: str = ""
    generation: int = 0
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
    unit_code, hospital, desk = _unit(connection, unit_id)
    scene = Scene(bill.scene)
    standing = bill_relations.standing_of(connection, bill)
    return Facts(
        unit_id,
        hospital,
        desk,
        "住院" if scene is Scene.INPATIENT else "门诊" if scene.medical else scene.title,
        bill.total_fen,
        business_day(bill.business_at),
        _masked(bills.payer_name(services, connection, bill_id)),
        standing,
        f"{bill.code}-{bill.number}.pdf",
        bill.link_generation,
        services.settings.bill_address(bills.token_of(services, unit_code, bill)),
        "票据已冲红" if standing is Standing.REVERSED else "",
    )


def _voucher(services: Services, connection: Connection, unit_id: int, voucher_id: int) -> Facts | None:
    voucher = vouchers.by_id(connection, unit_id, voucher_id)
    if voucher is None:
        return None
    unit_code, hospital, desk = _unit(connection, unit_id)
    return Facts(
        unit_id,
        hospital,
        desk,
        "预交金",
        voucher.amount_fen,
        business_day(voucher.issued_at),
        _masked(vouchers.payer_name(services, connection, voucher)),
        link=services.settings.bill_address(vouchers.token_of(services, unit_code, voucher)),
    )


def _unit(connection: Connection, unit_id: int) -> tuple[str, str, Desk]:
    """Read code and short name of a unit, and where it answers questions."""
    columns = ("code", "short_name", "desk_place", "desk_phone", "desk_hours")
    row = connection.execute(select(*(UNIT.c[name] for name in columns)).where(UNIT.c.id == unit_id)).one()
    return row.code, row.short_name, Desk(row.desk_place, row.desk_phone, row.desk_hours)


def _masked(name: str) -> str:
    """Return 林** for any name: its length would say more than a text message may, and fills it."""
    return f"{mask_name(name)[:1]}**"


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
        own_link=_own_link(services, attempt, target, facts),
        desk=facts.desk,
        payer=facts.payer,
        standing=facts.standing,
        file_name=facts.file_name,
        whole=delivery.whole,
        tries=attempt.tries,
        first_at=attempt.sent_at or attempt.created_at,
        delivery_id=delivery.id,
        attempt_id=attempt.id,
        their_ref=attempt.their_ref,
        template=facts.template,
        params=facts.params,
    )


def _own_link(services: Services, attempt: Any, target: Target, facts: Facts) -> str:
    """Return the address that only this message has; of a voucher, which has no page of messages, its own link."""
    if target.kind != "bill":
        return facts.link
    return services.settings.bill_address(link_token(services, attempt.id, facts.generation))


def stop_token(services: Services, attempt_id: int) -> str:
    """Make the token of "不是我" of one message: its id and 128 bits of a keyed hash, so that nobody can guess one."""
    return _token(services, "stop", attempt_id)


def attempt_of(services: Services, token: str) -> int | None:
    """Read the attempt that a token of :func:`stop_token` names; ``None`` for a token that is not ours."""
    attempt_id = named_attempt(token)
    return attempt_id if attempt_id is not None and equal(token, stop_token(services, attempt_id)) else None


def link_token(services: Services, attempt_id: int, generation: int) -> str:
    """Make the token of the link in one message. A new ``generation`` of its bill's link ends it with the bill's."""
    return _token(services, "message-link", attempt_id, generation.to_bytes(4, "big"))


def named_attempt(token: str) -> int | None:
    """Read the number that a token of a message begins with, unproved; ``None`` for a token of another shape."""
    try:
        return int.from_bytes(urlsafe_b64decode(token.encode("ascii"))[:8], "big") if len(token) == LENGTH else None
    except ValueError:
        return None


def _token(services: Services, use: str, attempt_id: int, more: bytes = b"") -> str:
    number = attempt_id.to_bytes(8, "big")
    return urlsafe_b64encode(number + services.index.digest(use, number + more)[:_MAC]).decode()


def equal(token: str, good: str) -> bool:
    """Compare a token that somebody brought with the good one, in constant time."""
    return hmac.compare_digest(good.encode(), token.encode())
