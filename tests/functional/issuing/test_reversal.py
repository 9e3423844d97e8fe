"""Red bills: one whole reversal, its guards in order, its upload after the original's."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update
from sqlalchemy.exc import DBAPIError

from portal.access import parameters
from portal.core.clock import now
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import verify_detached
from portal.core.database import Database
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.bills import BillState, ReversalReason
from portal.issuing.bills.reverse import Order, reverse
from portal.ledger import bills
from portal.models import (
    AuditEntry,
    Bill,
    BillDetail,
    BillItem,
    BillPayment,
    Booking,
    HisAccount,
    NumberRange,
    OutboxTask,
    PartyKey,
    Reversal,
)
from portal.rendering import xml
from tests.support import ledger
from tests.support.his import Answer, His, outpatient

BILL: Table = Bill.__table__
STAFF = Actor("staff:chen", "陈复核", 1)


def red_flush(his: His, bill: dict, **changes: str) -> Answer:
    """writeOffEBill of an issue answer."""
    return his.call(
        "writeOffEBill",
        {
            "billBatchCode": bill["billBatchCode"],
            "billNo": bill["billNo"],
            "reason": "退费",
            "operator": "收费员甲",
            "busDateTime": "20261124093000123",
            "placeCode": "02",
        }
        | changes,
    )


def issued(his: His, serial: str = "R1", **changes: object) -> dict:
    """A bill, as its HIS knows it."""
    return his.call("invoiceEBillOutpatient", outpatient(serial, **changes)).payload


def rows(app: Flask) -> tuple:
    """The original and its red bill."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return tuple(connection.execute(select(BILL).order_by(BILL.c.id)))


def test_the_red_bill_mirrors_its_original(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    answer = red_flush(his, bill)
    assert answer.ok, answer.message
    assert set(answer.payload) == {
        "eScarletBillBatchCode",
        "eScarletBillNo",
        "eScarletRandom",
        "createTime",
        "billQRCode",
        "pictureUrl",
        "pictureNetUrl",
        "billBusDate",
    }
    assert answer.payload["billBusDate"] == "20261124093000123"
    original, red = rows(app)
    assert (original.state, red.state, red.red_of_id) == ("reversed", "issued", original.id)
    assert f"{red.number:010d}" == answer.payload["eScarletBillNo"]
    assert red.total_fen == -original.total_fen == -12850
    assert red.fund_fen == -original.fund_fen and red.own_cash_fen == -original.own_cash_fen
    with services.database.read() as connection:
        assert ledger.check(connection) == 2
        for model, columns in (
            (BillItem, ("amount_fen", "quantity_micro")),
            (BillDetail, ("amount_micro", "quantity_micro", "self_micro")),
            (BillPayment, ("amount_fen",)),
        ):
            of = [
                [
                    tuple(row)
                    for row in connection.execute(
                        select(*(getattr(model, name) for name in columns))
                        .where(model.bill_id == bill_id)
                        .order_by(model.line)
                    )
                ]
                for bill_id in (original.id, red.id)
            ]
            assert of[1] == [tuple(None if value is None else -value for value in row) for row in of[0]]
            assert of[0]
        prices = connection.scalars(select(BillItem.price_micro).where(BillItem.bill_id == red.id)).all()
        assert 20_000_000 in prices, "a price has no sign to turn"
        assert bills.payer_name(services, connection, red.id) == "林演安"
        keys = [
            set(connection.scalars(select(PartyKey.digest).where(PartyKey.bill_id == bill_id)))
            for bill_id in (original.id, red.id)
        ]
        assert keys[0] == keys[1] and keys[0]
        told = connection.execute(select(Reversal.__table__)).one()
    assert (told.bill_id, told.red_id, told.kind, told.reason, told.operator) == (
        original.id,
        red.id,
        "refund",
        "退费",
        "收费员甲",
    )


def test_its_document_is_signed_and_names_the_original(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    red_flush(his, bill)
    original, red = rows(app)
    parts = xml.split(bills.document_xml(services, red.id))
    root = load_certificate(services.settings.data_dir / "keys" / "ca.crt")
    assert verify_detached(parts.unit.value, parts.signed, [root]).serial_hex == services.signer.serial_hex
    document = xml.read(parts.signed)
    assert (document.ext.related_code, document.ext.related_number) == (bill["billBatchCode"], bill["billNo"])
    assert document.total_fen == sum(item.amount_fen for item in document.items) == -12850
    assert sum(row.amount_micro for row in document.aux_items) == -128_500_000
    assert document.ext.fund_pay_fen == -8000
    assert bill["billNo"] in document.remark and "退费" in document.remark
    assert document.serial == f"CH-{bill['billBatchCode']}-{bill['billNo']}" == red.serial
    before = xml.read(xml.split(bills.document_xml(services, original.id)).signed)
    assert before.total_fen == 12850, "the original's bytes are what they were"


def test_the_second_call_is_told_that_it_is_done(his: His, app: Flask) -> None:
    bill = issued(his)
    first = red_flush(his, bill).payload
    again = red_flush(his, bill)
    assert not again.ok
    assert "已冲销，不能冲销开票" in again.message
    assert first["eScarletBillNo"] in again.message
    assert len(rows(app)) == 2
    states = his.call("getEBillStatesByBillInfo", bill).payload
    assert (states["isScarlet"], states["scarletBillNo"]) == ("1", first["eScarletBillNo"])
    assert states["scarletRandom"] == first["eScarletRandom"]
    assert states["scarletBillQRCode"] == first["billQRCode"]


def test_a_red_bill_is_not_reversed(his: His, app: Flask) -> None:
    red = red_flush(his, issued(his)).payload
    answer = red_flush(his, {"billBatchCode": red["eScarletBillBatchCode"], "billNo": red["eScarletBillNo"]})
    assert answer.result == "E4006" and "红票" in answer.message
    assert len(rows(app)) == 2


def test_a_booked_bill_stays(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    assert his.call("getEBillAccountStatus", bill).payload == {"state": "0"}
    with services.database.write() as connection:
        booking = {"booked_by": "阳江示例五金厂", "amount_fen": 100, "voucher_no": "", "booked_at": now()}
        connection.execute(insert(Booking), booking | {"bill_id": rows(app)[0].id, "recorded_at": now()})
    assert his.call("getEBillAccountStatus", bill).payload == {"state": "1"}
    answer = red_flush(his, bill)
    assert answer.result == "E4005" and "已入账" in answer.message and "撤销入账" in answer.message
    assert [row.state for row in rows(app)] == ["issued"]


def test_a_reversed_serial_is_never_used_again(his: His, app: Flask) -> None:
    bill = issued(his, "USED")
    red_flush(his, bill)
    for settlement in (outpatient("USED"), outpatient("USED", payer="陈样英")):
        answer = his.call("invoiceEBillOutpatient", settlement)
        assert answer.result == "E2006" and "新的业务流水号" in answer.message
    assert issued(his, "USED-2")["billNo"] != bill["billNo"]
    assert len(rows(app)) == 3


@pytest.mark.parametrize("member", ["reason", "operator", "placeCode", "busDateTime", "billNo"])
def test_nothing_is_optional(his: His, app: Flask, member: str) -> None:
    answer = red_flush(his, issued(his), **{member: ""})
    assert answer.result == "E2001" and member in answer.message
    assert len(rows(app)) == 1


def test_where_the_number_comes_from(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    assert red_flush(his, bill, placeCode="77").result == "E2003"
    with services.database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first))
    assert red_flush(his, bill, placeCode="02").ok
    other = issued(his, "R2", placeCode="03")
    refused = red_flush(his, other, placeCode="02")
    assert refused.result == "E3001" and "开票点 02" in refused.message
    assert [row.state for row in rows(app)] == ["reversed", "issued", "issued"]
    with services.database.read() as connection:
        assert ledger.check(connection) == 3


def test_large_amounts_need_a_second_person(his: His, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    issued(his)
    [bill] = rows(app)
    order = Order(bill.id, "01", ReversalReason.MISTAKE, "", limit_fen=12850)
    with pytest.raises(Refusal) as refused:
        reverse(services, STAFF, order)
    assert refused.value.code == "REVERSAL_NEEDS_APPROVAL" and "128.50" in refused.value.why
    red = reverse(services, STAFF, Order(bill.id, "01", ReversalReason.MISTAKE, "", limit_fen=12850, approver="赵主管"))
    with services.database.read() as connection:
        told = connection.execute(select(Reversal.__table__)).one()
        document = xml.read(bills.stored_document(services, connection, red.bill_id).signed)
    assert (told.reason, told.approver, document.checker) == ("信息错误", "赵主管", "赵主管")


def test_an_account_may_be_held_to_four_eyes(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    with services.database.write() as connection:
        connection.execute(update(HisAccount).values(policies={"large_reversal": "refuse"}))
        lead = Actor("staff:lead", "张某", 1)
        parameters.change(connection, "reversal.large-fen", "100", lead)
    # The accounts that the process remembers are seconds old.
    app.extensions["qupiao"].his_accounts.__init__(services.database, services.cipher)
    answer = red_flush(his, bill)
    assert answer.result == "E4007" and "128.50" in answer.message
    assert len(rows(app)) == 1


def test_other_needs_words_and_another_unit_sees_nothing(his: His, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    issued(his)
    [bill] = rows(app)
    with pytest.raises(Refusal, match="冲红原因"):
        reverse(services, STAFF, Order(bill.id, "01", ReversalReason.OTHER, "  "))
    with pytest.raises(Refusal, match="未查询到票据"):
        reverse(services, Actor("staff:li", "李", 2), Order(bill.id, "01", ReversalReason.REFUND, ""))


@pytest.mark.parametrize("state", [BillState.ISSUED, BillState.UPLOADED, BillState.REFUSED])
def test_finance_need_not_be_there(his: His, app: Flask, state: BillState) -> None:
    bill = issued(his)
    if state is not BillState.ISSUED:
        with app.extensions["qupiao"].services.database.write() as connection:
            connection.execute(update(BILL).values(state=state.value))
    assert red_flush(his, bill).ok
    assert rows(app)[0].state == "reversed"


def insert_numbered(database: Database, row: dict, point: Any) -> None:
    """A bill with the range's next number, past every service."""
    with database.write() as connection:
        connection.execute(update(NumberRange).where(NumberRange.id == point.id).values(next=point.next + 1))
        connection.execute(insert(BILL), row | {"number": point.next})


def test_the_database_keeps_the_rules_too(his: His, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    bill = issued(his)
    [original] = rows(app)
    with pytest.raises(DBAPIError), services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.id == original.id).values(state="reversed"))
    red_flush(his, bill)
    original, red = rows(app)
    with services.database.read() as connection:
        point = connection.execute(select(NumberRange).where(NumberRange.id == red.range_id)).one()
    forged = dict(red._mapping) | {"id": red.id + 1, "serial": "X", "check_code": "x", "link_digest": b"x" * 32}
    cases = (
        {"red_of_id": red.id, "total_fen": 0},  # red of a red one
        {"red_of_id": original.id},  # a second red one
    )
    for case in cases:
        with pytest.raises(DBAPIError):
            insert_numbered(services.database, forged | case, point)
    for change in (
        update(BILL).where(BILL.c.id == original.id).values(state="supervised"),
        update(Reversal).values(reason="x"),
        Reversal.__table__.delete(),
    ):
        with pytest.raises(DBAPIError), services.database.write() as connection:
            connection.execute(change)
    with services.database.read() as connection:
        assert ledger.check(connection) == 2


def test_a_refusal_leaves_nothing_behind(his: His, app: Flask) -> None:
    services, bill = app.extensions["qupiao"].services, issued(his)
    with services.database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first))
    assert red_flush(his, bill, placeCode="01").result == "E3001"
    with services.database.read() as connection:
        assert ledger.check(connection) == 1
        assert connection.scalars(select(AuditEntry.id).where(AuditEntry.action == "bill.reversed")).all() == []
        assert len(connection.scalars(select(OutboxTask.id)).all()) == 2, "those of the bill's own issue"
