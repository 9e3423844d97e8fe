"""A patient finds the bills of an own name and number however both are spelled, old bills and new ones."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from portal.domain.errors import Refusal
from portal.ledger import bills, persons
from portal.ledger import search as ledger_search
from portal.ledger.persons import number_digest
from portal.retrieval.proof.identify import begin, open_by_slip
from portal.retrieval.proof.phones import phone_of
from portal.retrieval.proof.spellings import claim_of
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.pages import Pages, Rules
from tests.support.patients import person
from tests.support.text_messages import deliver

pytestmark = sqlite_first

NAME, PHONE = "买买提·艾合买提", "10000000001"
ADULT = "000000196802030349"


def settle(his: His, serial: str, number: str, name: str = NAME) -> None:
    """One bill of this document and name."""
    sent = outpatient(serial, payer=name, idCardNo=number, cardNo="", tel=PHONE)
    assert his.call("invoiceEBillOutpatient", sent).ok


def on_file(app: Flask, number: str, name: str = NAME) -> str:
    """The phone that the code would go to."""
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        return phone_of(services, connection, 1, claim_of(services, number, name))


def test_all_spellings_of_a_number_are_one_count(app: Flask) -> None:
    """Five look-ups of a person in half an hour, however the number is typed."""
    held = app.extensions["qupiao"]
    for typed in (ADULT, "000000680203034", "000000 680203 034", ADULT.lower(), "０00000680203034"):
        begin(held.services, held.limits, 1, typed, NAME, "")
    for typed in (ADULT, "000000680203034"):
        with pytest.raises(Refusal) as refused:
            begin(held.services, held.limits, 1, typed, NAME, "")
        assert refused.value.code == "TRY_LATER"


@pytest.mark.parametrize("typed", ["买买提艾合买提", "买买提 艾合买提", "买买提·艾合买提", "买买提．艾合买提"])
def test_the_window_finds_a_name_with_and_without_its_dot(app: Flask, his: His, typed: str) -> None:
    settle(his, "DOT", ADULT)
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        assert len(ledger_search.find(services, connection, 1, typed).ids) == 1
        assert ledger_search.find(services, connection, 1, "买买提艾合").ids == []


@pytest.mark.parametrize(("number", "name"), [("000000680203034", "买买提艾合买提"), (ADULT, "买买提 艾合买提")])
def test_a_relative_asks_however_name_and_number_are_spelled(
    pages: Pages, app: Flask, his: His, number: str, name: str
) -> None:
    settle(his, "DOT", ADULT)
    assert his.call("invoiceEBillOutpatient", outpatient("ME")).ok
    person(pages, app)
    asked = {"number": number, "name": name, "relation": "父母"}
    page = pages.submit(pages.get("/h/pgzx/family"), asked, action="/proxy")
    [(phone, template, params)] = deliver(app).sent
    assert (phone, template) == (PHONE, "consent")
    done = pages.submit(page, {"code": params["code"]}, action="/consent")
    listed = pages.get(re.findall(r'href="(/h/pgzx/family/\d+)"', done.text)[0])
    assert "128.50 元" in listed.text


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A browser."""
    return Pages(app.test_client(), Rules(personal=(NAME, ADULT, PHONE)))


@pytest.fixture(params=["new", "old"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Bills of this version, and of one that kept each number under its own spelling alone."""
    if request.param == "old":
        monkeypatch.setattr(persons, "_kept_digests", lambda services, text: [number_digest(services, text)])
    return str(request.param)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("A123456(7)", "A1234567"),
        ("B1234567", "B123456(7)"),
        ("C123456（7）", "c1234567"),
        ("0123456701(B)", "0123456701B"),
        ("000000680203034", ADULT),
        (ADULT, "000000680203034"),
    ],
)
def test_a_document_in_another_spelling(app: Flask, his: His, stored: str, typed: str) -> None:
    """By the code to the phone on file, and by the search of the console."""
    settle(his, "SPELL-1", stored)
    assert on_file(app, typed) == on_file(app, stored) == PHONE
    assert on_file(app, typed, "陈样英") == on_file(app, ADULT[:-4] + "0000") == ""
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        assert len(ledger_search.find(services, connection, 1, typed).ids) == 1


@pytest.mark.parametrize("typed", ["买买提艾合买提", "买买提 艾合买提", "买买提-艾合买提", "买买提˙艾合买提"])
def test_a_name_without_its_dot_opens_every_bill(pages: Pages, app: Flask, his: His, typed: str) -> None:
    """From the hospital code to the list: both bills, whichever dot the HIS has."""
    settle(his, "DOT-1", ADULT)
    settle(his, "DOT-2", ADULT)
    shown = person(pages, app, ADULT, typed).text
    assert shown.count("/bills/") >= 2


def test_a_link_is_opened_by_the_name_as_it_is_typed(app: Flask, his: His) -> None:
    """Slip and name: the same rule, for bills and vouchers of whatever age."""
    bill = his.call("invoiceEBillOutpatient", outpatient("LINK-1", payer=NAME)).payload
    services, limits = app.extensions["qupiao"].services, app.extensions["qupiao"].limits
    with services.database.read() as connection:
        facts = bills.by_number(connection, 1, bill["billBatchCode"], bill["billNo"])
    assert facts is not None
    for wrong in ("买买提", "·", ""):
        with pytest.raises(Refusal):
            open_by_slip(services, limits, facts, wrong, "127.0.0.1", None)
    assert open_by_slip(services, limits, facts, "买买提艾合买提", "127.0.0.1", None)
