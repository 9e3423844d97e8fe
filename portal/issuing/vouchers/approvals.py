"""Four-eyes approval of large refunds and cancellations of prepayments.

The request keeps ids and figures only. On approval the act runs in the decision's transaction and judges anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from portal.access import parameters
from portal.access.his.accounts import console
from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.services import Services
from portal.domain.documents.voucher import Taking, VoucherForm
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.hospital.references import ReferenceCache
from portal.issuing.vouchers.issue import Sender, Vouched, VoucherService
from portal.ledger import vouchers

TAKING = "voucher.taking"


def limit_of(connection: Connection, unit_id: int) -> int:
    """大额退款金额 of a unit, in fen."""
    return int(parameters.value(connection, unit_id, "voucher.large-refund-fen"))


def take_or_ask(desk: VoucherService, sender: Sender, form: VoucherForm, taking: Taking) -> Vouched | None:
    """Refund or cancel now; ``None`` when the amount is large and a second person was asked instead.

    Raises as the desk's acts, and APPROVAL_PENDING.
    """
    database, unit_id = desk.services.database, sender.account.unit_id
    with database.read() as connection:
        limit = limit_of(connection, unit_id)
        known = vouchers.by_number(connection, unit_id, taking.code, taking.number)
        asked = requests.of_object(connection, TAKING, known.voucher_id) if known is not None else None
    if asked is not None and asked.state == "pending":
        raise Refusal("APPROVAL_PENDING")
    try:
        act = desk.refund if form is VoucherForm.REFUND else desk.cancel
        return act(sender, replace(taking, limit_fen=limit))
    except Refusal as refusal:
        if refusal.code != "VOUCHER_NEEDS_APPROVAL":
            raise
    with database.write() as connection:
        known = vouchers.by_number(connection, unit_id, taking.code, taking.number)
        assert known is not None
        amount = known.balance_fen if taking.amount_fen is None else taking.amount_fen
        payload = {
            "form": form.value,
            "code": taking.code,
            "number": taking.number,
            "point": taking.point_code,
            "amount_fen": amount,
            "business_at": taking.business_at.isoformat(),
            "serial": taking.serial,
        }
        summary = (
            f"{'退款' if form is VoucherForm.REFUND else '撤销'}：预交金凭证 {known.pair}，金额 {commas(amount)} 元"
        )
        request = requests.Request(TAKING, known.voucher_id, summary, taking.reason, payload)
        requests.request_on(connection, sender.actor, request)
    return None


def _take(services: Services, connection: Connection, approved: Approved) -> str:
    payload, form = approved.payload, VoucherForm(approved.payload["form"])
    sender = Sender(console(services.database, approved.requester.unit_id), approved.requester)
    taking = Taking(
        code=str(payload["code"]),
        number=str(payload["number"]),
        point_code=str(payload["point"]),
        business_at=datetime.fromisoformat(payload["business_at"]),
        operator=approved.requester.name,
        reason=approved.reason,
        amount_fen=int(payload["amount_fen"]),
        serial=str(payload["serial"]),
        approver=approved.decider.name,
    )
    # Of its own: the decision needs the catalogue once, and has no desk at hand.
    desk = VoucherService(services, ReferenceCache(services.database))
    made = desk.take_on(connection, sender, form, taking)
    return f"{made.facts.title} {made.facts.pair} 已开具，金额 {commas(made.facts.amount_fen)} 元。"


APPROVALS = {TAKING: ApprovalKind("大额预交金退款", _take)}
"""The kind of four-eyes approval of vouchers, for the registry."""
