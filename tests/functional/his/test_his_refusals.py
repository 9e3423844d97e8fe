"""Every refused push is kept without personal data, found by its serial, and worded for the vendor."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from portal.access.his import refusals
from portal.models.tables import HIS_REFUSAL
from tests.support.console import Console
from tests.support.his import Answer, His, at, encode, outpatient

ISSUE, LIST = "invoiceEBillOutpatient", "/console/billing/refused-pushes"


def kept(app: Flask) -> list[Any]:
    """The rows, the latest first."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.execute(HIS_REFUSAL.select().order_by(HIS_REFUSAL.c.id.desc())))


def test_why_there_is_no_bill(app: Flask, his: His) -> None:
    """The window finds the serial, the rule and a text; after the correction the serial has its bill."""
    for _ in range(2):
        assert his.call(ISSUE, outpatient("NONE-1", placeCode="88")).result == "E2003"
    assert his.call(ISSUE, outpatient("NONE-2", payer="林\ufffd安", tel="x" * 30)).result == "E2001"
    person = Console(app, "cashier")
    shown = person.get(f"{LIST}?serial=NONE-1").text
    assert "NONE-1" in shown and "E2003" in shown and "未开票" in shown and "NONE-2" not in shown
    box = next(one for one in person.forms(person.get("/console/home").text) if one.action.endswith("/search"))
    found = person.follow(person.client.post(box.action, data=box.values | {"q": "NONE-1"}))
    assert "发给 HIS 厂商的说明" in found and "业务流水号或票号：NONE-1" in found and "共 2 次" in found
    assert his.call(ISSUE, outpatient("NONE-1")).ok
    assert "已开票" in person.get(f"{LIST}?serial=NONE-1").text
    for row in kept(app):
        for personal in ("林", "安", "10000000001", "000000195203150010"):
            assert personal not in str(tuple(row))


def test_what_is_known_by_its_number(app: Flask, his: His) -> None:
    """Acts on bills and sheets name them; questions, wrong keys and what cannot be read are told apart."""
    order = {"reason": "退费", "operator": "甲", "busDateTime": at("100000"), "placeCode": "01"}
    his.call("writeOffEBill", order | {"billBatchCode": "99060126", "billNo": "0000000001"})
    his.call("invalidPaper", order | {"pBillBatchCode": "99062126", "pBillNo": 7, "author": "甲"})
    his.call(ISSUE, ["no object"])
    assert [(row.serial, row.result) for row in kept(app)] == [
        ("", "E1001"),
        ("99062126 7", "E4012"),
        ("99060126 0000000001", "E4001"),
    ]
    his.call("getEBillByBusNo", {"busNo": "NONE"})
    assert app.test_client().post(f"/medical-web/api/medical/{ISSUE}", json=encode({}, key="wrong")).status_code == 200
    assert len(kept(app)) == 3


def test_a_refusal_that_cannot_be_kept_is_answered(his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note is for people; the HIS gets its answer whatever becomes of it."""

    def fail(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(refusals, "keep", fail)
    answer: Answer = his.call(ISSUE, outpatient("NONE-3", placeCode="88"))
    assert answer.result == "E2003"


def test_refusals_of_another_unit_are_not_found(app: Flask, his: His) -> None:
    """Nor any that does not exist."""
    his.call(ISSUE, outpatient("NONE-4", placeCode="88"))
    [row] = kept(app)
    person = Console(app, "cashier")
    person.get(f"{LIST}/{row.id}")
    person.get(f"{LIST}/{row.id + 1}", 404)
