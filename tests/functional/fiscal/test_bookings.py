"""9601 over real HTTP: a payer's unit books a bill, finance tells, no reversal until the booking is taken back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from portal.app import create_app
from portal.core.breaker import Breaker
from portal.core.clock import business_day, now
from portal.domain.errors import Refusal
from portal.domain.money import yuan
from portal.domain.numbers import BillNumber
from portal.fiscal import bookings, jobs
from portal.issuing.bills import booking
from portal.ledger import bills
from portal.models import Booking, FinanceMessage
from portal.models.tables import AUDIT_ENTRY, BILL
from portal.outbox.tasks import Done, Outcome, Retry, Task
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.messages import AnswerPage, UnitBooking
from portal.providers.finance.national import booking_messages
from portal.providers.finance.national.envelope import EnvelopeError
from portal.providers.finance.national.form import lines
from tests.support import codes
from tests.support.cards import write_off
from tests.support.console import Console
from tests.support.finance import World

UNIT = "阳江示例五金厂"
DAY = datetime(2026, 11, 23, 16, tzinfo=UTC)


def pull(world: World) -> Outcome:
    link = FinanceLink(world.finance.client(timeout=2.0), Breaker(most=1000))
    return jobs.run(bookings.pull, link, world.services, Task(1, bookings.TOPIC, "k", {}, 1, now()))


def test_a_booked_bill_stays_until_the_booking_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_messages, "PAGE", 2)  # three bills are two pages
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
    assert [asked(bill_id) for bill_id in ids] == ["1"] * 3 and len(world.rows(AUDIT_ENTRY, action="bill.booked")) == 3
    assert {row.booked_by for row in world.rows(Booking.__table__)} == {UNIT}
    with world.services.database.read() as connection:
        first = bills.by_id(connection, ids[0])
    assert first is not None
    refused = world.his.call("writeOffEBill", write_off(first))
    assert refused.result == "E4005" and UNIT in refused.message
    page = Console(create_app(world.services.settings), "lead").get(f"/console/billing/bills/{ids[0]}").text
    assert (
        f"交款单位{UNIT}已于" in page
        and "，不能冲红；请交款人先到入账单位撤销入账。" in page
        and ">冲红</a>" not in page
    )
    book(ids[0], "0")
    assert isinstance(pull(world), Done) and asked(ids[0]) == "0"
    assert len(world.rows(AUDIT_ENTRY, action="bill.unbooked")) == 1
    assert world.his.call("writeOffEBill", write_off(first)).ok
    numbers = {row.message_no for row in world.rows(FinanceMessage.__table__, bill_id=None)}
    assert numbers == {booking_messages.PULL}
    with pytest.raises(Refusal) as unknown:
        booking.change(world.services, 1, BillNumber(codes.OUTPATIENT, 1), UNIT, 100, now())
    assert unknown.value.code == "BILL_NOT_FOUND"


def test_units_book_parts_and_each_part_holds_the_bill(world: World) -> None:
    """Two units book what is theirs; more than the bill is refused where it is booked; both must take it back."""
    (bill_id,) = world.issue(1)
    world.work()
    row = world.rows(BILL)[0]
    named = {"bill_code": row.bill_code, "number": f"{row.number:010d}"}
    other, total = "阳江示例学校", row.total_fen

    def book(unit: str, amount: str = "", accounted: str = "1") -> int:
        answer = httpx.post(
            world.finance.url("/finance/bookings"),
            json=named | {"unit": unit, "accounted": accounted, "amount": amount},
        )
        return answer.status_code

    def steps() -> list[str]:
        assert isinstance(pull(world), Done)
        page = Console(create_app(world.services.settings), "lead").get(f"/console/billing/bills/{bill_id}").text
        track = page.split('<ol class="track">')[1].split("</ol>")[0]
        return [*re.findall(r"<li[^>]*>([^<]*)</li>", track)[-1:], *re.findall(r"交款单位(?!入账|取消)[^<]*", page)]

    assert steps() == ["未入账"]
    assert book(UNIT, "10.00") == 200 and book(other, yuan(total)) == 409, "more than is left"
    told = f"交款单位{UNIT}已于 {business_day(now()):%Y-%m-%d} 入账 10.00 元（票据金额 {yuan(total)} 元）"
    assert steps() == ["部分入账 10.00 元", f"{told}，只入账一部分也不能冲红；请交款人先到入账单位撤销入账。"]
    with world.services.database.read() as connection:
        first = bills.by_id(connection, bill_id)
    assert first is not None
    refused = world.his.call("writeOffEBill", write_off(first))
    assert refused.result == "E4005" and told in refused.message and "红票总是整张" in refused.message
    assert book(other) == 200, "the rest"
    assert steps()[0] == "已入账"
    assert sorted(one.amount_fen for one in world.rows(Booking.__table__)) == [1000, total - 1000]
    assert book(UNIT, accounted="0") == 200
    assert (
        steps()[0] == f"部分入账 {yuan(total - 1000)} 元" and not world.his.call("writeOffEBill", write_off(first)).ok
    )
    assert book(other, accounted="0") == 200 and steps() == ["未入账"]
    assert world.his.call("writeOffEBill", write_off(first)).ok


@pytest.mark.parametrize("line", [{"AccAmount": "-1"}, {"AccAmount": "1.005"}, {"AccAmount": ""}, {"AccUnit": ""}])
def test_a_booking_that_says_nothing_usable_is_no_answer(line: dict[str, str]) -> None:
    good = {"EInvoiceCode": codes.OUTPATIENT, "EInvoiceNumber": "0000000001", "IsAccounted": "1", "AccDate": "20261124"}
    good |= {"AccUnit": UNIT, "AccAmount": "12.50"}
    answer = {"Total": "1"} | lines([good])
    assert booking_messages.read(answer, "0000") == AnswerPage((UnitBooking(codes.OUTPATIENT, 1, UNIT, 1250, DAY),), 1)
    with pytest.raises(EnvelopeError):
        booking_messages.read({"Total": "1"} | lines([good | line]), "0000")
