"""A signed text is for the method it was first sent to: what was captured on the way does nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from portal.access.his import bound_calls
from portal.core.clock import now
from portal.models.tables import HIS_CALL
from tests.support.his import Answer, His, at, encode, outpatient
from tests.support.vouchers import paid_in, taking


def sent(his: His, method: str, members: dict[str, str]) -> Answer:
    """These outer members as they are."""
    return his.raw(method, json.dumps(members).encode())


def spelled(members: dict[str, str]) -> dict[str, str]:
    """The same signed text in another spelling that the signature allows."""
    return members | {"data": members["data"] + "\r\n", "sign": members["sign"].lower()}


@pytest.mark.parametrize("spelling", [dict, spelled])
def test_a_captured_refund_does_not_take_back_the_deposit(his: His, spelling: Any) -> None:
    """Whichever of both comes first; the same call again stays the same answer."""
    voucher = paid_in(his, "BOUND-1", "100.00")
    refund = encode(taking(voucher, "30.00"))
    first = sent(his, "writeOffPayMentVoucher", refund)
    assert first.ok, first
    assert sent(his, "cancelPayMentVoucherBalance", spelling(refund)).result == "E1007"
    assert sent(his, "writeOffPayMentVoucher", spelling(refund)) == first


def test_a_captured_question_answers_nothing_else(his: His) -> None:
    """A state holds no personal data, a detail does; with a signature of its own it is answered."""
    bill = his.call("invoiceEBillOutpatient", outpatient("BOUND-2")).payload
    named = {name: bill[name] for name in ("billBatchCode", "billNo", "random")}
    question = encode(named)
    assert sent(his, "getEBillStatesByBillInfo", question).ok
    assert sent(his, "getBillDetail", question).result == "E1007"
    assert sent(his, "getEBillStatesByBillInfo", question).ok
    assert his.call("getBillDetail", named).ok


def test_two_names_of_one_method_are_one(his: His) -> None:
    """noticeEBill and sendNotice."""
    bill = his.call("invoiceEBillOutpatient", outpatient("BOUND-3")).payload
    order = encode(
        {name: bill[name] for name in ("billBatchCode", "billNo")} | {"noticeList": [{"noticeType": "1201"}]}
    )
    assert sent(his, "noticeEBill", order).result == sent(his, "sendNotice", order).result != "E1007"


def test_what_is_over_is_forgotten(app: Flask, his: His) -> None:
    """Questions after a day, acts after a year."""
    order = {"reason": "退费", "operator": "甲", "busDateTime": at("100000"), "placeCode": "01"}
    assert his.call("writeOffEBill", order | {"billBatchCode": "1", "billNo": "1"}).result == "E4001"
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        bound_calls.clean(connection)
        assert connection.execute(HIS_CALL.select()).all()
        connection.execute(HIS_CALL.update().values(expires_at=now()))
        bound_calls.clean(connection)
        assert not connection.execute(HIS_CALL.select()).all()
