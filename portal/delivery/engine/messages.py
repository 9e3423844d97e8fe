"""Contents of messages: hospital, kind, amount, day, standing and links, read once before a message is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from portal.core.clock import business_day
from portal.core.crypto import tokens
from portal.core.services import Services
from portal.delivery.engine.channel import Desk, Message, Target
from portal.domain.documents.settlement import Scene
from portal.domain.documents.voucher import VoucherForm
from portal.domain.identity import mask_name
from portal.domain.states.delivery import Purpose
from portal.domain.states.standing import Standing
from portal.ledger import bill_relations, bills, vouchers
from portal.models.tables import UNIT
from portal.retrieval import family, patient_requests
from portal.retrieval.proof import changed_phone, codes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says of a bill or voucher; of another object: its ``template`` and the ``params`` of that.

    ``payer`` is masked. ``ended``: why nothing more is sent about it, unless somebody has asked for it or is told just
    that. ``generation`` is that of the link. ``document`` and ``news`` as of :class:`Message`.
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
    document: str = ""
    news: str = ""
    generation: int = 0
    link: str = ""
    ended: str = ""
    template: str = ""
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


def facts(services: Services, connection: Connection, target: Target) -> Facts | None:
    """Read the facts of a unit's bill, voucher, family link, request or code; ``None`` when there is none."""
    return _READERS[target.kind](services, connection, target)


def target_of(delivery: Any) -> Target:
    """Return what the delivery of a row is about."""
    about = (delivery.unit_id, delivery.object_kind, delivery.object_id)
    return Target(*about, Purpose(delivery.purpose), delivery.version)


def _bill(services: Services, connection: Connection, target: Target) -> Facts | None:
    unit_id, bill_id = target.unit_id, target.object_id
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
        generation=bill.link_generation,
        link=bills.address_of(services, unit_code, bill),
        ended="票据已冲红" if standing is Standing.REVERSED else "",
    )


def _voucher(services: Services, connection: Connection, target: Target) -> Facts | None:
    voucher = vouchers.by_id(connection, target.unit_id, target.object_id)
    if voucher is None:
        return None
    unit_code, hospital, desk = _unit(connection, target.unit_id)
    what, news, total_fen, at = "预交金", "已开具", voucher.amount_fen, voucher.business_at
    if target.purpose is Purpose.USED:
        used = vouchers.movement(connection, voucher.voucher_id, target.version)
        what, news, total_fen, at = "预交金抵扣", "已用于住院结算", -used.amount_fen, used.at
    elif target.purpose is Purpose.REVERSED:
        what, news = "预交金撤销", "已撤销"
    elif voucher.form is VoucherForm.REFUND:
        what = "预交金退款"
    return Facts(
        target.unit_id,
        hospital,
        desk,
        what,
        total_fen,
        business_day(at),
        _masked(vouchers.payer_name(services, connection, voucher)),
        document=voucher.form.title,
        news=news,
        generation=voucher.link_generation,
        link=vouchers.address_of(services, unit_code, voucher),
        ended="凭证已撤销" if voucher.cancelled else "",
    )


def _unit(connection: Connection, unit_id: int) -> tuple[str, str, Desk]:
    """Read code and short name of a unit, and where it answers questions."""
    columns = ("code", "short_name", "desk_place", "desk_phone", "desk_hours")
    row = connection.execute(select(*(UNIT.c[name] for name in columns)).where(UNIT.c.id == unit_id)).one()
    return row.code, row.short_name, Desk(row.desk_place, row.desk_phone, row.desk_hours)


def _masked(name: str) -> str:
    """Return 林** for any name: its length would say more than a text message may, and fills it."""
    return f"{mask_name(name)[:1]}**"


def _family(services: Services, connection: Connection, target: Target) -> Facts | None:
    notice = family.look_notice(services, connection, target.object_id)
    if notice is None:
        return Facts(target.unit_id, ended="代取关系已结束")
    return Facts(target.unit_id, template="family", params={"who": notice.holder, "hospital": notice.hospital})


def _request(services: Services, connection: Connection, target: Target) -> Facts | None:
    notice = patient_requests.answer_notice(services, connection, target.object_id)
    return None if notice is None else Facts(target.unit_id, template="answer", params={"hospital": notice.hospital})


def _code(services: Services, connection: Connection, target: Target) -> Facts | None:
    code = codes.read(services, connection, target.object_id)
    if code is None:
        return Facts(target.unit_id, ended="验证码已发出或已失效")
    return Facts(target.unit_id, template=code.template, params=code.params)


def _phone(services: Services, connection: Connection, target: Target) -> Facts | None:
    change = changed_phone.change(services, connection, target.object_id)
    if change is None:
        return None
    params = {
        "hospital": change.hospital,
        "phone": change.masked,
        "token": changed_phone.token_of(services, change.change_id),
    }
    ended = "" if change.state == changed_phone.OPEN else "已确认或已否认"
    return Facts(target.unit_id, template=changed_phone.TEMPLATE, params=params, ended=ended)


_READERS = {"bill": _bill, "voucher": _voucher, "family": _family, "request": _request, "code": _code, "phone": _phone}


def message(services: Services, attempt: Any, delivery: Any, facts: Facts, recipient: str) -> Message:
    """Build the message of an attempt from the rows of attempt and delivery."""
    target = target_of(delivery)
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
        document=facts.document,
        news=facts.news,
        tries=attempt.tries,
        first_at=attempt.sent_at or attempt.created_at,
        delivery_id=delivery.id,
        attempt_id=attempt.id,
        their_ref=attempt.their_ref,
        template=facts.template,
        params=facts.params,
    )


def _own_link(services: Services, attempt: Any, target: Target, facts: Facts) -> str:
    """Return the address that only this message has; it opens its bill or voucher, and those that joined it."""
    if target.kind not in ("bill", "voucher"):
        return facts.link
    return services.settings.bill_address(link_token(services, attempt.id, facts.generation))


def stop_token(services: Services, attempt_id: int) -> str:
    """Make the token of "不是我" of one message."""
    return tokens.make(services.index, "stop", attempt_id)


def attempt_of(services: Services, token: str) -> int | None:
    """Read the attempt that a token of :func:`stop_token` names; ``None`` for a token that is not ours."""
    attempt_id = tokens.number_in(token)
    return attempt_id if attempt_id is not None and tokens.equal(token, stop_token(services, attempt_id)) else None


def link_token(services: Services, attempt_id: int, generation: int) -> str:
    """Make the token of the link in one message. A new ``generation`` of its object's link ends it with that."""
    return tokens.make(services.index, "message-link", attempt_id, generation.to_bytes(4, "big"))
