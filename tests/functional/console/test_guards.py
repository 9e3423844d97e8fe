"""Guards: the shown point is the point that acts, voids are looked at when proposed, opening stock and weaker
parameters wait for a second person."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.access import parameters
from portal.access.parameters import CATALOGUE
from portal.models.tables import APPROVAL, BILL, NUMBER_SEGMENT, STOCK_RECEIPT, STOCK_VOID, VOUCHER
from tests.support.console import Console, FormOnPage, approve, at_window
from tests.support.desk import NEW, PERSON
from tests.support.his import His, outpatient

BILLS, STOCK, PARAMETERS = "/console/billing/bills", "/console/stock", "/console/system/parameters"


def scalar(app: Flask, statement: object) -> object:
    """One value of the database."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.scalar(statement)  # type: ignore[call-overload]


def switch(person: Console, point: str) -> None:
    """Choose another point, as in a second tab of the browser."""
    form = next(one for one in person.forms(person.get("/console/home").text) if one.action.endswith("/point"))
    person.client.post(form.action, data=form.values | {"point": point})


def submit(person: Console, path: str, form: FormOnPage, **typed: str) -> tuple[int, str]:
    """Send a form that was opened earlier."""
    answer = person.client.post(form.action or path, data=form.values | typed)
    return answer.status_code, answer.text


def test_the_window_on_the_form_is_the_window_that_acts(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("S1")).ok
    bill_id = scalar(app, select(BILL.c.id))
    person = at_window(app)
    reversal, exchange, deposit, blank = (
        (f"{BILLS}/{bill_id}/reverse", "冲红", {"kind": "refund"}),
        (f"{BILLS}/{bill_id}/exchange", "换开", {}),
        (NEW, "收款并开具", PERSON | {"amount": "100.00", "channel": "cash"}),
        ("/console/billing/paper/blanks", "报损", {"first": "100001", "last": "100001", "reason": "卡纸"}),
    )
    opened = [(path, person.form(path), typed) for path, _, typed in (reversal, exchange, deposit, blank)]
    assert all(form.values["shown_point"] == "01" for _, form, _ in opened)
    switch(person, "2")
    for path, form, typed in opened:
        status, page = submit(person, path, form, **typed)
        assert status in (409, 422) and "开票点已切换，没有办理" in page and "现在是 02" in page, path
    assert scalar(app, select(func.count()).select_from(VOUCHER)) == 0
    assert scalar(app, select(func.count()).select_from(BILL)) == 1
    switch(person, "1")
    path, form, typed = opened[0]
    assert submit(person, path, form, **typed)[0] == 303, "at the point that it shows it is good"


@pytest.mark.parametrize(
    ("place", "first", "last", "words"),
    [
        ("unit", "9999000001", "9999000009", "号码不在单位库存中"),
        ("unit", "9000000001", "9000000002", "号码不在单位库存中"),
        ("1", "9999000001", "9999000009", "号码不是未用的号码"),
    ],
)
def test_a_void_is_looked_at_when_it_is_proposed(app: Flask, place: str, first: str, last: str, words: str) -> None:
    keeper = Console(app, "keeper")
    answer = keeper.send(f"{STOCK}/voids/new", "提交复核", place=place, kind="1", first=first, last=last, reason="遗失")
    assert answer.status_code == 422 and words in answer.text
    assert scalar(app, select(func.count()).select_from(STOCK_VOID)) == 0
    assert scalar(app, select(func.count()).select_from(APPROVAL)) == 0


def test_opening_stock_is_confirmed_by_the_supervisor(app: Flask) -> None:
    keeper = Console(app, "keeper")
    before = scalar(app, select(func.count()).select_from(NUMBER_SEGMENT))
    page = keeper.follow(keeper.send(f"{STOCK}/openings/new", "登记", kind="1", code="", first="1", last="9"))
    assert "已提交复核" in page and "确认入库" not in page
    [number] = re.findall(r"QC\d+", keeper.get(f"{STOCK}/openings").text)[:1]
    token = keeper.forms(page)[0].values["csrf_token"]
    direct = keeper.client.post(f"{STOCK}/receipts/{number}/confirm", data={"csrf_token": token})
    assert direct.status_code == 409
    approve(Console(app, "supervisor"), "期初库存入库")
    assert scalar(app, select(STOCK_RECEIPT.c.state).where(STOCK_RECEIPT.c.no == number)) == "confirmed"
    assert scalar(app, select(func.count()).select_from(NUMBER_SEGMENT)) == before + 1  # type: ignore[operator]


def value(app: Flask, key: str) -> object:
    """A parameter in force."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return parameters.value(connection, 1, key)


def set_parameter(person: Console, key: str, text: str) -> str:
    """Type a parameter; the page that follows, or the refusal."""
    form = next(one for one in person.forms(person.get(PARAMETERS).text) if one.action.endswith(f"/{key}"))
    answer = person.client.post(form.action, data=form.values | {"value": text})
    return person.follow(answer) if answer.status_code == 303 else answer.text


def test_what_weakens_a_guard_waits_for_a_second_person(app: Flask) -> None:
    system = Console(app, "system")
    assert "已提交复核" in set_parameter(system, "reversal.large-fen", "1000000.00")
    assert value(app, "reversal.large-fen") == 500_000
    assert "已提交过复核" in set_parameter(system, "reversal.large-fen", "900000.00")
    approve(Console(app, "supervisor"), "大额冲红金额")
    assert value(app, "reversal.large-fen") == 100_000_000
    assert "已保存" in set_parameter(system, "reversal.large-fen", "3000.00"), "what strengthens it does not wait"
    assert value(app, "reversal.large-fen") == 300_000
    assert "已提交复核" in set_parameter(system, "patient.slip-details", "1")
    assert value(app, "patient.slip-details") is False
    assert "已保存" in set_parameter(system, "login.totp", "all")
    assert "已提交复核" in set_parameter(system, "login.totp", "officers") and value(app, "login.totp") == "all"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_guard_says_which_change_weakens_it(app: Flask) -> None:
    guards = {key for key, parameter in CATALOGUE.items() if parameter.guard}
    assert {"reversal.large-fen", "voucher.large-refund-fen", "export.reason-rows", "search.most-hourly"} <= guards
    for key in guards:
        parameter = CATALOGUE[key]
        assert parameter.guard in ("up", "down", *parameter.choices)
        assert not parameter.weakens(parameter.default, parameter.default)
