"""为什么查不到: the true state of what an identified person looks for, from their own bills only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.core.clock import business_day
from portal.domain.states.bills import BillState
from portal.ledger.bills import BillFacts

NEAR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Reason:
    """One bill that may be the one meant, and what is the matter with it."""

    bill: BillFacts
    text: str


_TEXTS = {
    BillState.ISSUED: "已开具，正在等财政监制，通常几分钟内完成",
    BillState.UPLOADED: "已送财政，正在等监制，通常几分钟内完成",
    BillState.SUPERVISED: "已经可以用了，就在您的列表里",
    BillState.REFUSED: "财政没有通过，医院正在处理",
    BillState.REVERSED: "已冲红（作废），请看替它重开的那一张",
}


def reasons(bills: Sequence[BillFacts], day: date | None, amount_fen: int | None) -> list[Reason]:
    """Return the person's bills near ``day`` (three days either way) or of exactly this amount, with their state in
    words."""
    found = []
    for bill in bills:
        near = day is not None and abs(business_day(bill.business_at) - day) <= NEAR
        same = amount_fen is not None and amount_fen in (bill.total_fen, bill.own_cash_fen)
        if near or same:
            red = "这是红票，只用来冲销原票" if bill.total_fen < 0 else _TEXTS[bill.state]
            found.append(Reason(bill, red))
    return found[:20]
