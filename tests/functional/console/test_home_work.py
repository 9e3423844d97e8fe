"""首页 is a work list: every count opens exactly its rows, for every role; finance is good, slow or away."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, update

from portal.access.permissions import Role
from portal.approvals import requests
from portal.core.clock import now
from portal.core.ids import new_id
from portal.domain.actor import Actor
from portal.ledger.overview import FinanceState, exchange
from portal.models.tables import (
    AUDIT_ENTRY,
    BILL,
    FINANCE_MESSAGE,
    KIOSK_DEVICE,
    OUTBOX_TASK,
    STAFF_ACCOUNT,
    STOCK_ALARM,
)
from portal.outbox import tasks
from portal.outbox.topics import Topic
from tests.support.console import Console, at_window
from tests.support.his import His, outpatient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOME = "/console/home"
TILE = re.compile(r'<a class="tile[^"]*" href="([^"]+)">\s*<small>(.+?)</small><b>([\d,]+)</b>', re.DOTALL)


def tiles(person: Console) -> dict[str, tuple[int, str]]:
    """Title → count and address of every tile."""
    found = TILE.findall(person.get(HOME).text)
    return {title: (int(count.replace(",", "")), href.replace("&amp;", "&")) for href, title, count in found}


def rows_of(person: Console, address: str) -> int:
    """How many rows a list has, by what it says and by what it draws."""
    page = person.get(address).text
    main = page.partition("<main")[2]
    if said := re.search(r"共 ([\d,]+) [条张项人]", main):
        return int(said[1].replace(",", ""))
    if "alarms=1" in address:
        return main.count('class="mt-2 standing"')
    heads = main.count("<thead>") + main.count("rowgroup") + main.count("<td>小计")
    return main.count("<tr>") - heads


def a_busy_day(app: Flask, his: His) -> None:
    """One at least of nearly everything that waits."""
    for place in range(5):
        assert his.call("invoiceEBillOutpatient", outpatient(f"S{place}")).ok
    assert not his.call("invoiceEBillOutpatient", outpatient("S9", placeCode="no-such-place")).ok
    moment = now()
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.serial == "S0").values(state="refused"))
        connection.execute(update(BILL).where(BILL.c.serial == "S1").values(state="supervised"))
        dead = tasks.row(Topic("card.work"), "t1", {}, moment) | {"state": "dead", "finished_at": moment}
        connection.execute(insert(OUTBOX_TASK), dead)
        kiosk = {"calling": moment, "calling_why": "没有票纸", "active": True}
        connection.execute(update(KIOSK_DEVICE).values(kiosk))
        locked = STAFF_ACCOUNT.c.username == "lead"
        connection.execute(update(STAFF_ACCOUNT).where(locked).values(locked_until=moment + timedelta(hours=1)))
        alarm = {
            "unit_id": 1,
            "rule": "segment",
            "subject": "x",
            "text": "号段未收",
            "raised_at": moment,
            "cleared_by": "",
        }
        connection.execute(insert(STOCK_ALARM), alarm)
        for name in ("cashier", "keeper"):
            actor = Actor(f"staff:{name}", name, 1)
            requests.request_on(connection, actor, requests.Request("bill.reversal", name, "冲红票据", "退费"))
        refused = requests.Request("bill.reversal", "refused", "冲红另一张票据", "退费")
        approval = requests.request_on(connection, Actor("staff:cashier", "陈某", 1), refused)
        row = requests.lock_pending(connection, approval, Actor("staff:supervisor", "复核员", 1))
        ending = requests.Ending(requests.ApprovalState.REFUSED, "原因不清")
        requests.close(connection, row, Actor("staff:supervisor", "复核员", 1), ending)
        entry = {"id": new_id(), "at": moment, "actor": "staff:lead", "action": "list.bulk_exported", "unit_id": 1}
        entry |= {"object_kind": "list", "object_id": "bills", "request_id": "r1", "details": {}}
        connection.execute(insert(AUDIT_ENTRY), entry)
    keeper = Console(app, "keeper")
    base = "/console/stock"
    keeper.send(f"{base}/slips/new", "保存草稿", point="1", kind="1", count="10", first="", taker="")
    number = re.findall(r"FF\d+", keeper.get(f"{base}/slips").text)[0]
    keeper.send(f"{base}/slips/{number}", "下发")
    keeper.send(f"{base}/openings/new", "登记", kind="1", code="", first="1", last="9")


def test_every_count_opens_exactly_its_rows(app: Flask, his: His) -> None:
    a_busy_day(app, his)
    counted = {}
    for role in Role:
        if role is Role.LEAD:  # is locked; sees what a cashier sees
            continue
        person = at_window(app) if role is Role.CASHIER else Console(app, role.value)
        found = tiles(person)
        assert found, f"{role}: nobody's home is empty"
        for title, (count, address) in found.items():
            assert rows_of(person, address) == count, (role, title, address)
            counted[title] = max(count, counted.get(title, 0))
    seldom = {"待确认入库", "拒收的号段", "退回的申领", "患者申请", "没有送达的消息", "票号不足"}
    unseen = {title for title, count in counted.items() if not count and not title.startswith("近 7 天")}
    assert unseen <= seldom, "what was planted is counted"
    assert {"今天已开", "待财政监制", "监制未通过", "等我复核", "停下的任务", "自助机呼叫", "待我接收的号段"} <= set(
        counted
    )


def test_who_decides_sees_others_requests_and_who_asked_sees_the_refusal(app: Flask, his: His) -> None:
    a_busy_day(app, his)
    assert tiles(Console(app, "supervisor"))["等我复核"][0] == 3, "two reversals and the opening stock"
    cashier = tiles(Console(app, "cashier"))
    assert "等我复核" not in cashier
    assert cashier["我提交、待复核"][0] == 1 and cashier["我的申请没有办成"][0] == 1
    page = Console(app, "cashier").get(cashier["我的申请没有办成"][1]).text
    assert "冲红另一张票据" in page and "原因不清" in page
    accountant = tiles(Console(app, "accountant"))
    assert accountant["我提交、待复核"][0] == 0 and accountant["我的申请没有办成"][0] == 0


def message(app: Flask, outcome: str, seconds_ago: int) -> None:
    """A message to finance that ended so."""
    at = now() - timedelta(seconds=seconds_ago)
    row: dict[str, Any] = {"id": new_id(), "bill_id": None, "subject": "s", "message_no": "9203", "attempt": 0}
    row |= {"message_id": f"m{row['id']}"[:20], "sent_at": at, "answered_at": at, "outcome": outcome}
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(insert(FINANCE_MESSAGE), row | {"result_code": "", "reason": ""})


def finance(app: Flask) -> FinanceState:
    """What the home page says of finance."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return exchange(connection, 1).state


def test_finance_is_good_slow_or_away(app: Flask, his: His) -> None:
    assert finance(app) is FinanceState.GOOD, "nothing is known and nothing waits"
    message(app, "accepted", 100)
    message(app, "failed", 10)
    assert finance(app) is FinanceState.GOOD, "one lost connection is no outage"
    message(app, "failed", 0)
    assert finance(app) is FinanceState.GOOD
    with app.extensions["qupiao"].services.database.write() as connection:
        earlier = now() - timedelta(seconds=60)
        connection.execute(update(FINANCE_MESSAGE).where(FINANCE_MESSAGE.c.outcome == "failed").values(sent_at=earlier))
    assert finance(app) is FinanceState.AWAY, "error answers are no answers"
    assert "<b>中断</b>" in Console(app, "cashier").get(HOME).text
    message(app, "rejected", 0)
    assert finance(app) is FinanceState.GOOD
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).values(state="uploaded", state_at=now() - timedelta(minutes=6)))
    assert finance(app) is FinanceState.SLOW
    page = Console(app, "cashier").get(HOME).text
    assert "<b>缓慢</b>" in page and "排队 1 张，最早" in page


def test_waiting_bills_are_found_by_their_index(app: Flask) -> None:
    with app.extensions["qupiao"].services.database.read() as connection:
        sql = "SELECT count(*) FROM bill WHERE unit_id = 1 AND bill.state IN ('issued', 'uploaded', 'refused')"
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    assert "ix_bill_open" in str(plan)
