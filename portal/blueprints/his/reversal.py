"""writeOffEBill and the booking status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.blueprints.his.context import Context, fields_of, links, named_bill, refuse_problems
from portal.core.clock import now, stamp17
from portal.core.database import Connection
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.states.bills import BillState, PaperState, ReversalReason
from portal.his_contract.checks import LARGE_REVERSAL, REFUSE, check_time
from portal.issuing.bills import approvals, booking, paper_return
from portal.issuing.bills.reverse import Order, Red, reverse
from portal.issuing.paper.exchange import Ending
from portal.ledger import bills
from portal.ledger.paper import sheet_row


def write_off(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """writeOffEBill: the whole bill by a red bill from the named point. A second call is told that it is done."""
    services, account = context.services, context.account
    fields = fields_of(message)
    reason = fields.text("reason", "冲红原因", 200, required=True, cut=True)
    operator = fields.text("operator", "经办人", 60, required=True)
    place = fields.text("placeCode", "开票点编码", 50, required=True)
    business_at = fields.moment("busDateTime", "业务发生时间")
    refuse_problems(fields)
    assert business_at is not None
    check_time(account.policies, business_at, now())
    with services.database.read() as connection:
        bill = named_bill(context, connection, message)
        limit = _limit(context, connection)
    actor = Actor(f"his:{account.appid}", operator, account.unit_id, context.request_id)
    red = reverse(
        services,
        actor,
        Order(bill.bill_id, account.places.get(place, place), ReversalReason.of(reason), reason, business_at, limit),
    )
    return _answer(services, red)


def _limit(context: Context, connection: Connection) -> int | None:
    strict = context.account.policies.get(LARGE_REVERSAL) == REFUSE
    return approvals.limit_of(connection, context.account.unit_id) if strict else None


def take_back(context: Context, actor: Actor, ending: Ending, at: tuple[str, datetime]) -> Mapping[str, Any]:
    """Void a sheet and reverse its bill at a place and time, both or neither; the same again is the same answer."""
    services, (place, business_at) = context.services, at
    check_time(context.account.policies, business_at, now())
    with services.database.read() as connection:
        sheet = sheet_row(connection, actor.unit_id, ending.sheet)
        bill = bills.by_id(connection, sheet.bill_id) if sheet and sheet.state is PaperState.RECOVERED else None
        known = bills.red_of(connection, bill.bill_id) if bill and bill.state is BillState.REVERSED else None
        limit = _limit(context, connection)
    if known is not None:
        token = bills.token_of(services, context.account.unit_code, known)
        facts = (known.code, known.number, known.check_code, known.issued_at, known.business_at)
        return _answer(services, Red(known.bill_id, *facts, token))
    order = Order(0, place, ReversalReason.of(ending.reason), ending.reason, business_at, limit)
    return _answer(services, paper_return.take_back(services, actor, ending, order))


def _answer(services: Services, red: Red) -> Mapping[str, Any]:
    inside, outside, picture = links(services, red.token)
    return {
        "eScarletBillBatchCode": red.code,
        "eScarletBillNo": red.number,
        "eScarletRandom": red.check_code,
        "createTime": stamp17(red.issued_at),
        "billQRCode": picture,
        "pictureUrl": inside,
        "pictureNetUrl": outside,
        "billBusDate": stamp17(red.business_at),
    }


def account_status(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """getEBillAccountStatus: 1 when a unit has booked the bill or a part of it, else 0. createTime is a hint only."""
    with context.services.database.read() as connection:
        bill = named_bill(context, connection, message)
        booked = booking.is_booked(connection, bill.bill_id)
    return {"state": "1" if booked else "0"}
