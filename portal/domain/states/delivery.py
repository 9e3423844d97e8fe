"""Delivery in plain rules: what may come of a message, where a delivery stands, the order of channels, quiet hours.

A channel answers with one of nine outcomes (:data:`Result`); docs/delivery.md says what follows from each. What
becomes of a task is another vocabulary, :data:`portal.outbox.tasks.Outcome`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from portal.domain.titled import Titled


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it under ``ref``; whether it arrived is told later by a receipt, or never."""

    ref: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """It has arrived, or the provider says that it already has it."""

    ref: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing was sent; the same may work later. ``after`` seconds, ``None``: by the channel's pauses."""

    reason: str
    after: float | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Quota or window: not before ``at``; another channel goes first."""

    at: datetime
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Never:
    """Over for this message to this person on this channel: the next channel."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class NeedUser:
    """The person must act first (follow, subscribe, authorise): parked, no failure; the next channel."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Our set-up is wrong: the whole channel stops, its queue is kept, somebody is told."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Bug:
    """Our payload is wrong in ``field``: a dead letter."""

    field: str
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer after sending (time-out, 5xx, unreadable): it may have gone out. Asked about, or repeated once."""

    reason: str
    code: str = ""


Result = Accepted | Arrived | NotSent | Later | Never | NeedUser | Config | Bug | Unknown
"""What a channel says of one message. ``reason`` is for operators: no token, no personal data."""


class Purpose(Titled):
    """Why a message is sent. A reversal is a purpose of its own."""

    ISSUED = "issued", "开票通知"
    REVERSED = "reversed", "冲红通知"
    READY = "ready", "开好后提醒"
    REQUESTED = "requested", "患者索取"
    NOTICE = "notice", "HIS 发起的通知"
    EXCHANGED = "exchanged", "换开纸质票据"
    USED = "used", "预交金抵扣通知"
    FAMILY = "family", "代取查看提醒"
    ANSWER = "answer", "申请答复提醒"
    CODE = "code", "验证码"
    PHONE = "phone", "换手机号提醒"

    @property
    def asked_for(self) -> bool:
        """Whether somebody has asked for this bill, whatever has become of it since; the message says what."""
        return self in (Purpose.REQUESTED, Purpose.READY)

    @property
    def awaited(self) -> bool:
        """Whether the person has asked for it or wants to hear of it at once, so that quiet hours do not hold it."""
        return self in (Purpose.REQUESTED, Purpose.READY, Purpose.FAMILY, Purpose.ANSWER, Purpose.CODE, Purpose.PHONE)


class AttemptState(Titled):
    """Where one message on one channel stands."""

    QUEUED = "queued", "待发送"
    SENDING = "sending", "发送中"
    ASKING = "asking", "核实是否已发"
    HELD = "held", "渠道暂停，排队中"
    ACCEPTED = "accepted", "已提交"
    DELIVERED = "delivered", "已送达"
    EXPIRED = "expired", "已提交，无回执"
    PARKED = "parked", "待患者操作"
    UNCERTAIN = "uncertain", "结果不明"
    FAILED = "failed", "未送达"
    DEAD = "dead", "需人工处理"
    STOPPED = "stopped", "已停止"
    JOINED = "joined", "并入同次就诊的消息"

    @property
    def active(self) -> bool:
        """Whether a worker has still something to do."""
        return self in (AttemptState.QUEUED, AttemptState.SENDING, AttemptState.ASKING, AttemptState.HELD)


class DeliveryState(Titled):
    """Where a delivery over all its channels stands."""

    OPEN = "open", "进行中"
    DONE = "done", "已送达"
    SENT = "sent", "已发出"
    PARKED = "parked", "待患者操作"
    UNCERTAIN = "uncertain", "结果不明"
    FAILED = "failed", "未送达"
    STOPPED = "stopped", "已停止"


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of the order; without a receipt after ``wait`` seconds the next one goes (0: only on failure)."""

    channel: str
    wait: int = 0


ORDER = re.compile(r"[a-z][a-z0-9-]{1,15}(:[0-9]{1,4})?( [a-z][a-z0-9-]{1,15}(:[0-9]{1,4})?){0,7}", re.ASCII)
"""The order as a setting: channels in their turn, each with minutes to wait: ``wechat:10 alipay:10 sms``."""


def steps_of(text: str) -> tuple[Step, ...]:
    """Return the steps of an order; each channel once. Raises ValueError with a Chinese reason."""
    if not ORDER.fullmatch(text):
        raise ValueError("应为渠道代码和等待分钟数，例如 wechat:10 alipay:10 sms")
    steps = tuple(Step(name, int(wait or 0) * 60) for name, _, wait in (part.partition(":") for part in text.split()))
    if len({step.channel for step in steps}) != len(steps):
        raise ValueError("同一渠道只能出现一次")
    return steps


QUIET = re.compile(r"(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?", re.ASCII)
"""Quiet hours as a setting: ``22:00-08:00`` in the hospital's time; empty: none."""


def quiet_until(setting: str, clock: datetime) -> datetime:
    """``clock`` (in the hospital's time) itself outside the quiet hours, else their end.

    Raises ValueError for a setting of another shape.
    """
    if not QUIET.fullmatch(setting):
        raise ValueError("应为起止时间，例如 22:00-08:00；不限制则留空")
    if not setting:
        return clock
    begin, end = (time.fromisoformat(part) for part in setting.split("-"))
    inside = begin <= clock.time() < end if begin < end else (clock.time() >= begin or clock.time() < end)
    if begin == end or not inside:
        return clock
    over = clock.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return over if over > clock else over + timedelta(days=1)


def mask_address(channel: str, address: str) -> str:
    """Return an address as operators and its owner see it: 138****1234, a***@x.cn, the ends of an openid."""
    if channel == "mail":
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}***@{domain}"
    if channel in ("sms", "code"):
        return f"{address[:3]}****{address[-4:]}"
    return f"{address[:3]}***{address[-2:]}" if len(address) > 6 else "***"
