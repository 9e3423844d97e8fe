"""No GET changes anything: all pages that one meets are opened, and the tables compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from portal.access.permissions import Role
from tests.support.addresses import forms, pages_of
from tests.support.channels import Bench
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.length import SOAK
from tests.support.pages import Pages, Rules
from tests.support.patients import PERSONAL, identified
from tests.support.vouchers import paid_in

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOTED = {"audit_entry", "attempt_count", "patient_session", "staff_session"}
"""That somebody looked, and when: no business of the page's."""


@pytest.fixture(autouse=True)
def _something_to_see(app: Flask, his: His) -> None:
    for number in range(3):
        assert his.call("invoiceEBillOutpatient", outpatient(f"G{number}")).ok
    paid_in(his)
    Bench(app, his, "G9").open("sms")


def contents(app: Flask) -> dict[str, list[Any]]:
    """Every table, row by row."""
    with app.extensions["qupiao"].services.database.read() as connection:
        tables = inspect(connection).get_table_names()
        return {
            name: sorted(connection.execute(text(f'SELECT * FROM "{name}"')).all(), key=repr)
            for name in tables
            if name not in NOTED
        }


def changed_by(app: Flask, look: Callable[[], object]) -> list[str]:
    """The tables that are not the same after ``look``."""
    before = contents(app)
    look()
    after = contents(app)
    return [name for name in after if after[name] != before[name]]


@on_sqlite
def test_the_comparison_sees_a_change(app: Flask, his: His) -> None:
    """The control."""
    assert "bill" in changed_by(app, lambda: his.call("invoiceEBillOutpatient", outpatient("CONTROL")))


@on_sqlite
def test_patients_change_nothing_by_looking(app: Flask) -> None:
    client = app.test_client()
    listed = identified(Pages(client, Rules(personal=PERSONAL)), app)
    starts = [listed.url, "/h/pgzx", "/h/pgzx/verify", "/h/pgzx/notices", "/h/pgzx/company"]
    assert changed_by(app, lambda: forms(client, starts, ("/h/pgzx", "/b/", "/n/"))) == []


@on_sqlite
@pytest.mark.parametrize("role", Role if SOAK else [Role.CASHIER])
def test_staff_change_nothing_by_looking(app: Flask, role: Role) -> None:
    person = Console(app, role.value)
    assert changed_by(app, lambda: forms(person.client, pages_of(app), ("/console/",))) == []
