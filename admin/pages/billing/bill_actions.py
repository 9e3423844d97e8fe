"""What of a bill's life its page shows: red bill, sheets, who waits for whom, and only the acts that are legal now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import Connection, select

from admin.kit.security import may
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.domain.states import BillState, ReversalReason
from portal.issuing.bills import approvals as bills_approvals
from portal.issuing.bills import reverse
from portal.issuing.bills.reverse import Standing
from portal.ledger import bills
from portal.ledger import paper as ledger_paper
from portal.ledger.bills import BillFacts
from portal.ledger.paper import valid_sheet
from portal.listing.columns import Act
from portal.models.tables import BILL, REVERSAL


@dataclass(frozen=True, slots=True)
class Life:
    """A bill's relations and next steps. ``guard`` says why an act that one may look for is not there."""

    red: BillFacts | None
    original: BillFacts | None
    told: Any
    reason: str
    sheets: list[Any]
    sheet: Any
    waiting: Any
    stands: Standing
    acts: list[Act]
    guard: str


def life_of(connection: Connection, facts: BillFacts) -> Life:
    """Read it."""
    row = connection.execute(select(BILL).where(BILL.c.id == facts.bill_id)).one()
    stands = reverse.standing(connection, row)
    told = connection.execute(
        select(REVERSAL).where((REVERSAL.c.bill_id == facts.bill_id) | (REVERSAL.c.red_id == facts.bill_id))
    ).one_or_none()
    sheet = valid_sheet(connection, facts.bill_id)
    waiting = _waiting(connection, facts, sheet)
    return Life(
        red=bills.red_of(connection, facts.bill_id),
        original=bills.by_id(connection, row.red_of_id) if row.red_of_id else None,
        told=told,
        reason=_reason(told) if told else "",
        sheets=ledger_paper.sheets_of(connection, facts.bill_id),
        sheet=sheet,
        waiting=waiting,
        stands=stands,
        acts=[] if waiting else _acts(facts, stands, sheet),
        guard=_guard(facts, stands, waiting),
    )


def _reason(told: Any) -> str:
    title = ReversalReason(told.kind).title
    return title if told.reason in ("", title) else f"{title}：{told.reason}"


def _waiting(connection: Connection, facts: BillFacts, sheet: Any) -> Any:
    asked = [requests.of_object(connection, bills_approvals.REVERSAL, facts.bill_id)]
    if sheet is not None:
        asked.append(requests.of_object(connection, bills_approvals.LOST_PAPER, sheet.id))
    return next((one for one in asked if one is not None and one.state == "pending"), None)


def _acts(facts: BillFacts, stands: Standing, sheet: Any) -> list[Act]:
    if stands.row.red_of_id is not None or facts.state is BillState.REVERSED:
        return []

    def to(endpoint: str) -> str:
        return url_for(f"billing.{endpoint}", bill_id=facts.bill_id)

    found = []
    if sheet is not None:
        if may(Permission.PAPER_EXCHANGE):
            found.append(Act("重新换开", to("re_exchange")))
        if may(Permission.PAPER_VOID):
            found.append(Act("收回并作废纸质票", to("void_paper")))
    elif may(Permission.PAPER_EXCHANGE) and facts.state is not BillState.REFUSED:
        found.append(Act("换开", to("exchange"), main=True))
    if sheet is None and not stands.bookings and may(Permission.BILLS_REVERSE):
        found.append(Act("冲红", to("reverse_bill")))
    return found


def _guard(facts: BillFacts, stands: Standing, waiting: Any) -> str:
    if waiting is not None:
        return f"“{waiting.summary}”正在等待复核，复核前不能办理其他事项。"
    if stands.row.red_of_id is not None:
        return "这是红票：不能再冲红，也不换开纸质票据。"
    if facts.state is BillState.REVERSED:
        return "这张票已冲红，不能再办理。如需开票请用新的业务流水号。"
    if stands.bookings:
        part = "只入账一部分也" if stands.booked_fen != facts.total_fen else ""
        return f"{stands.booked}，{part}不能冲红；请交款人先到入账单位撤销入账。"
    if stands.paper:
        return f"纸质票据 {stands.paper} 有效。要冲红，先收回纸质票据并作废。"
    if facts.state is BillState.REFUSED:
        return "财政没有通过这张票，不能换开纸质票据；请处理原因后重新上传，或冲红后重新开票。"
    return ""
