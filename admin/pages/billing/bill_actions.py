"""The acts on a bill that are legal now, with its red bill, its sheets and the request that waits."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from admin.kit.security import may
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.approvals.requests import ApprovalFacts
from portal.core.database import Connection
from portal.domain.states.bills import BillState, ReversalReason
from portal.fiscal import bills as fiscal_bills
from portal.issuing.bills import approvals as bills_approvals
from portal.issuing.bills import reverse
from portal.issuing.bills.reverse import Standing
from portal.ledger import bill_relations, bills, paper
from portal.ledger.bills import BillFacts, BillRecord, ReversalFacts
from portal.ledger.paper import SheetFacts
from portal.listing.columns import Act


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One of the bills that stand for one settlement after another, with its part in the chain."""

    bill: BillFacts
    word: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """A bill's relations and next steps. ``guard`` says why an act that one may look for is not there; ``chain`` is
    old, red and new bill as far as they were stated, empty for a bill without any other. ``stopped``: why its upload to
    finance has stopped."""

    chain: list[ChainLink]
    reversal: ReversalFacts | None
    reason: str
    sheets: list[SheetFacts]
    sheet: SheetFacts | None
    waiting: ApprovalFacts | None
    standing: Standing
    acts: list[Act]
    guard: str
    stopped: str | None


def life_of(connection: Connection, facts: BillFacts) -> Life:
    """Read the relations of a bill and derive its next steps."""
    bill = bills.record(connection, facts.bill_id)
    standing = reverse.standing(connection, bill)
    reversal = bills.reversal_of(connection, facts.bill_id)
    sheet = paper.valid_sheet(connection, facts.bill_id)
    waiting = _waiting(connection, facts, sheet)
    replacements = bill_relations.replacements(connection, facts.bill_id)
    return Life(
        chain=_chain(connection, facts, bill),
        reversal=reversal,
        reason=_reason(reversal) if reversal else "",
        sheets=paper.sheets_of(connection, facts.bill_id),
        sheet=sheet,
        waiting=waiting,
        standing=standing,
        acts=[] if waiting else [*_acts(facts, standing, sheet), *_anew(facts, standing, replacements)],
        guard=_guard(facts, standing, waiting, replacements),
        stopped=fiscal_bills.stopped_upload(connection, facts.bill_id),
    )


def _chain(connection: Connection, facts: BillFacts, bill: BillRecord) -> list[ChainLink]:
    """Return what stands before and after a bill in the order of its issue."""
    links: list[ChainLink] = []
    center = (bills.by_id(connection, bill.red_of_id) if bill.red_of_id else None) or facts
    before = bill_relations.replaced(connection, center.bill_id)
    for one in filter(None, (before, center)):
        red = bills.red_of(connection, one.bill_id)
        if red is None:
            links.append(ChainLink(one, "新票"))
            continue
        links += [ChainLink(one, "旧票（已冲红）", "gone"), ChainLink(red, "红票", "stop")]
    if center.state is BillState.REVERSED:
        links += [ChainLink(new, "新票") for new in bill_relations.replacements(connection, center.bill_id)]
    return links if len(links) > 1 else []


def _reason(reversal: ReversalFacts) -> str:
    title = ReversalReason(reversal.kind).title
    return title if reversal.reason in ("", title) else f"{title}：{reversal.reason}"


def _waiting(connection: Connection, facts: BillFacts, sheet: SheetFacts | None) -> ApprovalFacts | None:
    asked = [requests.of_object(connection, bills_approvals.REVERSAL, facts.bill_id)]
    if sheet is not None:
        asked.append(requests.of_object(connection, bills_approvals.LOST_PAPER, sheet.id))
    return next((request for request in asked if request is not None and request.state == "pending"), None)


def _acts(facts: BillFacts, standing: Standing, sheet: SheetFacts | None) -> list[Act]:
    if standing.bill.red_of_id is not None or facts.state is BillState.REVERSED:
        return []

    def to(endpoint: str) -> str:
        return url_for(f"billing.{endpoint}", bill_id=facts.bill_id)

    acts = []
    if sheet is not None:
        if may(Permission.PAPER_EXCHANGE):
            acts.append(Act("重新换开", to("re_exchange")))
        if may(Permission.PAPER_VOID):
            acts.append(Act("收回并作废纸质票", to("void_paper")))
    elif may(Permission.PAPER_EXCHANGE) and facts.state is not BillState.REFUSED:
        acts.append(Act("换开", to("exchange"), main=True))
    if sheet is None and not standing.bookings and may(Permission.BILLS_REVERSE):
        acts.append(Act("冲红", to("reverse_bill")))
    return acts


def _anew(facts: BillFacts, standing: Standing, replacements: tuple[BillFacts, ...]) -> list[Act]:
    """Return 重开 for a reversed bill instead of which nothing has been issued yet."""
    reversed_ = facts.state is BillState.REVERSED and standing.bill.red_of_id is None
    if not reversed_ or replacements or not (may(Permission.BILLS_ISSUE) and may(Permission.BILLS_REVERSE)):
        return []
    return [Act("重开", url_for("billing.reopen_bill", bill_id=facts.bill_id), main=True)]


def _guard(
    facts: BillFacts, standing: Standing, waiting: ApprovalFacts | None, replacements: tuple[BillFacts, ...]
) -> str:
    if waiting is not None:
        return f"“{waiting.summary}”正在等待复核，复核前不能办理其他事项。"
    if standing.bill.red_of_id is not None:
        return "这是红票：不能再冲红，也不换开纸质票据。"
    if facts.state is BillState.REVERSED:
        new = "、".join(bill.pair for bill in replacements)
        anew = "如需开票请点“重开”，或由 HIS 用新的业务流水号推送。"
        return f"这张票已冲红，新票是 {new}。" if new else f"这张票已冲红。{anew}"
    if standing.bookings:
        part = "只入账一部分也" if standing.booked_fen != facts.total_fen else ""
        return f"{standing.booked}，{part}不能冲红；请交款人先到入账单位撤销入账。"
    if standing.paper:
        return f"纸质票据 {standing.paper} 有效。要冲红，先收回纸质票据并作废。"
    if facts.state is BillState.REFUSED:
        return "财政没有通过这张票，不能换开纸质票据；请处理原因后重新上传，或冲红后重新开票。"
    return ""
