"""Paper by the HIS interface and its rules in the service."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update
from sqlalchemy.exc import DBAPIError

from portal.core.clock import now
from portal.core.database import Database
from portal.core.ids import new_id
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet
from portal.issuing.paper import exchange
from portal.issuing.paper.exchange import Ending, Exchange
from portal.models import AuditEntry, Bill, NumberRange, PaperBill, StockMovement
from portal.stock.ranges import take_number
from tests.support import codes
from tests.support.his import His, at
from tests.support.pictures import photo
from tests.support.window import CODE, Window, shift

BILL: Table = Bill.__table__
PAPER: Table = PaperBill.__table__
STAFF = Actor("staff:chen", "收费员甲", 1)


@pytest.fixture
def window(his: His) -> Window:
    """The first window."""
    return Window(his)


def sheets(app: Flask) -> list[Any]:
    """All sheets, oldest first."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.execute(select(PAPER).order_by(PAPER.c.number)))


def test_exchange_jam_refund(window: Window, app: Flask) -> None:
    """Stories 2 and 3 as a HIS plays them: exchange, a jam, a refund on an exchanged bill."""
    bill, first = window.issue("P1"), window.next()
    assert window.state(bill) == ("0", "")
    answer = window.turn(bill, first)
    assert (answer.ok, answer.message) == (True, "操作成功")
    assert window.state(bill) == ("1", first)
    second = window.next()
    assert second == shift(first, 1), "the number moves on with the exchange"
    assert window.turn(bill, second, "reTurnPaper").message == "操作成功"
    assert window.state(bill) == ("1", second)
    refused = window.red(bill)
    assert refused.result == "E4004" and second in refused.message and "先收回纸质票据并作废" in refused.message
    voided = window.invalidate(second)
    assert (voided.ok, voided.message) == (True, "{}")
    assert window.state(bill) == ("0", "")
    assert window.red(bill).ok
    assert [(row.state, row.operator) for row in sheets(app)] == [("recovered", "收费员甲")] * 2
    with app.extensions["qupiao"].services.database.read() as connection:
        acts = connection.scalars(
            select(AuditEntry.action).where(AuditEntry.action.like("paper.%")).order_by(AuditEntry.id)
        ).all()
    assert sorted(acts) == ["paper.ended", "paper.ended", "paper.exchanged", "paper.re_exchanged"]


def test_after_voiding_it_may_be_exchanged_again(window: Window, app: Flask) -> None:
    bill, first = window.issue("P1"), window.next()
    window.turn(bill, first)
    window.invalidate(first)
    assert window.turn(bill, window.next()).ok
    assert [row.state for row in sheets(app)] == ["recovered", "valid"]


def test_repeating_is_safe_and_another_sheet_is_refused(window: Window, app: Flask) -> None:
    bill, other, first = window.issue("P1"), window.issue("P2"), window.next()
    for _ in range(3):
        assert window.turn(bill, first.lstrip("0")).ok, "leading zeros do not matter"
    refused = window.turn(bill, window.next())
    assert refused.result == "E4009" and first in refused.message and "重新换开" in refused.message
    taken = window.turn(other, first)
    assert taken.result == "E4013"
    second = window.next()
    for _ in range(2):
        assert window.turn(bill, second, "reTurnPaper").ok
    again = window.turn(bill, first, "reTurnPaper")
    assert again.result == "E4011" and "已收回作废" in again.message
    assert window.turn(other, second, "reTurnPaper").result == "E4010"
    assert window.invalidate(second).ok
    twice = window.invalidate(second)
    assert twice.result == "E4011" and not twice.ok
    assert window.invalidate("0000999999").result == "E4012"
    assert len(sheets(app)) == 2


def test_only_the_next_sheet_and_blank_losses(window: Window, app: Flask) -> None:
    bill, first = window.issue("P1"), window.next()
    further = shift(first, 3)
    refused = window.turn(bill, further)
    assert refused.result == "E3002" and first in refused.message
    for _ in range(2):
        assert window.lose(first, shift(first, 2)).message == "操作成功"
    assert window.next() == further
    assert window.turn(bill, further).ok
    assert window.lose(further, further).result == "E3003"
    assert window.lose(shift(further, 5), shift(further, 2)).result == "E2001"
    with app.extensions["qupiao"].services.database.read() as connection:
        lost = connection.execute(
            select(StockMovement.first, StockMovement.last).where(StockMovement.kind == "blank_loss")
        ).all()
    assert [tuple(row) for row in lost] == [(int(first), int(first) + 2)]


def test_stock_of_a_place(window: Window, his: His, app: Flask) -> None:
    found = his.call("getValidBillBatchCode", {"placeCode": "001"}).payload["billCodeList"]
    assert {row["billCode"]: row["billBatchCodeList"] for row in found}["990621"][0] == {"billBatchCode": CODE}
    assert not any(row["billCode"] in ("990601", "990602") for row in found), "paper only"
    answer = his.call("getValidBillNo", {"placeCode": "01", "billBatchCode": CODE}).payload
    [row] = [row for row in answer["billNoList"] if row["billBatchCode"] == CODE]
    left = sum(int(row["billEndNo"]) - int(row["billBgnNo"]) + 1 for row in answer["billNoList"])
    assert answer["count"] == str(left) and row["billBgnNo"] == window.next()
    assert his.call("getValidBillNo", {"placeCode": "01", "billCode": "990621"}).payload["billNoList"]
    none = his.call("getPaperBillNo", {"placeCode": "09", "pBillBatchCode": CODE})
    assert none.result == "E3004" and "无可用票据" in none.message
    assert his.call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": "9906"}).result == "E3004", "no kind"
    assert his.call("getPaperBillNo", {"placeCode": "77", "pBillBatchCode": CODE}).result == "E2003"
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(NumberRange).where(NumberRange.bill_code == CODE).values(last=NumberRange.first))
    assert window.turn(window.issue("P1"), window.next()).ok
    assert "无可用票据" in his.call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": CODE}).message


def test_a_bill_goes_onto_its_own_form(window: Window, his: His) -> None:
    bill = window.issue("P1")
    inpatient = his.call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": codes.INPATIENT_PAPER}).payload
    refused = window.turn(bill, inpatient["pBillNo"], pBillBatchCode=codes.INPATIENT_PAPER)
    assert refused.result == "E3005" and "990621" in refused.message


def test_red_and_reversed_bills_have_no_paper(window: Window) -> None:
    bill = window.issue("P1")
    red = window.red(bill).payload
    answer = window.turn(bill, window.next())
    assert answer.result == "E4008" and "已冲红" in answer.message
    answer = window.turn({"billBatchCode": red["eScarletBillBatchCode"], "billNo": red["eScarletBillNo"]}, "100001")
    assert answer.result == "E4008" and "红票" in answer.message


def wanted(**changes: Any) -> dict[str, Any]:
    """A getEBillUnPrintList request."""
    return {
        "busBgnDate": at("000000"),
        "busEndDate": at("235959"),
        "cardType": "1101",
        "cardNo": "000000195203150010",
        "pageNo": 1,
        "pageSize": "9",
    } | changes


def test_unprinted_list(window: Window, his: His) -> None:
    bills = [window.issue(f"P{count}") for count in range(5)]
    window.issue("X", cardNo="000000194809060023", payer="陈样英", tel="", patientId="PT-7")
    window.turn(bills[0], window.next())
    window.red(bills[1])
    answer = his.call("getEBillUnPrintList", wanted()).payload
    assert (answer["total"], answer["pageNo"], len(answer["billList"])) == (3, 1, 3)
    assert {row["billNo"] for row in answer["billList"]} == {bill["billNo"] for bill in bills[2:]}
    row = answer["billList"][0]
    assert set(row) == {
        "busDate",
        "busNo",
        "billName",
        "billBatchCode",
        "billNo",
        "random",
        "totalAmt",
        "ivcDateTime",
        "payer",
        "remark",
        "sex",
        "idCardNo",
    }
    assert (row["payer"], row["totalAmt"], row["sex"]) == ("林演安", "128.50", "男")
    assert len(row["busDate"]) == len(row["ivcDateTime"]) == 17
    second = his.call("getEBillUnPrintList", wanted(pageNo="2", pageSize=2)).payload
    assert (second["total"], len(second["billList"])) == (3, 1)
    assert his.call("getEBillUnPrintList", wanted(cardNo="", patientId="PT-7")).payload["total"] == 1
    assert his.call("getEBillUnPrintList", wanted(busType="02")).payload["total"] == 3
    for changes in (
        {"cardNo": "9999"},
        {"busType": "03"},
        {"busBgnDate": at("000000", -9), "busEndDate": at("000000", -8)},
    ):
        none = his.call("getEBillUnPrintList", wanted(**changes))
        assert none.result == "E4014" and "未查询到" in none.message
    assert his.call("getEBillUnPrintList", wanted(cardNo="")).result == "E2001"
    assert his.call("getEBillUnPrintList", wanted(pageNo="0")).result == "E2001"


def test_the_first_exchange_of_a_shift_reads_the_sheet(window: Window, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    bills = [window.issue(f"P{count}") for count in range(3)]
    ids = {f"{row.number:010d}": row.id for row in rows(app)}
    first = int(window.next())

    def order(index: int, number: int, **more: Any) -> Exchange:
        return Exchange(ids[bills[index]["billNo"]], "01", Sheet(CODE, number), **more)

    with pytest.raises(Refusal, match="还没有核对过打印机中的纸质票号"):
        exchange.exchange(services, STAFF, order(0, first, confirmed=False))
    exchange.exchange(services, STAFF, order(0, first + 2, confirmed=True, skip=True))
    exchange.exchange(services, STAFF, order(1, first + 3, confirmed=False))
    with pytest.raises(Refusal, match="还没有核对过"):
        exchange.exchange(services, Actor("staff:li", "李", 1), order(2, first + 4, confirmed=False))
    with pytest.raises(Refusal, match="跳过的号码太多"):
        exchange.exchange(services, STAFF, order(2, first + 900, confirmed=True, skip=True))
    assert [row.number for row in sheets(app)] == [first + 2, first + 3]
    assert window.next() == f"{first + 4:010d}"


def rows(app: Flask) -> list[Any]:
    """All bills."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.execute(select(BILL).order_by(BILL.c.id)))


def test_a_lost_sheet_needs_statement_and_approval(window: Window, app: Flask) -> None:
    services, bill, number = app.extensions["qupiao"].services, window.issue("P1"), window.next()
    window.turn(bill, number)
    lost = Sheet(CODE, int(number))
    with pytest.raises(Refusal, match="遗失声明"):
        exchange.void(services, STAFF, Ending(lost, "退费", recovered=False))
    with pytest.raises(Refusal) as refused:
        exchange.void(services, STAFF, Ending(lost, "退费", recovered=False, statement="本人林演安遗失该票"))
    assert refused.value.code == "PAPER_LOST_NEEDS_APPROVAL"
    ending = Ending(lost, "退费", False, "本人林演安遗失该票", photo(), "赵主管")
    exchange.void(services, STAFF, ending)
    [sheet] = sheets(app)
    assert (sheet.state, sheet.approver) == ("void", "赵主管")
    assert "林演安".encode() not in sheet.statement
    opened = services.cipher.decrypt_text("paper_bill.statement", sheet.id, sheet.statement)
    assert opened == "本人林演安遗失该票"
    assert window.red(bill).ok


def test_prints_are_counted_and_only_valid_sheets_are_printed(window: Window, app: Flask) -> None:
    services, bill, number = app.extensions["qupiao"].services, window.issue("P1"), window.next()
    window.turn(bill, number)
    [sheet] = sheets(app)
    assert [exchange.printed(services, STAFF, sheet.id) for _ in range(3)] == [0, 1, 2]
    window.invalidate(number)
    with pytest.raises(Refusal, match="该纸质票据已作废"):
        exchange.printed(services, STAFF, sheet.id)


def taken_past_every_service(database: Database, sheet: Any) -> tuple[int, int]:
    """Take the next paper number of the sheet's point: range id and number."""
    with database.write() as connection:
        taken = take_number(connection, sheet.point_id, sheet.paper_code)
    assert taken is not None
    return taken


def test_the_database_keeps_the_rules_of_paper(window: Window, app: Flask) -> None:
    """One valid sheet a bill, one bill a number, numbers from the point's range, an end is an end."""
    database = app.extensions["qupiao"].services.database
    bill, number = window.issue("P1"), window.next()
    window.issue("P2")
    window.turn(bill, number)
    [sheet] = sheets(app)
    window.lose(shift(number, 1), shift(number, 1))
    other = next(row.id for row in rows(app) if row.id != sheet.bill_id)
    forged = dict(sheet._mapping)
    cases = (
        forged | {"id": new_id(), "number": sheet.number},  # the number again
        forged | {"id": new_id(), "bill_id": other},  # the number for another bill
        forged | {"id": new_id(), "number": sheet.number + 700},  # a number nobody took
    )
    for case in cases:
        with pytest.raises(DBAPIError), database.write() as connection:
            connection.execute(insert(PAPER), case)
    second = taken_past_every_service(database, sheet)
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(insert(PAPER), forged | {"id": new_id(), "number": second[1], "range_id": second[0]})
    for change in (
        update(PAPER).values(number=1),
        update(PAPER).values(bill_id=other),
        PAPER.delete(),
        update(PAPER).values(state="void"),  # without its time
    ):
        with pytest.raises(DBAPIError), database.write() as connection:
            connection.execute(change)
    window.invalidate(number)
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(update(PAPER).values(state="valid", ended_at=None))
    assert len(sheets(app)) == 1 and now() > sheets(app)[0].ended_at
