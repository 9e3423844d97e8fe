"""The link in a text message: the bill's page, 不是我 that can be taken back, and what the bill is good for."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.access import parameters
from portal.delivery.channels.sms import Sms
from portal.domain.actor import Actor
from portal.domain.states.bills import BillState
from portal.domain.states.delivery import Purpose
from portal.ledger import bills
from portal.models.tables import BILL, DELIVERY_STOP, PATIENT_REQUEST
from portal.retrieval.proof import passes
from portal.simulators.sms import rules
from tests.support.channels import Bench
from tests.support.his import His
from tests.support.length import sqlite_first
from tests.support.pages import Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL
from tests.support.text_messages import Inbox

pytestmark = sqlite_first

CLERK = Actor("staff:test", "测试", 1)


@pytest.fixture
def pages(app: Flask) -> Pages:
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def told(bench: Bench, purpose: Purpose = Purpose.ISSUED) -> dict[str, str]:
    """The parameters of the text message that a bill's phone gets."""
    inbox = Inbox()
    bench.open("sms", purpose)
    bench.run(Sms(bench.services.settings, inbox), passes=2)  # type: ignore[arg-type]
    return inbox.sent[-1][2]


def bench(app: Flask, his: His, serial: str = "ML1") -> Bench:
    return Bench(app, his, serial, idCardNo=NUMBER)


def supervised(one: Bench) -> Bench:
    """The same bill, once finance has signed it."""
    with one.services.database.write() as connection:
        row = update(BILL).where(BILL.c.id == one.bill_id)
        connection.execute(row.values(state=BillState.SUPERVISED.value))
    return one


def test_a_text_message_brings_the_bill(app: Flask, his: His, pages: Pages) -> None:
    params = told(supervised(bench(app, his)))
    assert (
        params["payer"] == "林**" and params["what"] == "门诊票据已开具" and re.fullmatch(r"\d+月\d+日", params["day"])
    )
    assert all(len(value) <= 35 and "://" not in value for value in params.values()), "what operators allow"
    assert NAME not in str(params) and "内科" not in str(params)
    text = rules._render("bill", params, "https://q.example")
    assert f"https://q.example/b/{params['token']}" in text and "/n/" not in text and "林**" in text
    page = pages.get(f"/b/{params['token']}")
    assert "128.50" in page.text and NAME not in page.text
    assert "姓名与票据上的交款人不一致" in pages.submit(page, {"name": "王无此"}, 422).text
    assert "查真伪要填的内容" in pages.submit(page, {"name": NAME}).text


def test_amount_and_link_are_settings(app: Flask, his: His) -> None:
    one = supervised(bench(app, his))
    with one.services.database.write() as connection:
        parameters.change(connection, "delivery.sms-amount", "1", CLERK)
        parameters.change(connection, "delivery.sms-link", "0", CLERK)
    params = told(one)
    assert params["what"] == "门诊票据128.50元已开具" and "token" not in params
    assert "/n/" in rules._render("bill", params, "https://q.example"), "the way to say 不是我 stays"


def test_the_link_ends_with_the_link_of_its_bill(app: Flask, his: His, pages: Pages) -> None:
    one = bench(app, his)
    token = told(one)["token"]
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (other, "A" * 32, "-" * 32, "_" * 32):
        pages.get(f"/b/{wrong}", 404)
    with one.services.database.read() as connection:
        facts = bills.by_id(connection, one.bill_id)
    assert facts is not None
    passes.revoke_links(one.services, "pgzx", facts, "patient")
    pages.get(f"/b/{token}", 404)


def test_not_mine_names_the_hospital_tells_the_desk_and_can_be_taken_back(app: Flask, his: His, pages: Pages) -> None:
    one = bench(app, his)
    params = told(one)
    linked = pages.get(f"/b/{params['token']}")
    asked = pages.get(f"/n/{params['stop']}")
    assert f'href="/n/{params["stop"]}"' in linked.text, "不是我的票 stands on the bill's page"
    assert "平冈镇中心卫生院" in asked.text and "短信 100****0001" in asked.text
    assert f'href="/b/{params["token"]}"' in asked.text and "是我的，去看票据" in asked.text
    stopped = pages.submit(asked, {})
    assert "不会再往" in stopped.text and "点错了" in stopped.text
    with one.services.database.read() as connection:
        assert connection.scalars(select(DELIVERY_STOP.c.channel)).all() == ["sms"]
        assert connection.scalars(select(PATIENT_REQUEST.c.kind)).all() == ["not_me"]
    pages.submit(pages.get(f"/n/{params['stop']}"), {"mine": "1"})
    with one.services.database.read() as connection:
        assert connection.scalars(select(DELIVERY_STOP.c.channel)).all() == []
    again = bench(app, his, "ML2")
    assert told(again, Purpose.NOTICE)["payer"] == "林**", "messages go on"


def test_looking_stops_nothing_and_a_token_of_nobody_leads_through_the_same_pages(pages: Pages) -> None:
    asked = pages.get("/n/whatever")
    assert "不是我的，请停止发送" in asked.text and "卫生院不会" not in asked.text
    assert "不会再往您这里发" in pages.submit(asked, {}).text


@pytest.mark.parametrize("state", [state for state in BillState if state is not BillState.REVERSED])
def test_a_text_message_says_what_the_bill_is_good_for(app: Flask, his: His, state: BillState) -> None:
    one = bench(app, his, f"ML-{state}")
    with one.services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.id == one.bill_id).values(state=state.value))
    said = told(one, Purpose.REQUESTED)["what"]
    words = {
        BillState.ISSUED: "待财政监制",
        BillState.UPLOADED: "待财政监制",
        BillState.SUPERVISED: "已开具",
        BillState.REFUSED: "医院处理",
    }
    assert words[state] in said
