"""Reconciliation by the HIS: counts are counts and sums are sums, by day, place and busType."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.his import DAY, His, at, day, outpatient
from tests.support.vouchers import paid_in, settlement, taking

THAT_DAY = {"busDate": day(), "placeCode": ""}


def bill(his: His, serial: str, amount: str, **changes: Any) -> dict[str, Any]:
    """A bill of one charge line; no two sums of this test equal any count."""
    row = {"sortNo": 1, "chargeCode": "0101", "chargeName": "诊查费", "std": amount, "number": 1, "amt": amount}
    one = {"totalAmt": amount, "chargeDetail": [row], "listDetail": [], "fundPay": 0, "selfCashPay": amount}
    one["payChannelDetail"] = [{"payChannelCode": "02", "payChannelValue": amount}]
    answer = his.call("invoiceEBillOutpatient", outpatient(serial, **(one | changes)))
    assert answer.ok, answer.message
    return answer.payload


def red(his: His, issued: dict[str, Any], at: str) -> None:
    pair = {name: issued[name] for name in ("billBatchCode", "billNo")}
    order = {"reason": "退费", "operator": "甲", "busDateTime": at, "placeCode": "01"}
    answer = his.call("writeOffEBill", pair | order)
    assert answer.ok, answer.message


@pytest.fixture
def made(his: His) -> dict[str, dict[str, Any]]:
    """Three bills at two places of one day, one of another day, one reversed on the next."""
    bills = {
        "A": bill(his, "A", "11.10"),
        "B": bill(his, "B", "22.20", busType="03"),
        "C": bill(his, "C", "33.30", placeCode="02"),
        "D": bill(his, "D", "44.40", busDateTime=at("080000", 1)),
    }
    red(his, bills["A"], at("090000", 1))
    return bills


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("asked", "count", "amount", "all_count", "all_amount"),
    [
        ({}, 3, "66.60", 3, "66.60"),
        ({"placeCode": "001"}, 2, "33.30", 2, "33.30"),
        ({"placeCode": "001", "busType": "03"}, 1, "22.20", 1, "22.20"),
        ({"busDate": f"{DAY + timedelta(days=1)}"}, 1, "44.40", 1, "44.40"),
        ({"busDate": f"{day(1)}235959999"}, 1, "44.40", 1, "44.40"),
        ({"busDate": day(2)}, 0, "0.00", 0, "0.00"),
    ],
)
def test_counts_are_counts_and_sums_are_sums(
    his: His, asked: dict[str, str], count: int, amount: str, all_count: int, all_amount: str
) -> None:
    answer = his.call("checkTotalData", THAT_DAY | asked).payload
    assert (answer["copyNum"], answer["totalNum"], answer["totalAmt"]) == (count, count, amount)
    assert (answer["allTotalNum"], answer["allTotalAmt"]) == (all_count, all_amount)
    assert answer["billNoList"] == []


@pytest.mark.usefixtures("made")
def test_red_bills_count_on_their_own_day_with_what_was_given_back(his: His) -> None:
    none = his.call("checkWriteOffData", THAT_DAY).payload
    assert (none["copyNum"], none["totalAmt"]) == (0, "0.00")
    one = his.call("checkWriteOffData", THAT_DAY | {"busDate": day(1), "isReturnList": "1"}).payload
    assert (one["copyNum"], one["totalAmt"]) == (1, "11.10")
    assert [(row["busNo"], row["totalAmt"]) for row in one["billNoList"]] == [("A", "11.10")]


def test_rows_are_matched_by_serial_and_paged(his: His, made: dict[str, dict[str, Any]]) -> None:
    paper = his.call("getValidBillBatchCode", {"placeCode": "01"}).payload["billCodeList"]
    code = next(row["billBatchCodeList"][0]["billBatchCode"] for row in paper if row["billCode"] == "990621")
    number = his.call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": code}).payload["pBillNo"]
    sheet = {"pBillBatchCode": code, "pBillNo": number, "placeCode": "01", "operator": "甲"}
    pair = {name: made["B"][name] for name in ("billBatchCode", "billNo")}
    assert his.call("turnPaper", pair | sheet | {"busDateTime": at("100000")}).ok

    def rows(kind: str, **more: Any) -> list[dict[str, Any]]:
        asked = {"busBgnDate": day(), "busEndDate": at("235959", 1), "placeCode": "", "dataType": kind}
        answer = his.call("getBillByBusDate", asked | more).payload
        assert answer["total"] == len(answer["billList"])
        return answer["billList"]

    assert [row["busNo"] for row in rows("1")] == ["A", "C", "D"]
    assert [(row["busNo"], row["pBillNo"]) for row in rows("3")] == [("B", number)]
    assert [row["busNo"] for row in rows("2")] == ["A"] and rows("4") == []
    pages = [[row["busNo"] for row in rows("1", pageNo=page, pageSize="2")] for page in (1, 2, 3)]
    assert pages == [["A", "C"], ["D"], []]
    first = rows("1")[0]
    assert first["billNo"] == made["A"]["billNo"] and first["random"] == made["A"]["random"]
    assert len(first["ivcDateTime"]) == 17 and first["placeCode"] == "01"
    assert his.call("getBillByBusDate", {"busBgnDate": "1", "busEndDate": "", "dataType": "5"}).result == "E2001"


def test_prepayments_are_counted_by_their_own_marks(his: His, app: Flask) -> None:
    one = paid_in(his, "YJ1", "100.00")
    paid_in(his, "YJ2", "50.05")
    assert his.call("writeOffPayMentVoucher", taking(one, "30.30")).ok
    assert his.call("invEBillHospitalized", settlement("ZY1", (one, 10))).ok
    total = his.call("checkTotalData", THAT_DAY | {"busType": "07"}).payload
    assert (total["copyNum"], total["totalAmt"], total["allTotalNum"]) == (2, "150.05", 2)
    back = his.call("checkWriteOffData", THAT_DAY | {"busDate": day(1), "busType": "7"}).payload
    assert (back["copyNum"], back["totalAmt"]) == (1, "30.30")
    assert his.call("checkTotalData", THAT_DAY | {"busType": "77"}).result == "E2004"
