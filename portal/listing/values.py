"""How values look on console pages: money, numbers, days, times, states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

from portal.audit import actions
from portal.core.clock import local
from portal.domain.money import commas, micro_text
from portal.domain.numbers import bill_number
from portal.domain.states.bills import BillState, PaperState


class State(NamedTuple):
    """A state's word and its tone: ``ok``, ``wait``, ``red``, ``plain``."""

    title: str
    tone: str = "plain"


BILL_STATES = {
    BillState.ISSUED: State("待监制", "wait"),
    BillState.UPLOADED: State("待监制（已上传）", "wait"),
    BillState.SUPERVISED: State("已监制", "ok"),
    BillState.REFUSED: State("监制未通过", "red"),
    BillState.REVERSED: State("已冲红", "red"),
}


SHEET_STATES = {
    PaperState.VALID.value: State("有效", "ok"),
    PaperState.RECOVERED.value: State("已收回作废", "red"),
    PaperState.VOID.value: State("已作废（未收回）", "red"),
}


def money(fen: int | None) -> str:
    """``-1234550`` → ``−12,345.50``; nothing for ``None``."""
    return "" if fen is None else commas(fen)


def micro(value: int | None, least: int = 0) -> str:
    """Millionths: ``1234500000`` → ``1,234.5``, with at least ``least`` decimals; nothing for ``None``."""
    if value is None:
        return ""
    whole, dot, rest = micro_text(abs(value), least).partition(".")
    return ("−" if value < 0 else "") + f"{int(whole):,}{dot}{rest}"


def day(value: date | datetime | None) -> str:
    """``2026-11-24`` in the hospital's time."""
    if value is None:
        return ""
    return (local(value) if isinstance(value, datetime) else value).strftime("%Y-%m-%d")


def moment(value: datetime | None) -> str:
    """``2026-11-24 09:41:22`` in the hospital's time."""
    return "" if value is None else local(value).strftime("%Y-%m-%d %H:%M:%S")


def count(value: int | None) -> str:
    """``12,345``."""
    return "" if value is None else f"{value:,}"


ACTORS = {
    "staff": "",
    "his": "接口",
    "patient": "患者",
    "system": "系统",
    "worker": "后台",
    "platform": "平台",
    "kiosk": "自助机",
    "company": "单位账户",
}
"""Words for the first part of an actor's label."""
WORKERS = {
    "fiscal": "财政接口",
    "stock": "库存",
    "cards": "卡包",
    "delivery": "交付",
    "command-line": "命令行",
    "limits": "限次",
    "wechat": "微信",
    "alipay": "支付宝",
    "mini": "小程序",
    "bundle": "报销包",
    "demo": "演示数据",
    "demo-2": "演示数据",
}
"""Words for what works by itself."""
ANSWERS = {
    "sent": "等待应答",
    "supervised": "已监制",
    "duplicate": "财政已有此票",
    "queued": "财政排队中",
    "rejected": "未通过",
    "failed": "没有送达",
    "unverified": "监制签名无效",
}
"""What finance made of a message, in words."""


def actor(label: str) -> str:
    """``staff:cashier`` → ``cashier``, ``his:QPDEMO0000001`` → ``接口 QPDEMO0000001``: who did it, as people say it."""
    kind, _, name = label.partition(":")
    return f"{ACTORS[kind]} {WORKERS.get(name, name)}".strip() if kind in ACTORS else label


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "micro": micro,
    "actor": actor,
    "action_title": actions.title,
    "finance_answer": lambda outcome: ANSWERS.get(outcome, outcome),
    "bill_number": lambda pair: bill_number(*pair),
    "console_day": day,
    "moment": moment,
    "count_text": count,
}
