"""Nothing that somebody types becomes part of a statement: it only ever travels as a value.

Every statement that the database is given is read while each list, form, HIS method and mini-program endpoint gets the
payloads in all its parameters, names of JSON members and cursors of lists included.
"""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from portal.access.permissions import Role
from portal.blueprints.his.methods import HANDLERS
from tests.support.addresses import pages_of
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.statements import statements

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MARK = "zq7x"
PAYLOADS = (
    f"{MARK}' OR '1'='1",
    f'{MARK}"); DROP TABLE bill; --',
    f"{MARK}\\'; SELECT pg_sleep(9)/*",
    f"1 {MARK} DESC",
)
LIST_WORDS = ({"cols"}, {"after"}, {"before"}, {"format", "year", "sort", "order", "q"})
"""Words of an address that lists know beside their filters, and some that other programs know."""
ENDS = ("/leave", "/close", "/password", "/second-factor", "/totp", "/point", "/care", "/resume", "/renew")
"""Forms whose acts would sign the person out or have nothing typed in them."""


def marked(found: list[str]) -> list[str]:
    """The statements that hold something typed."""
    return [one for one in found if MARK in one]


def test_the_reader_sees_what_is_pasted_into_a_statement(app: Flask) -> None:
    """The control."""
    with statements(app) as found, app.extensions["qupiao"].services.database.read() as connection:
        connection.execute(text(f"SELECT 1 AS {MARK}"))
        connection.execute(text("SELECT :typed"), {"typed": MARK})
    assert len(found) == 2 and marked(found) == [f"SELECT 1 AS {MARK}"]


def test_lists_and_forms_of_the_console(app: Flask, his: His) -> None:
    for number in range(3):
        assert his.call("invoiceEBillOutpatient", outpatient(f"I{number}")).ok
    asked = 0
    with statements(app) as found:
        for role in (Role.LEAD, Role.KEEPER, Role.SYSTEM, Role.SECURITY, Role.AUDITOR):
            person = Console(app, role.value)
            for path in pages_of(app):
                asked += _attack(person, path)
    assert marked(found) == [] and asked > 300 and len(found) > asked
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM bill")).scalar_one() >= 3


def _attack(person: Console, path: str) -> int:
    """The payloads in every parameter of one page and its forms; returns how many requests that were."""
    first = person.client.get(path)
    if first.status_code != 200 or first.mimetype != "text/html":
        return 0
    asked = 0
    forms = person.forms(first.text)
    filters = {name for form in forms if form.method == "get" for name in form.values}
    tries = [(filters, payload) for payload in PAYLOADS] + [(words, PAYLOADS[0]) for words in LIST_WORDS]
    for names, payload in tries:
        answer = person.client.get(path, query_string=dict.fromkeys(names, payload))
        assert answer.status_code < 500, (path, names, payload)
        asked += 1
    for form in forms:
        action = form.action or path
        if form.method != "post" or action.endswith(ENDS):
            continue
        typed = {name: value if name == "csrf_token" else PAYLOADS[0] for name, value in form.values.items()}
        assert person.client.post(action, data=typed).status_code < 500, action
        asked += 1
    return asked


def test_every_method_of_the_his_and_names_of_members(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("J1")).ok
    with statements(app) as found:
        for method in HANDLERS:
            for payload in PAYLOADS:
                known = dict.fromkeys((*outpatient("J"), *_OTHERS), payload)
                his.call(method, known)
                his.call(method, outpatient("J1") | {payload: payload, "busNo": payload})
                his.call(method, {payload: [{payload: payload}]})
    assert marked(found) == [] and found


_OTHERS = ("billBatchCode", "billNo", "pBillBatchCode", "pBillNo", "random", "voucherBatchCode", "voucherNo", "pageNo")
"""Members that settlements lack and other methods have."""


def test_what_anybody_may_send(app: Flask) -> None:
    """Pages that need no session, and the mini-program's API with and without one."""
    client = app.test_client()
    with statements(app) as found:
        for payload in PAYLOADS:
            for path in ("/h/pgzx", "/h/pgzx/why", "/h/pgzx/verify", "/h/pgzx/answer"):
                console = Console(app)
                for form in console.forms(console.client.get(path).text):
                    typed = {name: value if name == "csrf_token" else payload for name, value in form.values.items()}
                    assert console.client.post(form.action or path, data=typed).status_code < 500, path
            for path in (f"/h/{payload}", f"/b/{payload}", f"/t/{payload}", f"/h/pgzx?year={payload}", f"/n/{payload}"):
                assert client.get(path).status_code < 500, path
            for path in ("login", "phone", "identify", "confirm"):
                sent = dict.fromkeys(("code", "number", "name", "unit", payload), payload)
                bearer = {"Authorization": f"Bearer {payload}"}
                assert client.post(f"/api/mini/v1/{path}", json=sent, headers=bearer).status_code < 500, path
            assert client.get("/api/mini/v1/bills", query_string={"year": payload}).status_code < 500
    assert marked(found) == [] and found
