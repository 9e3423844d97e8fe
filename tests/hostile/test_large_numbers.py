"""Numbers that no database holds, in forms and addresses: not found or not taken, never a fault of ours."""

from __future__ import annotations

import pytest
from flask import Flask

from portal.access.permissions import Role
from portal.web.numbers import MOST, row_id, row_ids
from tests.support.addresses import pages_of
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.pages import Pages
from tests.support.patients import person, token_of

LARGE = (str(MOST + 1), "9" * 5000, "²")
WORDS = ("after", "attempt", "bill", "company", "delivery", "part", "point", "printer", "sheet", "shown", "year")
"""Fields that take an id, besides those that a page shows at present."""
ENDS = ("/leave", "/close", "/password", "/second-factor", "/totp", "/care")


def test_what_a_row_can_have() -> None:
    assert (row_id("0"), row_id("007"), row_id(str(MOST))) == (0, 7, MOST)
    assert row_ids(["1", *LARGE, "", "-1", "1e3", "１", "2"]) == [1, 2]
    for text in (*LARGE, "", "-1", " 1"):
        with pytest.raises(ValueError, match=r"^"):
            row_id(text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_of_the_console_with_its_forms(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("LARGE")).ok
    asked = 0
    for role, payload in (
        (Role.LEAD, LARGE[0]),
        (Role.KEEPER, LARGE[0]),
        (Role.KEEPER, LARGE[1]),
        (Role.SYSTEM, LARGE[2]),
    ):
        who = Console(app, role.value)
        for path in pages_of(app):
            asked += _with(who, path, payload)
    assert asked > 150


def _with(who: Console, path: str, payload: str) -> int:
    """Send the payload in every field of a page and its forms; how many forms there were."""
    page = who.client.get(path, query_string=dict.fromkeys(WORDS, payload))
    assert page.status_code < 500, path
    if page.status_code != 200 or page.mimetype != "text/html":
        page = who.client.get(path)
    if page.status_code != 200 or page.mimetype != "text/html":
        return 0
    asked = 1
    for form in who.forms(page.text):
        action = form.action or path
        if form.method != "post" or action.endswith(
            ("/leave", "/close", "/password", "/second-factor", "/totp", "/care")
        ):
            continue
        kept = {name: value for name, value in form.values.items() if name == "csrf_token"}
        sent = dict.fromkeys((*form.values, *WORDS), payload) | kept
        answer = who.client.post(action, data=sent)
        assert answer.status_code < 500, (action, payload[:30], answer.status_code)
        asked += 1
    return asked


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_patient_s_pages(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("LARGE")).ok
    pages = Pages(app.test_client())
    token = token_of(person(pages, app))
    for payload in LARGE:
        words = dict.fromkeys((*WORDS, "month", "first", "last", "form"), payload)
        for path in ("bills", "bundle", "notices", "family", "window", "company", "why", f"years/{payload}"):
            address = f"/h/pgzx/{path}"
            assert pages.client.get(address, query_string=words).status_code < 500, address
            sent = words | {"csrf_token": token, "form": f"pdf-{payload}"}
            assert pages.client.post(address, data=sent).status_code < 500, address
