"""9601 over real HTTP: a payer's unit books a bill, finance tells, no reversal until the booking is taken back."""

from __future__ import annotations

import pytest

from portal.app import create_app
from portal.core.breaker import Breaker
from portal.domain.errors import Refusal
from portal.fiscal import bookings, stock
from portal.issuing import booking, queries
from portal.models import Booking, StockExchange
from portal.outbox.tasks import Done, Outcome, Retry, Task
from tests.console import Console
from tests.functional.test_cards import write_off
from tests.functional.test_exchange import AUDIT, BILL, World, now, world  # noqa: F401  (the fixture)

UNIT = "阳江示例五金厂"


def pull(world: World) -> Outcome:  # noqa: F811
    desk = stock.StockDesk(world.finance.client(timeout=2.0), Breaker(most=1000))
    return stock.run(desk, "bookings", world.services, Task(1, stock.BOOKINGS_TOPIC, "k", {}, 1, now()))


def test_a_booked_bill_stays_until_the_booking_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(bookings, "PAGE", 2)  # three bills are two pages
    ids = world.issue(3)
    world.work()
    rows = {row.id: {"bill_code": row.bill_code, "number": f"{row.number:010d}"} for row in world.rows(BILL)}

    def book(bill_id: int, accounted: str) -> None:
        world.finance.post("/finance/bookings", rows[bill_id] | {"unit": UNIT, "accounted": accounted})

    def asked(bill_id: int) -> str:
        row = rows[bill_id]
        named = {"billBatchCode": row["bill_code"], "billNo": row["number"]}
        return str(world.his.call("getEBillAccountStatus", named).payload["state"])

    for bill_id in ids:
        book(bill_id, "1")
    world.finance.faults("finance", down=True)
    assert isinstance(pull(world), Retry) and asked(ids[0]) == "0"
    world.finance.faults("finance")
    assert isinstance(pull(world), Done) and isinstance(pull(world), Done), "the second time nothing is new"
    assert [asked(bill_id) for bill_id in ids] == ["1"] * 3 and len(world.rows(AUDIT, action="bill.booked")) == 3
    assert {row.booked_by for row in world.rows(Booking.__table__)} == {UNIT}
    with world.services.database.read() as connection:
        first = queries.by_id(connection, ids[0])
    assert first is not None
    refused = world.his.call("writeOffEBill", write_off(first))
    assert refused.result == "E4005" and UNIT in refused.message
    page = Console(create_app(world.services.settings), "lead").get(f"/console/billing/bills/{ids[0]}").text
    assert f"{UNIT}已入账，不能冲红" in page and ">冲红</a>" not in page
    book(ids[0], "0")
    assert isinstance(pull(world), Done) and asked(ids[0]) == "0"
    assert len(world.rows(AUDIT, action="bill.unbooked")) == 1
    assert world.his.call("writeOffEBill", write_off(first)).ok
    numbers = {row.message_no for row in world.rows(StockExchange.__table__)}
    assert numbers == {bookings.PULL}
    with pytest.raises(Refusal) as unknown:
        booking.change(world.services, 1, "99060126", 1, UNIT, now())
    assert unknown.value.code == "BILL_NOT_FOUND"
