"""A site's own paper codes, widths and places come back as it sent them; invalidPaper may reverse the bill."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.support import codes
from tests.support.his import Answer, His, account_of, at, day, outpatient

PLACE = {"placeCode": "01"}


def paper(his: His, method: str, code: str, **changes: str) -> Answer:
    """A call that names a sheet."""
    values = PLACE | {
        "pBillBatchCode": code,
        "busDateTime": at("093000"),
        "reason": "退费",
        "author": "甲",
        "operator": "甲",
    }
    return his.call(method, values | changes)


def issue(his: His, serial: str, **changes: str) -> dict[str, str]:
    """A bill, as its HIS names it."""
    answer = his.call("invoiceEBillOutpatient", outpatient(serial, **changes))
    return {name: answer.payload[name] for name in ("billBatchCode", "billNo")}


@pytest.mark.parametrize(("code", "width"), [("4001", 8), ("151060117", 9), ("990621A", 10), (codes.PAPER, 8)])
def test_a_site_keeps_its_own_paper_codes(app: Flask, his: His, code: str, width: int) -> None:
    """From the next number over exchange and loss to the void, in every answer."""
    account_of(app, paper={code: f"990621:{width}"})
    following = paper(his, "getPaperBillNo", code).payload
    assert following["pBillBatchCode"] == code and len(following["pBillNo"]) == width
    bill, number = issue(his, "OWN-1"), following["pBillNo"]
    for _ in range(2):
        assert paper(his, "turnPaper", code, pBillNo=number, **bill).ok, "and again after a lost answer"
    state = his.call("getEBillStatesByBillInfo", bill).payload
    assert (state["pBillBatchCode"], state["pBillNo"]) == (code, number)
    [row] = his.call("getBillByBusDate", {"busBgnDate": day(), "busEndDate": day(), "dataType": "3"}).payload[
        "billList"
    ]
    assert (row["pBillBatchCode"], row["pBillNo"]) == (code, number)
    blank = f"{int(number) + 1:0{width}d}"
    for _ in range(2):
        assert paper(his, "invalidBlankBillNo", code, pBillNoStart=blank, pBillNoEnd=blank).ok
    again = f"{int(number) + 2:0{width}d}"
    assert paper(his, "getPaperBillNo", code).payload["pBillNo"] == again
    assert paper(his, "reTurnPaper", code, pBillNo=again, **bill).ok
    assert paper(his, "invalidPaper", code, pBillNo=again).message == "{}"
    assert paper(his, "invalidPaper", code, pBillNo=again).result == "E4011"
    kinds = his.call("getValidBillBatchCode", PLACE).payload["billCodeList"]
    assert {"billBatchCode": code} in [one for kind in kinds for one in kind["billBatchCodeList"]]
    stock = his.call("getValidBillNo", PLACE | {"billBatchCode": code}).payload
    assert [(one["billBatchCode"], len(one["billBgnNo"])) for one in stock["billNoList"]] == [(code, width)]
    assert (
        int(stock["count"]) == int(stock["billNoList"][0]["billEndNo"]) - int(stock["billNoList"][0]["billBgnNo"]) + 1
    )


def test_places_come_back_as_they_were_sent(app: Flask, his: His) -> None:
    """Several codes of the HIS, one a cashier, are one of our points."""
    account_of(app, place={"GH01": "01", "GH02": "01"})
    sent = ["GH02", "001", "01"]
    for place in sent:
        issue(his, f"PLACE-{place}", placeCode=place)
    for asked in ("", "GH01"):
        question = {"busBgnDate": day(), "busEndDate": f"{day()}235959", "placeCode": asked}
        rows = his.call("getBillByBusDate", question).payload["billList"]
        assert [row["placeCode"] for row in rows] == sent


def test_without_a_kind_all_rows_come(his: His) -> None:
    """Red ones and those on paper beside the others; times may be written with separators."""
    bill = issue(his, "ALL-1")
    issue(his, "ALL-2")
    order = {"reason": "退费", "operator": "甲", "busDateTime": at("100000"), "placeCode": "01"}
    assert his.call("writeOffEBill", bill | order).ok
    date = f"{day()[:4]}-{day()[4:6]}-{day()[6:]}"
    question = PLACE | {"busBgnDate": f"{date} 00:00:00", "busEndDate": f"{date} 23:59:59"}
    rows = his.call("getBillByBusDate", question).payload["billList"]
    assert sorted(row["busNo"] for row in rows) == ["ALL-1", "ALL-1", "ALL-2"]


def test_the_sums_of_all_pages_are_those_of_the_query(his: His) -> None:
    """A HIS that asks one busType after the other and adds up counts each red bill once."""
    order = {"reason": "退费", "operator": "甲", "busDateTime": at("100000"), "placeCode": "01"}
    assert his.call("writeOffEBill", issue(his, "SUM-1") | order).ok
    asked = {"busDate": day(), "pageNo": 1, "pageSize": 10, "placeCode": "01"}
    counts = [his.call("checkWriteOffData", asked | {"busType": code}).payload for code in ("01", "02", "06", "07")]
    assert [one["allTotalNum"] for one in counts] == [one["copyNum"] for one in counts] == [0, 1, 0, 0]
    assert [one["allTotalAmt"] for one in counts] == ["0.00", "128.50", "0.00", "0.00"]


def test_a_void_may_reverse_the_bill(app: Flask, his: His) -> None:
    """Only where the account says so; both or neither, and the same answer again."""
    bill = issue(his, "VOID-1")
    number = paper(his, "getPaperBillNo", codes.PAPER).payload["pBillNo"]
    assert paper(his, "turnPaper", codes.PAPER, pBillNo=number, **bill).ok
    account_of(app, {"void_reverses": "yes"})
    refused = paper(his, "invalidPaper", codes.PAPER, pBillNo=number, placeCode="77")
    assert refused.result == "E2003"
    assert his.call("getEBillStatesByBillInfo", bill).payload["isPrtPaper"] == "1", "the sheet is still in force"
    done = paper(his, "invalidPaper", codes.PAPER, pBillNo=number)
    assert done.ok and done == paper(his, "invalidPaper", codes.PAPER, pBillNo=number)
    state = his.call("getEBillStatesByBillInfo", bill).payload
    assert (state["isScarlet"], state["isPrtPaper"]) == ("1", "0")
    red = done.payload
    assert (red["eScarletBillBatchCode"], red["eScarletBillNo"]) == (
        state["scarletBillBatchCode"],
        state["scarletBillNo"],
    )
