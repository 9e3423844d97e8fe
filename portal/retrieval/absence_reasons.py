"""为什么查不到: the true state of what an identified person looks for, from their own bills only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.core.clock import business_day
from portal.domain.states.standing import Standing
from portal.ledger.bills import BillFacts

NEAR = timedelta(days=3)


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


def reasons(bills: Sequence[BillFacts], day: date | None, amount_fen: int | None) -> list[Reason]:
    """Return the person's bills near ``day`` (three days either way) or of exactly this amount, with their state in
    words."""
    found = []
    for bill in bills:
        near = day is not None and abs(business_day(bill.business_at) - day) <= NEAR
        same = amount_fen is not None and amount_fen in (bill.total_fen, bill.own_cash_fen)
        if near or same:
            found.append(Reason(bill, _TEXTS[bill.standing]))
    return found[:20]
