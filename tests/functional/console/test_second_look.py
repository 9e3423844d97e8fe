"""Large amounts are looked at twice: a deposit, a bill at the desk; a row of a file goes to the desk instead."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.access import parameters
from portal.domain.actor import Actor
from portal.domain.money import words
from portal.models.tables import BILL, VOUCHER
from tests.support.console import Console
from tests.support.desk import GOOD, NEW, PERSON, issue, press, start
from tests.support.length import sqlite_first

pytestmark = sqlite_first

DEPOSIT = PERSON | {"channel": "cash"}
PHONE = "13800138000"
"""A phone that was scanned into the field of the amount."""


def count(app: Flask, table: object) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


@pytest.fixture
def cashier(app: Flask) -> Console:
    """A cashier at a window that takes deposits."""
    person = Console(app, "cashier")
    form = next(one for one in person.forms(person.get("/console/home").text) if "point" in one.values)
    option = person.get("/console/home").text.split(">04 ")[0].rpartition('value="')[2].split('"')[0]
    person.client.post(form.action, data=form.values | {"point": option})
    return person


def test_a_phone_scanned_into_the_amount_of_a_deposit_is_told_in_words(app: Flask, cashier: Console) -> None:
    asked = cashier.send(NEW, "收款并开具", **DEPOSIT, amount=PHONE)
    assert asked.status_code == 422 and "金额较大" in asked.text and words(13_800_138_000 * 100) in asked.text
    assert count(app, VOUCHER) == 0
    form = next(one for one in cashier.forms(asked.text) if "收款并开具" in one.buttons)
    assert form.values["payer"] == "谭例霞" and "seen_fen" not in form.values, "kept, and not ticked by itself"
    again = cashier.client.post(NEW, data=form.values | {"amount": "60000", "seen_fen": str(13_800_138_000 * 100)})
    assert again.status_code == 422 and count(app, VOUCHER) == 0, "what was seen is one amount"
    form = next(one for one in cashier.forms(again.text) if "收款并开具" in one.buttons)
    done = cashier.client.post(NEW, data=form.values | {"seen_fen": "6000000"})
    assert done.status_code == 303 and count(app, VOUCHER) == 1


def test_a_usual_deposit_is_not_asked_about(app: Flask, cashier: Console) -> None:
    assert cashier.send(NEW, "收款并开具", **DEPOSIT, amount="49999.99").status_code == 303
    assert count(app, VOUCHER) == 1
    assert cashier.send(NEW, "收款并开具", **DEPOSIT, amount="50000").status_code == 422
    assert count(app, VOUCHER) == 1


def test_a_large_bill_at_the_desk_is_looked_at_twice(app: Flask) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "desk.second-look-fen", "10", Actor("system:test", "", 1))
    person = Console(app, "cashier")
    path = start(person)
    assert press(person, path, "preview", **GOOD).location == f"{path}/preview"
    shown = person.get(f"{path}/preview").text
    assert "金额无误" in shown
    refused = issue(person, path)
    assert refused.status_code == 422 and "还没有办理" in refused.text and count(app, BILL) == 0
    seen = shown.split('name="seen_fen"')[1].split('value="')[1].split('"')[0]
    assert person.send(f"{path}/preview", "开具", seen_fen=seen).location == f"{path}/result"
    assert count(app, BILL) == 1
