"""Four eyes that see: the object with facts and history, kind and reason; the requester hears the answer."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from portal.access import parameters
from portal.domain.actor import Actor
from portal.models.tables import APPROVAL, BILL
from tests.support.console import Console, at_window
from tests.support.his import His, outpatient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BILLS, APPROVALS, NAME = "/console/billing/bills", "/console/home/approvals", "林演安"


def asked(app: Flask, his: His) -> tuple[int, str]:
    """A reversal that waits: the bill, and the address of the request."""
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        parameters.change(connection, "reversal.large-fen", "100.00", Actor("staff:test", "", 1))
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    with database.read() as connection:
        bill_id = int(connection.execute(select(BILL.c.id)).scalar_one())
    at_window(app).send(f"{BILLS}/{bill_id}/reverse", "提交复核", kind="refund")
    with database.read() as connection:
        return bill_id, f"{APPROVALS}/{connection.scalar(select(APPROVAL.c.id).where(APPROVAL.c.state == 'pending'))}"


def test_who_decides_sees_what_it_is_about(app: Flask, his: His) -> None:
    bill_id, address = asked(app, his)
    page = Console(app, "supervisor").get(address).text
    assert f'href="{BILLS}/{bill_id}"' in page and "128.50 元" in page and "林**" in page and "内科" in page
    assert re.search(r"<dt>原因</dt><dd>退费</dd>", page), (
        "the kind of the reversal is its reason where none was written"
    )
    assert "开具票据" in page and NAME not in page


def test_a_refusal_is_told_to_who_asked_and_stands_at_the_object(app: Flask, his: His) -> None:
    bill_id, address = asked(app, his)
    supervisor, cashier = Console(app, "supervisor"), at_window(app)
    supervisor.client.post(
        f"{address}/refuse", data=supervisor.form(address, "拒绝").values | {"opinion": "请先核对退费单"}
    )
    assert "我的申请没有办成</small><b>1</b>" in cashier.get("/console/home").text
    page = cashier.get(f"{BILLS}/{bill_id}").text
    assert "请先核对退费单" in page and "已拒绝" in page
    cashier.send(f"{BILLS}/{bill_id}/reverse", "提交复核", kind="mistake")
    with app.extensions["qupiao"].services.database.read() as connection:
        second = connection.scalar(select(APPROVAL.c.id).where(APPROVAL.c.state == "pending"))
    page = supervisor.get(f"{APPROVALS}/{second}").text
    assert "同一对象以前的申请" in page and "请先核对退费单" in page


def test_the_next_step_is_offered_to_who_may_take_it(app: Flask, his: His) -> None:
    asked(app, his)
    assert ">办理</a>" in Console(app, "supervisor").get(APPROVALS).text
    for name in ("cashier", "keeper", "accountant"):
        assert ">办理</a>" not in Console(app, name).get(APPROVALS).text


@pytest.mark.parametrize(
    ("who", "path", "button", "typed", "words"),
    [
        (
            "keeper",
            "/console/stock/openings/new",
            "登记",
            {"kind": "1", "code": "", "first": "1", "last": "9"},
            "入库单 QC",
        ),
        ("system", "/console/system/parameters", "保存", {}, "参数"),
    ],
)
def test_documents_and_parameters_lead_to_their_pages(
    app: Flask, who: str, path: str, button: str, typed: dict[str, str], words: str
) -> None:
    person = Console(app, who)
    if typed:
        person.send(path, button, **typed)
    else:
        form = next(one for one in person.forms(person.get(path).text) if one.action.endswith("/reversal.large-fen"))
        person.client.post(form.action, data=form.values | {"value": "900000.00"})
    with app.extensions["qupiao"].services.database.read() as connection:
        approval = connection.scalar(select(APPROVAL.c.id).where(APPROVAL.c.state == "pending"))
    supervisor = Console(app, "supervisor")
    page = supervisor.get(f"{APPROVALS}/{approval}").text
    [(href, text)] = re.findall(r'<a class="open" href="([^"]+)">([^<]+)</a>', page)
    assert text.startswith(words)
    supervisor.get(href)
