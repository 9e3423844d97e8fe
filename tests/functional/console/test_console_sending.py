"""发给患者: a bill goes to the phone or e-mail address that is said at the window."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from portal.models.tables import AUDIT_ENTRY, DELIVERY
from tests.support.channels import Bench
from tests.support.console import Console
from tests.support.his import His
from tests.support.text_messages import Inbox

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_bill_goes_to_the_phone_that_the_patient_says(app: Flask, his: His) -> None:
    bench, desk = Bench(app, his, "SEND1", tel=""), Console(app, "cashier")
    page = f"/console/delivery/bills/{bench.bill_id}/send"
    assert page in desk.get(f"/console/billing/bills/{bench.bill_id}").text
    wrong = desk.send(page, "发送", channel="sms", address="+85261234567")
    assert wrong.status_code == 422 and "只有内地手机号" in wrong.text
    assert "已发送" in desk.follow(desk.send(page, "发送", channel="sms", address="100 0000 0009"))
    [(phone, template, _)] = Inbox().work(app).sent
    assert (phone, template) == ("10000000009", "bill")
    with bench.services.database.read() as connection:
        assert connection.scalars(select(DELIVERY.c.purpose)).all() == ["requested"]
        asked = select(AUDIT_ENTRY.c.action).where(AUDIT_ENTRY.c.action == "delivery.asked")
        assert connection.scalars(asked).all() == ["delivery.asked"]
    assert "没有重复发送" in desk.follow(desk.send(page, "发送", channel="sms", address="10000000009"))
    desk.get("/console/delivery/bills/1/send", 404)
