"""Red bills, paper exchanges, notice slips and lost sheets, in the shares of a township hospital."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from portal.approvals import requests
from portal.approvals.registry import Decision
from portal.core.clock import now
from portal.core.services import Services
from portal.demo.granted import DESKS, PLANS
from portal.demo.history.people import CASHIER, LEAD, SUPERVISOR, Issued, already, issued, share
from portal.domain.numbers import NumberRun, Sheet
from portal.domain.states.bills import ReversalReason
from portal.issuing.bills import approvals, reverse
from portal.issuing.paper import exchange, notice_slips
from portal.issuing.paper.exchange import BlankLoss, Ending, Exchange
from portal.ledger import paper as ledger_paper
from portal.models import Point
from portal.rendering.papers.slip import Paper
from portal.runtime import Runtime

RED_PERCENT, PAPER_PERCENT, SLIP_PERCENT = 2.2, 12.0, 25.0
"""Of a year's bills 1.5 to 3 in a hundred are reversed, 8 to 20 exchanged; slips are printed for those of last week."""
_KINDS = (
    (ReversalReason.REFUND, "患者退药一盒"),
    (ReversalReason.MISTAKE, "患者姓名录入有误，更正后重新开票"),
    (ReversalReason.REFUND, "检查未做，全额退费"),
    (ReversalReason.SETTLEMENT, "医保结算方式选错，重新结算"),
)
_PASSED = ("ALREADY_REVERSED", "PAPER_STILL_VALID", "PAPER_EXCHANGED", "PAPER_NOT_ALLOWED", "BILL_BOOKED")


def write(runtime: Runtime) -> None:
    """Exchange, print and reverse."""
    services, bills = runtime.services, issued(runtime.services)
    _exchange(services, bills)
    _reverse(services, bills)
    for bill in share([bill for bill in bills if bill.point in DESKS], PAPER_PERCENT, 3)[:1]:
        _lose(services, bill)
    recent = [bill.id for bill in share(bills[-300:], SLIP_PERCENT, 1)]
    if recent:
        notice_slips.start(services, CASHIER, notice_slips.BILLS, recent, Paper.ROLL)
        notice_slips.start(services, CASHIER, notice_slips.BILLS, recent[:3], Paper.ROLL)


def _moment(bill: Issued, hours: float) -> datetime:
    return min(bill.issued_at + timedelta(hours=hours), now())


def _reverse(services: Services, bills: list[Issued]) -> None:
    for place, bill in enumerate(share(bills, RED_PERCENT, 7)):
        kind, reason = (
            (ReversalReason.UNREGISTER, "患者退号") if bill.scene == "registration" else _KINDS[place % len(_KINDS)]
        )
        moment = _moment(bill, 1 + place % 5)
        order = reverse.Order(bill.id, bill.point, kind, reason, business_at=moment, at=moment)
        with already(*_PASSED):
            reverse.reverse(services, LEAD if place % 3 == 0 else CASHIER, order)


def _exchange(services: Services, bills: list[Issued]) -> None:
    """Exchange at the desks; every ninth sheet was misprinted, every eleventh taken back."""
    desks = [bill for bill in bills if bill.point in DESKS]
    for place, bill in enumerate(share(desks, PAPER_PERCENT, 3)):
        with already(*_PASSED):
            sheet = _next(services, bill)
            moment = _moment(bill, 0.2)
            exchange.exchange(services, CASHIER, Exchange(bill.id, bill.point, sheet, at=moment))
            if place % 9 == 4:
                again = Exchange(bill.id, bill.point, _next(services, bill), reason="打印偏移，字迹不清", at=moment)
                exchange.re_exchange(services, CASHIER, again)
            elif place % 11 == 5:
                exchange.void(services, CASHIER, Ending(sheet, "患者改用电子票据，纸质票据已收回"))


def _next(services: Services, bill: Issued) -> Sheet:
    """Return the sheet that lies on top at the bill's point."""
    form = next(plan.paper for plan in PLANS if plan.prefix == bill.code[:6])
    with services.database.read() as connection:
        point_id = connection.scalars(select(Point.id).where(Point.code == bill.point)).one()
        top = ledger_paper.paper_ranges(connection, point_id, f"{form}{bill.code[6:]}")[0]
    return Sheet(top.bill_code, top.next)


def _lose(services: Services, bill: Issued) -> None:
    """Ask to void the sheet that a payer has lost, and write off blank forms that were spoilt at this point."""
    with services.database.read() as connection:
        sheet = ledger_paper.valid_sheet(connection, bill.id)
    if sheet is None:
        return
    lost = Ending(sheet.sheet, "患者遗失", recovered=False, statement="本人遗失该纸质票据，未用于报销，特此声明。")
    with already("APPROVAL_PENDING"):
        approvals.ask_to_void_lost(services, CASHIER, lost)
    top = _next(services, bill)
    exchange.lose_blanks(
        services,
        CASHIER,
        BlankLoss(bill.point, NumberRun(top.code, top.number, top.number + 1), "打印机卡纸，两张空白票损坏"),
    )


def ask_for_large(runtime: Runtime) -> None:
    """Ask for the reversal of large bills: the first is approved, the second refused, the others wait."""
    services = runtime.services
    with services.database.read() as connection:
        limit = approvals.limit_of(connection, CASHIER.unit_id)
    large = [bill for bill in issued(services) if bill.total_fen >= limit][-4:]
    for place, bill in enumerate(large):
        order = reverse.Order(bill.id, bill.point, ReversalReason.REFUND, "单位核减体检人数，退费重开", limit_fen=limit)
        with already(*_PASSED, "APPROVAL_PENDING"):
            approvals.reverse_or_ask(services, CASHIER, order)
        with services.database.read() as connection:
            asked = requests.of_object(connection, approvals.REVERSAL, bill.id)
        if asked is not None and place < 2:
            opinion = "" if place == 0 else "单位已入账，请先联系单位退回"
            with already("APPROVAL_DECIDED"):
                runtime.approvals.decide(services, SUPERVISOR, Decision(asked.id, place == 0, opinion))
