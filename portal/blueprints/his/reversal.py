"""writeOffEBill and the booking status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.blueprints.his.context import Context, fields_of, links, named_bill, refuse_problems
from portal.core.clock import now, stamp17
from portal.domain.actor import Actor
from portal.domain.states.bills import ReversalReason
from portal.his_contract.checks import REFUSE, check_time
from portal.issuing.bills import approvals, booking
from portal.issuing.bills.reverse import Order, reverse

LARGE_REVERSAL = "large_reversal"
"""Switch of an account: ``refuse`` stops what needs four eyes at the console as well; by default the HIS's own desk
has approved."""


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
        strict = account.policies.get(LARGE_REVERSAL) == REFUSE
        limit = approvals.limit_of(connection, account.unit_id) if strict else None
    actor = Actor(f"his:{account.appid}", operator, account.unit_id, context.request_id)
    red = reverse(
        services,
        actor,
        Order(bill.bill_id, account.places.get(place, place), ReversalReason.of(reason), reason, business_at, limit),
    )
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
