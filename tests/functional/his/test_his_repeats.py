"""A push sent again is the same bill: whatever the order of its rows, and by whatever rules the bill was kept."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.crypto.field_cipher import BlindIndex
from portal.domain.documents.settlement import Settlement
from portal.issuing.bills import content
from portal.models.tables import BILL, BILL_ITEM
from tests.support.his import His, outpatient

ISSUE = "invoiceEBillOutpatient"


def turned(values: dict[str, Any]) -> dict[str, Any]:
    """The same settlement with its rows the other way round, each with its own sortNo."""
    rows = ("chargeDetail", "listDetail", "payChannelDetail")
    return values | {name: list(reversed(values[name])) for name in rows}


def without_order(values: dict[str, Any]) -> dict[str, Any]:
    """Rows that say nothing of their order."""
    bare = [{key: row[key] for key in row if key != "sortNo"} for row in values["chargeDetail"]]
    return values | {"chargeDetail": bare}


@pytest.mark.parametrize("sent", [outpatient, lambda serial: without_order(outpatient(serial))])
def test_the_order_of_rows_is_no_content(his: His, sent: Any) -> None:
    """A repair job that selects without an order gets its answer."""
    first = his.call(ISSUE, sent("ROWS-1"))
    assert first.ok
    assert his.call(ISSUE, turned(sent("ROWS-1"))) == first
    doubled = sent("ROWS-1")
    doubled["listDetail"] = doubled["listDetail"] + doubled["listDetail"][:1]
    assert his.call(ISSUE, doubled).result == "E2005"


def as_kept_before(index: BlindIndex, settlement: Settlement, as_given: bool = False) -> dict[str, str]:
    """Digests as bills issued before this version have them: lines in their order, texts as they were sent."""
    found = real_digests(index, settlement, as_given=True)
    names = repr([(row.code, row.name + "\t", row.amount_fen) for row in settlement.charges])
    return found | {"charges": index.digest("content.charges", names).hex()[:16]}


real_digests = content.digests


@pytest.mark.parametrize("again", [lambda values: values, turned])
def test_a_bill_of_an_earlier_version_answers_again(his: His, monkeypatch: pytest.MonkeyPatch, again: Any) -> None:
    """Its digests fit no more, so the body that was kept is read by today's rules; other content stays refused."""
    with monkeypatch.context() as earlier:
        earlier.setattr(content, "digests", as_kept_before)
        first = his.call(ISSUE, outpatient("OLD-1"))
        assert first.ok
    assert his.call(ISSUE, again(outpatient("OLD-1"))) == first
    assert his.call(ISSUE, outpatient("OLD-1", payer="陈样英")).result == "E2005"
    assert his.call(ISSUE, outpatient("OLD-1", busType="03")).result == "E2005"
    cheaper = outpatient("OLD-1", fundPay=70, selfCashPay="58.5")
    assert his.call(ISSUE, cheaper).result == "E2005"


def test_the_face_stands_by_sort_number(app: Flask, his: His) -> None:
    """Rows sent the other way round are printed in their order."""
    answer = his.call(ISSUE, turned(outpatient("FACE-1"))).payload
    of_number = BILL.c.number == int(answer["billNo"])
    with app.extensions["qupiao"].services.database.read() as connection:
        names = select(BILL_ITEM.c.charge_name).join(BILL, BILL.c.id == BILL_ITEM.c.bill_id).where(of_number)
        assert connection.scalars(names.order_by(BILL_ITEM.c.line)).all() == ["诊查费", "西药费"]


def test_what_was_put_right_is_kept_with_the_bill(app: Flask, his: His) -> None:
    """The breaks, noise and decimals of the field make bills, with a warning where something was rounded."""
    rows = outpatient("x")["listDetail"]
    rows[0] |= {"name": "示例注射液\t(5%)", "specification": "250ml\r\n:12.5g"}
    odd = {"listDetail": rows, "ownAcBalance": 2000.0500000000002, "ownPay": 48.0434, "payer": "王\ue863"}
    assert his.call(ISSUE, outpatient("ODD-1", **odd)).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        (warnings,) = connection.scalars(select(BILL.c.warnings)).all()
    assert [text.split("（")[0] for text in warnings] == ["ownPay"]
    assert his.call(ISSUE, outpatient("ODD-2", payer="王\ufffd")).result == "E2001"
