"""What people ask of delivery: a bill by e-mail, "不是我", how far it has got. For the pages of other packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, or_, select

from portal import audit
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine import messages
from portal.delivery.engine.channel import Target
from portal.delivery.engine.deliveries import (
    WAITING,
    WITH_ANCHOR,
    Wanted,
    insert_once,
    of_anchor,
    open_delivery,
    stop,
    whom,
)
from portal.domain import mail_address
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.delivery import AttemptState, DeliveryState, Purpose, Step
from portal.domain.texts import said_later
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP

AGAIN_AFTER = timedelta(minutes=10)
"""The same bill to the same address is one message, until somebody asks again so much later."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A delivery that was asked for. ``new`` off: it was asked for a short while ago, this is that one."""

    delivery_id: int
    state: DeliveryState
    new: bool


@dataclass(frozen=True, slots=True)
class SentTo:
    """Where a bill or voucher (``kind``, id) is to go: channel and address; ``whole``: whoever asks may have a bill's
    list pages and data file."""

    kind: str
    object_id: int
    channel: str
    address: str
    whole: bool = False


def send_bill_by_mail(
    services: Services, limits: Limits, actor: Actor, bill_id: int, address: str, *, whole: bool = False
) -> Asked:
    """Send a bill of the actor's unit to an e-mail address that somebody has typed and confirmed; audited.

    The caller has checked that the person may see the bill, ``whole``: with detail lines and data file. Raises
    ENTRY_INVALID, BILL_NOT_FOUND, TRY_LATER.
    """
    address = address.strip()
    if not mail_address.is_address(address):
        raise Refusal("ENTRY_INVALID", problems="邮箱地址格式不正确，例如 name@example.com")
    return send_to(services, limits, actor, SentTo("bill", bill_id, "mail", address, whole))


def send_notices(services: Services, actor: Actor, bill_id: int, addresses: Sequence[tuple[str, str]]) -> None:
    """Queue a bill's notice to every (channel, address); an address that was asked for before gets it once."""

    def work(connection: Connection) -> None:
        for channel, address in addresses:
            steps, asked_by = (Step(channel),), actor.label[:80]
            order = Wanted(actor.unit_id, "bill", bill_id, Purpose.NOTICE, steps, asked_by, address)
            open_delivery(services, connection, order)

    services.database.act(work)


def send_to(services: Services, limits: Limits, actor: Actor, order: SentTo) -> Asked:
    """Send one bill or voucher to a named address on one channel, as patient or desk has asked; audited.

    Raises BILL_NOT_FOUND, TRY_LATER (more than 5 an hour for one bill, 10 for one address).
    """
    kind, object_id, channel = order.kind, order.object_id, order.channel
    digest = services.index.digest(f"recipient.{channel}", order.address).hex()[:24]
    for bucket, most in ((f"deliver.object:{kind}{object_id}", 5), (f"deliver.address:{digest}", 10)):
        if not limits.hit(bucket, most, 3600):
            raise Refusal("TRY_LATER", minutes=60)
    wanted = Wanted(
        actor.unit_id,
        kind,
        object_id,
        Purpose.REQUESTED,
        (Step(channel),),
        actor.label[:80],
        order.address,
        whole=order.whole,
    )
    with services.database.write() as connection:
        if messages.facts(services, connection, Target(actor.unit_id, kind, object_id, Purpose.REQUESTED)) is None:
            raise Refusal("BILL_NOT_FOUND")
        latest = connection.execute(
            select(DELIVERY)
            .where(
                DELIVERY.c.object_kind == kind,
                DELIVERY.c.object_id == object_id,
                DELIVERY.c.purpose == Purpose.REQUESTED.value,
                DELIVERY.c.recipient_digest == whom(services, wanted),
            )
            .order_by(DELIVERY.c.version.desc())
            .limit(1)
        ).one_or_none()
        if latest is not None:
            lately = latest.state == DeliveryState.OPEN or latest.created_at > now() - AGAIN_AFTER
            if lately and (latest.whole or not order.whole):
                return Asked(latest.id, DeliveryState(latest.state), False)
            wanted = replace(wanted, version=latest.version + 1)
        delivery_id, new = open_delivery(services, connection, wanted)
        details = {"delivery": delivery_id, "channel": channel}
        audit.record(connection, actor, "delivery.asked", (kind, object_id), details)
    return Asked(delivery_id, DeliveryState.OPEN, new)


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as its person sees it: which channel, the masked address, plain words, when; ``attempt_id`` 0 while
    none was tried."""

    delivery_id: int
    attempt_id: int
    purpose: Purpose
    channel: str
    masked: str
    state: AttemptState
    words: str
    at: datetime


_WORDS = {
    AttemptState.QUEUED: "正在发送",
    AttemptState.SENDING: "正在发送",
    AttemptState.ASKING: "正在核实是否已发出",
    AttemptState.HELD: "暂时不能发送，恢复后自动补发",
    AttemptState.ACCEPTED: "已发出",
    AttemptState.DELIVERED: "已送达",
    AttemptState.EXPIRED: "已发出，未收到送达回执",
    AttemptState.PARKED: "需要您先在对应平台授权或订阅",
    AttemptState.UNCERTAIN: "可能已发出，请查看；没有收到请改用其他方式",
    AttemptState.FAILED: "没有送达，请核对地址或改用其他方式",
    AttemptState.DEAD: "没有发出，请改用其他方式取票",
    AttemptState.STOPPED: "已停止",
    AttemptState.JOINED: "和同一天的票据一起发出",
}


SHOWN = tuple(DELIVERY.c[name] for name in ("id", "object_id", "purpose", "state", "policy", "created_at"))
"""What :func:`read_shown` needs of a delivery."""


def with_attempts(newest: Select[Any]) -> Select[Any]:
    """Return some deliveries, newest first, each with its attempts, the last first; rows for :func:`read_shown`."""
    found = newest.subquery()
    return (
        select(
            found,
            DELIVERY_ATTEMPT.c.id.label("attempt_id"),
            DELIVERY_ATTEMPT.c.channel,
            DELIVERY_ATTEMPT.c.masked,
            of_anchor("state").label("tried"),
            of_anchor("ended_at").label("tried_ended_at"),
            of_anchor("sent_at"),
            DELIVERY_ATTEMPT.c.created_at.label("tried_at"),
        )
        .select_from(found.outerjoin(WITH_ANCHOR, DELIVERY_ATTEMPT.c.delivery_id == found.c.id))
        .order_by(found.c.id.desc(), DELIVERY_ATTEMPT.c.step.desc(), DELIVERY_ATTEMPT.c.id.desc())
    )


_SHOWN = with_attempts(
    select(*SHOWN)
    .where(
        DELIVERY.c.unit_id == bindparam("unit"),
        DELIVERY.c.object_kind == bindparam("kind"),
        DELIVERY.c.object_id == bindparam("object"),
        or_(bindparam("only", type_=BigInteger).is_(None), DELIVERY.c.id == bindparam("only", type_=BigInteger)),
    )
    .order_by(DELIVERY.c.id.desc())
    .limit(20)
)


def read_shown(row: Any) -> list[Shown]:
    """Return the message in a row of :func:`with_attempts`; without one yet, 正在发送 while the delivery is open."""
    purpose = Purpose(row.purpose)
    if row.tried is not None:
        state, at = AttemptState(row.tried), row.tried_ended_at or row.sent_at or row.tried_at
        return [Shown(row.id, row.attempt_id, purpose, row.channel, row.masked, state, _WORDS[state], at)]
    if row.state != DeliveryState.OPEN:
        return []
    state = AttemptState.QUEUED
    return [Shown(row.id, 0, purpose, row.policy[0][0], "", state, _WORDS[state], row.created_at)]


def state_for_patient(
    connection: Connection, unit_id: int, kind: str, object_id: int, delivery_id: int | None = None
) -> list[Shown]:
    """How far the messages about a bill or voucher have got, newest first; one delivery's with ``delivery_id``.

    The caller has checked that the person may see the bill. A delivery without a message yet says 正在发送.
    """
    wanted = {"unit": unit_id, "kind": kind, "object": object_id, "only": delivery_id}
    return [shown for row in connection.execute(_SHOWN, wanted) for shown in read_shown(row)]


def how_far(sent: Sequence[Shown]) -> tuple[str, str]:
    """Return the step 送达 of a bill in a word, by what became of its messages; ``done`` when a receipt says that one
    arrived,
    ``part`` when one has left, else ``""``.
    """
    states = {one.state for one in sent}
    if AttemptState.DELIVERED in states:
        return said_later("已送达"), "done"
    if states & {AttemptState.ACCEPTED, AttemptState.EXPIRED, AttemptState.UNCERTAIN}:
        return said_later("已通知您"), "part"
    if any(state.active for state in states):
        return said_later("正在送"), ""
    return (said_later("没送到") if states else said_later("待送达")), ""


def stop_address(services: Services, attempt_id: int) -> bool:
    """Nothing more goes to the address of this message, on its channel, from its unit; ``False``: no such message.

    The caller has checked that whoever asks got the message or may see its bill.
    """
    with services.database.write() as connection:
        row = connection.execute(
            select(DELIVERY_ATTEMPT, DELIVERY.c.unit_id)
            .select_from(DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id))
            .where(DELIVERY_ATTEMPT.c.id == attempt_id)
        ).one_or_none()
        if row is None:
            return False
        values = {
            "unit_id": row.unit_id,
            "channel": row.channel,
            "recipient_digest": row.recipient_digest,
            "masked": row.masked,
            "attempt_id": row.id,
            "stopped_at": now(),
        }
        if insert_once(connection, DELIVERY_STOP, values):
            details = {"channel": row.channel, "attempt": row.id}
            audit.record(connection, Actor("patient"), "delivery.not_me", ("delivery", row.delivery_id), details)
        _take_back(connection, row)
    return True


def resume_address(services: Services, attempt_id: int) -> None:
    """点错了: whoever said 不是我 takes it back; the address of this message gets messages again; audited.

    The caller has checked that whoever asks got the message.
    """

    def work(connection: Connection) -> None:
        row = connection.execute(
            select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.recipient_digest, DELIVERY.c.id, DELIVERY.c.unit_id)
            .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
            .where(DELIVERY_ATTEMPT.c.id == attempt_id)
        ).one()
        mine = (
            (DELIVERY_STOP.c.unit_id == row.unit_id)
            & (DELIVERY_STOP.c.channel == row.channel)
            & (DELIVERY_STOP.c.recipient_digest == row.recipient_digest)
        )
        if connection.execute(DELIVERY_STOP.delete().where(mine)).rowcount:
            details = {"channel": row.channel, "attempt": attempt_id}
            audit.record(connection, Actor("patient"), "delivery.mine_after_all", ("delivery", row.id), details)

    services.database.act(work)


def _take_back(connection: Connection, row: Any) -> None:
    """Cancel what is queued for that address."""
    same = (DELIVERY_ATTEMPT.c.channel == row.channel) & (DELIVERY_ATTEMPT.c.recipient_digest == row.recipient_digest)
    waiting = DELIVERY_ATTEMPT.c.state.in_([*WAITING, AttemptState.JOINED.value])
    found = select(DELIVERY_ATTEMPT.c.delivery_id).where(same, waiting)
    still = select(DELIVERY).where(DELIVERY.c.id.in_(found), DELIVERY.c.state == DeliveryState.OPEN.value)
    # Those that have joined a message come before it: the newer ones first.
    for held in connection.execute(still.order_by(DELIVERY.c.id.desc()).with_for_update()).all():
        stop(connection, held, "收件人称不是其票据")


def allow_again(services: Services, actor: Actor, channel: str, attempt_id: int) -> None:
    """Staff have cleared a "不是我" (the phone in the HIS was corrected): the address gets messages again; audited."""
    with services.database.write() as connection:
        mine = (
            (DELIVERY_STOP.c.unit_id == actor.unit_id)
            & (DELIVERY_STOP.c.channel == channel)
            & (DELIVERY_STOP.c.attempt_id == attempt_id)
        )
        if not connection.execute(DELIVERY_STOP.delete().where(mine)).rowcount:
            raise Refusal("PAGE_NOT_FOUND")
        details = {"channel": channel, "attempt": attempt_id}
        audit.record(connection, actor, "delivery.allowed_again", ("channel", channel), details)
