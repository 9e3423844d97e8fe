"""Four-eyes approval of large reversals and of lost paper sheets.

The request keeps ids and figures only. On approval the act runs in the decision's transaction and judges anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from portal.access import parameters
from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.domain.numbers import Sheet
from portal.domain.states.bills import ReversalReason
from portal.issuing.bills import reverse
from portal.issuing.bills.reverse import Order, Red
from portal.issuing.paper import exchange
from portal.issuing.paper.exchange import Ending
from portal.ledger import bills
from portal.models.tables import PAPER_BILL

REVERSAL, LOST_PAPER = "bill.reversal", "paper.lost"


def limit_of(connection: Connection, unit_id: int) -> int:
    """大额冲红金额 of a unit, in fen."""
    return int(parameters.value(connection, unit_id, "reversal.large-fen"))


def reverse_or_ask(services: Services, actor: Actor, order: Order) -> Red | None:
    """Reverse now; ``None`` when the amount is large and a second person was asked instead.

    Raises as :func:`portal.issuing.bills.reverse.reverse`, and APPROVAL_PENDING.
    """
    try:
        return reverse.reverse(services, actor, order)
    except Refusal as refusal:
        if refusal.code != "REVERSAL_NEEDS_APPROVAL":
            raise
    with services.database.write() as connection:
        bill = bills.record(connection, order.bill_id)
        payload = {"point": order.point_code, "kind": order.kind.value, "reason": order.reason}
        summary = f"冲红票据 {bill.pair}，金额 {commas(bill.total_fen)} 元"
        title = order.kind.title
        reason = f"{title}：{order.reason}" if order.reason and order.reason != title else title
        request = requests.Request(REVERSAL, order.bill_id, summary, reason, payload)
        requests.request_on(connection, actor, request)
    return None


def _reverse(services: Services, connection: Connection, approved: Approved) -> str:
    payload = approved.payload
    order = Order(
        int(approved.object_id),
        str(payload["point"]),
        ReversalReason(payload["kind"]),
        str(payload["reason"]),
        approver=approved.decider.name,
    )
    red = reverse.reverse_on(services, connection, approved.requester, order)
    return f"红票 {red.code} {red.number} 已开具。"


def ask_to_void_lost(services: Services, actor: Actor, ending: Ending) -> int:
    """Keep the payer's statement and ask a second person to void a lost sheet; returns the approval's id.

    Raises FIELD_INVALID, PAPER_NOT_FOUND, PAPER_ENDED, APPROVAL_PENDING.
    """
    exchange.check_ending(ending)
    with services.database.write() as connection:
        row = exchange.held_sheet(connection, actor, ending.sheet)
        exchange.keep_statement(services, connection, row.id, ending.statement, ending.attachment)
        payload = {"code": ending.sheet.code, "number": ending.sheet.number}
        summary = f"作废遗失的纸质票据 {ending.sheet}"
        request = requests.Request(LOST_PAPER, row.id, summary, ending.reason, payload)
        return requests.request_on(connection, actor, request)


@dataclass(frozen=True, slots=True)
class LostSheet:
    """The sheet that a request wants voided; ``statement`` and ``attachment`` of the payer are sealed."""

    id: int
    bill_id: int
    sheet: Sheet
    statement: bytes | None
    attachment: bytes | None


def lost_sheet(connection: Connection, unit_id: int, approval_id: int) -> LostSheet | None:
    """Return the sheet of a request to void a lost one; ``None`` of any other request. Raises APPROVAL_NOT_FOUND."""
    request = requests.by_id(connection, unit_id, approval_id)
    if request.kind != LOST_PAPER:
        return None
    row = connection.execute(select(PAPER_BILL).where(PAPER_BILL.c.id == int(request.object_id))).one()
    return LostSheet(row.id, row.bill_id, Sheet(row.paper_code, row.number), row.statement, row.attachment)


def _void_lost(services: Services, connection: Connection, approved: Approved) -> str:
    sheet = Sheet(str(approved.payload["code"]), int(approved.payload["number"]))
    ending = Ending(sheet, "纸质票据遗失", recovered=False, approver=approved.decider.name)
    exchange.void_on(services, connection, approved.requester, ending)
    return f"纸质票据 {sheet} 已作废，可以冲红电子票据。"


APPROVALS = {
    REVERSAL: ApprovalKind("大额冲红", _reverse),
    LOST_PAPER: ApprovalKind("遗失纸质票作废", _void_lost),
}
"""The kinds of four-eyes approval of bills, for the registry."""
