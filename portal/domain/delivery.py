"""Delivery in plain rules: what may come of a message, where a delivery stands, the order of channels, quiet hours.

An outcome of a message is one of nine classes (:data:`Result`); what becomes of a task is another vocabulary
(:data:`portal.outbox.tasks.Outcome`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum


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


class Purpose(StrEnum):
    """Why a message is sent. A reversal is a purpose of its own."""

    ISSUED = "issued"
    REVERSED = "reversed"
    READY = "ready"
    REQUESTED = "requested"
    NOTICE = "notice"
    EXCHANGED = "exchanged"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _PURPOSES[self]


_PURPOSES = {
    Purpose.ISSUED: "开票通知",
    Purpose.REVERSED: "冲红通知",
    Purpose.READY: "开好后提醒",
    Purpose.REQUESTED: "患者索取",
    Purpose.NOTICE: "HIS 发起的通知",
    Purpose.EXCHANGED: "换开纸质票据",
}


class AttemptState(StrEnum):
    """Where one message on one channel stands."""

    QUEUED = "queued"
    SENDING = "sending"
    ASKING = "asking"
    HELD = "held"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    PARKED = "parked"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    DEAD = "dead"
    STOPPED = "stopped"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _ATTEMPTS[self]

    @property
    def active(self) -> bool:
        """Whether a worker has still something to do."""
        return self in (AttemptState.QUEUED, AttemptState.SENDING, AttemptState.ASKING, AttemptState.HELD)


_ATTEMPTS = {
    AttemptState.QUEUED: "待发送",
    AttemptState.SENDING: "发送中",
    AttemptState.ASKING: "核实是否已发",
    AttemptState.HELD: "渠道暂停，排队中",
    AttemptState.ACCEPTED: "已提交",
    AttemptState.DELIVERED: "已送达",
    AttemptState.EXPIRED: "已提交，无回执",
    AttemptState.PARKED: "待患者操作",
    AttemptState.UNCERTAIN: "结果不明",
    AttemptState.FAILED: "未送达",
    AttemptState.DEAD: "需人工处理",
    AttemptState.STOPPED: "已停止",
}


class DeliveryState(StrEnum):
    """Where a delivery over all its channels stands."""

    OPEN = "open"
    DONE = "done"
    SENT = "sent"
    PARKED = "parked"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title has no use for codes
        """The word on screen."""
        return _DELIVERIES[self]


_DELIVERIES = {
    DeliveryState.OPEN: "进行中",
    DeliveryState.DONE: "已送达",
    DeliveryState.SENT: "已发出",
    DeliveryState.PARKED: "待患者操作",
    DeliveryState.UNCERTAIN: "结果不明",
    DeliveryState.FAILED: "未送达",
    DeliveryState.STOPPED: "已停止",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of the order; without a receipt after ``wait`` seconds the next one goes (0: only on failure)."""

    channel: str
    wait: int = 0


ORDER = re.compile(r"[a-z][a-z0-9-]{1,15}(:[0-9]{1,4})?( [a-z][a-z0-9-]{1,15}(:[0-9]{1,4})?){0,7}", re.ASCII)
"""The order as a setting: channels in their turn, each with minutes to wait: ``wechat:10 alipay:10 sms``."""


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of an order; each channel once. Raises ValueError with a Chinese reason."""
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
    """An address as operators and its owner see it: 138****1234, a***@x.cn, the ends of an openid."""
    if channel == "mail":
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}***@{domain}"
    if channel == "sms":
        return f"{address[:3]}****{address[-4:]}"
    return f"{address[:3]}***{address[-2:]}" if len(address) > 6 else "***"
