"""Everything that is known of one bill, read for its page: content, prints, messages, requests, approvals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from admin.kit.security import current_actor, may
from admin.pages.billing.bill_actions import Life
from portal import audit
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.approvals.requests import ApprovalFacts
from portal.core.database import Connection
from portal.delivery import queries as delivery_queries
from portal.delivery.queries import Sent
from portal.issuing.bills import approvals as bill_approvals
from portal.issuing.paper import notice_slips
from portal.issuing.paper.notice_slips import SlipPrinted
from portal.ledger import bill_content, bills
from portal.ledger.bill_content import ChargeItem, PaymentLine, VoucherPart
from portal.ledger.bills import BillFacts, FinanceExchange
from portal.retrieval import patient_requests
from portal.retrieval.patient_requests import RequestHead
from portal.web.edge import services


@dataclass(frozen=True, slots=True)
class WholeBill:
    """The parts of a bill's page. ``None`` where the person may not see a part; ``details`` are None, too, until
    somebody has asked for them, which stands in the log."""

    items: list[ChargeItem]
    detail_count: int
    details: Sequence[Any] | None
    payments: list[PaymentLine]
    vouchers: list[VoucherPart]
    prints: list[SlipPrinted]
    sent: list[Sent] | None
    asked: list[RequestHead] | None
    approvals: list[ApprovalFacts] | None
    exchanges: list[FinanceExchange]


def whole(connection: Connection, facts: BillFacts, life: Life) -> WholeBill:
    """Read the parts of a bill's page, but for its detail lines."""
    bill_id, delivered = facts.bill_id, may(Permission.DELIVERY_VIEW)
    about = [(bill_approvals.REVERSAL, bill_id), *((bill_approvals.LOST_PAPER, sheet.id) for sheet in life.sheets)]
    return WholeBill(
        items=bill_content.charge_items(connection, bill_id),
        detail_count=bill_content.detail_count(connection, bill_id),
        details=None,
        payments=bill_content.payments(connection, bill_id),
        vouchers=bill_content.voucher_parts(connection, bill_id),
        prints=notice_slips.prints_of(connection, notice_slips.BILLS, bill_id),
        sent=delivery_queries.sent_about(connection, bill_id) if delivered else None,
        asked=patient_requests.heads_of_bill(connection, bill_id) if delivered else None,
        approvals=(requests.of_objects(connection, facts.unit_id, about) if may(Permission.APPROVALS_VIEW) else None),
        exchanges=bills.exchanges(connection, bill_id),
    )


def details_read(bill: BillFacts) -> Sequence[Any]:
    """Read somebody's treatment, which takes an entry in the log."""
    audit.note(services(), current_actor(), "bill.details_read", ("bill", bill.bill_id))
    with services().database.read() as connection:
        return bills.details(connection, bill.bill_id)
