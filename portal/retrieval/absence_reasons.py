"""为什么查不到: the true state of what an identified person looks for, from their own bills only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.core.clock import business_day
from portal.domain.identity import is_phone
from portal.domain.money import fen_of
from portal.domain.states.standing import Standing
from portal.ledger.bills import BillFacts

NEAR = timedelta(days=3)
FIELDS = ("day", "amount", "paid", "person", "card", "phone", "note")
"""What is typed about the bill that is meant, and for the desk."""
PAID = {"wechat": "微信", "alipay": "支付宝", "card": "银行卡", "cash": "现金", "insurance": "医保", "other": "其他"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One bill that may be the one meant, and what is the matter with it."""

    bill: BillFacts
    text: str


_TEXTS = {
    Standing.WAITING: "医院开好了，正在等财政盖章，通常几分钟内完成",
    Standing.VALID: "已经可以用了，就在您的列表里",
    Standing.EXCHANGED: "已打印成纸质票，报销用那张纸",
    Standing.BOOKED: "已经可以用了，单位已用它报销",
    Standing.REFUSED: "财政没有通过，医院正在处理",
    Standing.REVERSED: "已作废，不能报销",
    Standing.RED: "这是作废凭证，不用管它",
}


def meant(typed: Mapping[str, str]) -> tuple[date | None, int | None]:
    """Return the day and the amount that were typed. Raises ValueError."""
    day, amount = typed.get("day", "").strip(), typed.get("amount", "").strip()
    return date.fromisoformat(day) if day else None, fen_of(amount) if amount else None


def mistakes(typed: Mapping[str, str], *, for_desk: bool) -> dict[str, str]:
    """Return what is wrong with what was typed, by field; the desk needs to know whom to answer."""
    wrong = {}
    for name, example in (("day", "日期请写成 2026-11-18 的样子。"), ("amount", "金额请写成 128.50 的样子。")):
        try:
            meant({name: typed.get(name, "")})
        except ValueError:
            wrong[name] = example
    if for_desk and not typed.get("person", "").strip():
        wrong["person"] = "请留下患者姓名，窗口才能答复您。"
    if for_desk and not is_phone(typed.get("phone", "")):
        wrong["phone"] = "请留下 11 位的手机号，窗口才能答复您。"
    return wrong


def reasons(bills: Sequence[BillFacts], day: date | None, amount_fen: int | None) -> list[Reason]:
    """Return the person's bills near ``day`` (three days either way) or of exactly this amount, with their state in
    words."""
    found = []
    for bill in bills:
        near = day is not None and abs(business_day(bill.business_at) - day) <= NEAR
        same = amount_fen is not None and amount_fen in (bill.total_fen, bill.own_cash_fen)
        if near or same:
            found.append(bill)
    return of_bills(found[:20])


def of_bills(bills: Sequence[BillFacts]) -> list[Reason]:
    """Return what is the matter with each of these bills."""
    return [Reason(bill, _TEXTS[bill.standing]) for bill in bills]
