"""Search by anything, the page of a bill, the audited reveal, home; nothing of another unit."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import text

from portal.access import parameters
from portal.access.accounts import NewAccount, create
from portal.access.permissions import Role
from portal.domain.actor import Actor
from tests.support import codes
from tests.support.console import PASSWORD, Console
from tests.support.his import His, day, outpatient
from tests.support.length import sqlite_first

pytestmark = sqlite_first

RESULT = "/console/billing/search/"
ID, PHONE, NAME = "000000195203150010", "10000000001", "林演安"


@pytest.fixture
def bill_id(app: Flask, his: His) -> int:
    """One bill of the demo patient."""
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.execute(text("SELECT id FROM bill WHERE serial = 'S1'")).scalar_one())


def search(person: Console, what: str) -> str | None:
    """What the search box opens; ``None`` when it leads to a page of results, or asks for a reason."""
    form = next(one for one in person.forms(person.get("/console/home").text) if one.action.endswith("/search"))
    answer = person.client.post(form.action, data=form.values | {"q": what})
    opened = answer.status_code == 303 and not answer.location.startswith(RESULT)
    return answer.location if opened else None


def entries(app: Flask, action: str) -> list[str]:
    """Actors of the log entries with this action."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return list(connection.scalars(text("SELECT actor FROM audit_entry WHERE action = :a"), {"a": action}))


def test_anything_finds_the_bill(app: Flask, his: His, bill_id: int) -> None:
    person = Console(app, "cashier")
    answer = his.call("invoiceEBillOutpatient", outpatient("S1")).payload
    page = f"/console/billing/bills/{bill_id}"
    code, number, link = answer["billBatchCode"], answer["billNo"], answer["pictureUrl"]
    numbers = (f"{code}{number}", f" {code[:4]} {code[4:]}-{number[:2]} {number[2:6]} {number[6:]} ", number)
    for what in (*numbers, f"01,01,{code},{number},128.50,{day()},x", link, "S1", ID, PHONE, NAME, "林演 安"):
        assert search(person, what) == page, what
    assert len(entries(app, "party.searched")) == 4, "whoever is looked up as a person is in the log"
    misses = ("王无此", "000000194809060023", "x" * 600, "%", "'", "9" * 18)
    for what in misses:
        assert search(person, what) is None, what
    assert len(entries(app, "party.searched")) == 4 + len(misses), "so is whoever tries names that are not there"


def test_many_searches_for_persons_need_a_reason(app: Flask, his: His, bill_id: int) -> None:
    """Beyond so many an hour (200; here 3): nothing is shown before a reason stands in the log, the auditor sees it."""
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "search.most-hourly", "3", Actor("staff:test", "", 1))
    person, page = Console(app, "cashier"), f"/console/billing/bills/{bill_id}"
    assert [search(person, NAME) for _ in range(4)] == [page, page, page, None]
    form = next(one for one in person.forms(person.get("/console/home").text) if one.action.endswith("/search"))
    for reason, status in (("", 422), ("无", 422), ("逐笔核对医保清单", 303)):
        answer = person.client.post(form.action, data=form.values | {"q": NAME, "reason": reason})
        assert answer.status_code == status, reason
        assert (status == 303) != ("请先说明原因" in answer.text)
    assert search(person, NAME) == page, "one reason is good for the hour"
    assert search(Console(app, "lead"), NAME) == page, "each person is counted apart"
    assert len(entries(app, "party.searched")) == 6 and len(entries(app, "party.searched_often")) == 1
    auditor = Console(app, "auditor")
    assert "近 7 天一小时内大量查找</small><b>1</b>" in auditor.get("/console/home").text
    assert "逐笔核对医保清单" in auditor.get("/console/system/log").text


def test_several_bills_are_listed_with_their_next_steps(app: Flask, his: His, bill_id: int) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("S2")).ok
    person = Console(app, "cashier")
    form = next(one for one in person.forms(person.get("/console/home").text) if one.action.endswith("/search"))
    led = person.client.post(form.action, data=form.values | {"q": NAME})
    shown = person.get(led.location).text
    assert (
        led.location.startswith(RESULT)
        and "共 2 张" in shown
        and "林**" in shown
        and NAME not in shown
        and shown.count(">换开</a>") == 2
    )


def test_the_payer_is_masked_until_a_reason_is_written_down(app: Flask, bill_id: int) -> None:
    address = f"/console/billing/bills/{bill_id}"
    person = Console(app, "cashier")
    plain = person.get(address).text
    assert "林**" in plain and not any(secret in plain for secret in (NAME, ID, PHONE))
    assert person.send(address, "查看完整信息", reason="").status_code == 422
    assert entries(app, "party.revealed") == []
    shown = person.send(address, "查看完整信息", reason="患者核对").text
    assert NAME in shown and ID in shown and PHONE in shown
    assert entries(app, "party.revealed") == ["staff:cashier"]
    assert NAME not in person.get(address).text, "once"
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "search.most-hourly", "3", Actor("staff:test", "", 1))
    lead = Console(app, "lead")
    answers = [lead.send(address, "查看完整信息", reason="核对").status_code for _ in range(4)]
    assert answers == [200, 200, 200, 422], "whoever looks at many says more"
    assert "一小时内查看、查找已达 3 次" in lead.send(address, "查看完整信息", reason="核对").text
    assert lead.send(address, "查看完整信息", reason="逐笔核对医保清单").status_code == 200
    assert len(entries(app, "party.searched_often")) == 1, "and the auditor is told"
    keeper = Console(app, "keeper")
    assert "查看完整信息" not in keeper.get(address).text
    form = person.form(address, "查看完整信息")
    token = keeper.form(address, "打印告知单").values["csrf_token"]
    assert keeper.client.post(form.action, data={"csrf_token": token, "reason": "好奇"}).status_code == 403


def test_nothing_of_another_unit_is_found(app: Flask, bill_id: int) -> None:
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO unit (id, code, name, short_name, credit_code, region_code, org_type, desk_place,"
                " desk_phone, desk_hours) VALUES (2, 'other', '别院', '别院', 'T2', '990000', '', '', '', '')"
            )
        )
        create(connection, 2, NewAccount("stranger", "外人", PASSWORD, [Role.LEAD], must_change=False))
        create(connection, 2, NewAccount("strange-system", "外人", PASSWORD, [Role.SYSTEM], must_change=False))
    stranger = Console(app, "stranger")
    for path in (
        f"/console/billing/bills/{bill_id}",
        f"/console/billing/bills/{bill_id}/reverse",
        f"/console/billing/bills/{bill_id}/exchange",
        f"/console/billing/bills/{bill_id}/void-paper",
    ):
        mine, none = stranger.get(path, 404).text, stranger.get(path.replace(str(bill_id), "1"), 404).text
        strip = re.compile(r'value="[^"]*"|nonce="[^"]*"')
        assert strip.sub("", mine) == strip.sub("", none), "not found and not yours look the same"
    assert codes.OUTPATIENT not in stranger.get("/console/billing/bills").text
    for what in ("S1", NAME, ID):
        assert search(stranger, what) is None
    assert Console(app, "strange-system").get("/console/system/users/1", 404)


def test_the_home_page_says_whether_anything_is_wrong(app: Flask, bill_id: int) -> None:
    shown = Console(app, "lead").get("/console/home").text
    assert re.search(r"待财政监制</small><b>1</b>", shown) and "待复核" in shown
    assert "待财政监制" not in Console(app, "system").get("/console/home").text


def test_an_employer_is_named_and_a_person_is_masked(app: Flask, his: His, bill_id: int) -> None:
    company = {"payerType": "2", "payer": "阳江示例五金厂", "cardNo": "-", "cardType": "999999", "sex": "未知"}
    company |= {"idCardNo": "TEST0000000000002X", "busType": "05", "placeCode": "05", "tel": ""}
    assert his.call("invEBillCheckUp", outpatient("TJ1", **company)).ok
    listed = Console(app, "cashier").get("/console/billing/bills").text
    assert "阳江示例五金厂" in listed and "林**" in listed and NAME not in listed
