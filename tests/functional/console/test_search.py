"""Search results under an opaque address: every code, more than a page, next steps, and the filters of 票据查询."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text

from portal.access import kept_inputs
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.models.tables import AUDIT_ENTRY, BILL, BILL_KIND, KEPT_INPUT, VISIT_KEY
from portal.stock.documents import applications
from portal.stock.documents.applications import Application
from tests.support import clock
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.vouchers import deposit, settlement
from tests.support.window import Window

pytestmark = sqlite_first

NAME, RESULT, BILLS = "林演安", "/console/billing/search/", "/console/billing/bills"


def services_of(app: Flask) -> Services:
    found: Services = app.extensions["qupiao"].services
    return found


def search(person: Console, what: str) -> str:
    """Where the search box leads."""
    [form, *_] = [form for form in person.forms(person.get("/console/home").text) if "q" in form.values]
    answer = person.client.post(form.action, data=form.values | {"q": what})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def filtered(person: Console, **typed: str) -> str:
    """Where the filters of 票据查询 lead when they are sent as they stand, but for what is typed."""
    [form] = [form for form in person.forms(person.get(BILLS).text) if "payer" in form.values]
    assert (form.action, form.method) == (BILLS, "post"), "a form that was sent by GET would put names into addresses"
    answer = person.client.post(form.action, data=form.values | typed)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def issued(app: Flask, his: His, serial: str, **changes: object) -> int:
    """Issue a bill and return its id."""
    assert his.call("invoiceEBillOutpatient", outpatient(serial, **changes)).ok
    with services_of(app).database.read() as connection:
        return int(connection.execute(select(BILL.c.id).where(BILL.c.serial == serial)).scalar_one())


def test_a_result_survives_reload_tells_nothing_and_is_its_persons_own(
    app: Flask, his: His, monkeypatch: pytest.MonkeyPatch
) -> None:
    for serial in ("A1", "A2"):
        issued(app, his, serial)
    person = Console(app, "cashier")
    address = search(person, NAME)
    assert address.startswith(RESULT) and NAME not in address
    first, again = person.get(address).text, person.get(address).text
    assert first.count("林**") == again.count("林**") == 2 and NAME not in first
    with services_of(app).database.read() as connection:
        [sealed] = connection.scalars(select(KEPT_INPUT.c.sealed))
        searched = connection.scalar(
            select(func.count()).select_from(AUDIT_ENTRY).where(AUDIT_ENTRY.c.action == "party.searched")
        )
    assert NAME.encode() not in sealed
    assert searched == 1, "to look at a result again is no new search"
    foreign, none = Console(app, "lead").get(address, 404).text, Console(app, "lead").get(f"{RESULT}nothing", 404).text
    assert "林**" not in foreign and "已过期，或不是您本人查的" in foreign and "已过期，或不是您本人查的" in none
    later = dt.datetime.now(dt.UTC) + kept_inputs.LASTING + dt.timedelta(minutes=1)
    clock.move(monkeypatch, later)
    assert "已过期，或不是您本人查的" in Console(app, "cashier").get(address, 404).text
    with services_of(app).database.write() as connection:
        kept_inputs.clean(connection)
        assert connection.scalar(select(func.count()).select_from(KEPT_INPUT)) == 0


def test_every_bill_of_a_person_is_reached_with_its_next_steps(app: Flask, his: His) -> None:
    ids = [issued(app, his, f"M{count}") for count in range(23)]
    person = Console(app, "cashier")
    address = search(person, NAME)
    first = person.get(address).text
    assert "电子票据 23 张" in first and "本页 20 张" in first
    assert first.count(">换开</a>") == first.count(">冲红</a>") == 20
    [older] = [part.split('"')[0] for part in first.split('href="') if part.startswith(f"{address}?after=")]
    second = person.get(older.replace("&amp;", "&")).text
    shown = [one for one in ids if f'/bills/{one}"' in first or f'/bills/{one}"' in second]
    assert shown == ids and second.count(">换开</a>") == 3


def test_a_red_bill_is_marked_red(app: Flask, his: His) -> None:
    window = Window(his)
    assert window.red(window.issue("R1")).ok
    person = Console(app, "cashier")
    page = person.get(search(person, NAME)).text
    assert 'class="tag red">红票·' in page and "电子票据 2 张" in page


def test_a_bill_is_found_by_the_paper_in_the_patients_hand(app: Flask, his: His) -> None:
    window = Window(his)
    bill, number = window.issue("P1"), window.next()
    assert window.turn(bill, number).ok
    with services_of(app).database.read() as connection:
        paper_code, bill_id = connection.execute(text("SELECT paper_code, bill_id FROM paper_bill")).one()
    person = Console(app, "cashier")
    for what in (number, f"{paper_code}{number}", f"{paper_code} {number}"):
        assert search(person, what) == f"{BILLS}/{bill_id}", what


def test_a_document_is_found_by_every_code_it_carries(app: Flask, his: His) -> None:
    bill = issued(app, his, "K1")
    services = services_of(app)
    with services.database.write() as connection:
        check = connection.execute(select(BILL.c.check_code).where(BILL.c.id == bill)).scalar_one()
        kind = connection.scalar(select(BILL_KIND.c.id).order_by(BILL_KIND.c.id).limit(1))
    person, opened = Console(app, "cashier"), f"{BILLS}/{bill}"
    for what in (check, check.upper(), "MZ0000001", "mz0000001"):
        assert search(person, what) == opened, what
    voucher = his.call("invoicePayMentVoucher", deposit("V1")).payload
    refused = his.call("invoiceEBillOutpatient", outpatient("X-88", placeCode="88"))
    assert not refused.ok
    assert search(person, "X-88").startswith("/console/billing/refused-pushes/")
    number = voucher["voucherNo"]
    for what in (number, voucher["voucherBatchCode"] + number, "ZY000008"):
        assert search(person, what).startswith("/console/billing/vouchers/"), what
    assert his.call("invEBillHospitalized", settlement("Z1", (voucher, "128.50"))).ok
    both = person.get(search(person, "ZY000008")).text
    assert "预交金凭证" in both and "电子票据 1 张" in both and number in both.replace(" ", "")
    keeper = Console(app, "keeper")
    with services.database.read() as connection:
        code = connection.execute(select(BILL.c.bill_code).where(BILL.c.id == bill)).scalar_one()
    no = applications.draft(services, Actor("staff:keeper", "甲", 1), Application(kind, code, 100, "补充"))
    assert search(keeper, no) == f"/console/stock/applications/{no}"
    assert search(keeper, no.lower()) == f"/console/stock/applications/{no}"


def test_the_number_of_a_visit_proves_nobody_and_its_red_bill_keeps_it(app: Flask, his: His) -> None:
    window = Window(his)
    assert window.red(window.issue("P1")).ok
    with services_of(app).database.read() as connection:
        digests = connection.scalars(select(VISIT_KEY.c.digest)).all()
        persons = set(connection.scalars(text("SELECT digest FROM party_key")))
    assert len(digests) == 2 and len(set(digests)) == 1, "the bill and its red bill"
    assert not persons & set(digests), "no proof of a patient reads these keys"


def test_bills_are_filtered_by_payer_amount_kind_and_cashier(app: Flask, his: His) -> None:
    own = issued(app, his, "F1")
    other = issued(app, his, "F2", payer="陈样英", cardNo="000000194809060023", tel="10000000002", payee="收费员丁")
    person = Console(app, "cashier")

    def shown(**typed: str) -> set[int]:
        address = filtered(person, **typed)
        assert not any(value and value in address for key, value in typed.items() if key in ("payer", "cashier"))
        page = person.get(address).text
        return {one for one in (own, other) if f'/bills/{one}"' in page}

    assert shown() == {own, other}
    assert shown(payer=NAME) == shown(payer="000000195203150010") == shown(payer="10000000001") == {own}
    assert shown(cashier="收费员丁") == {other}
    assert shown(payer=NAME, cashier="收费员丁") == set()
    assert shown(amount="128.5") == {own, other} and shown(amount="128.51") == set()
    assert "金额请写成" in person.get(filtered(person, amount="一百")).text
    [select_] = [form for form in person.forms(person.get(BILLS).text) if "bill_kind" in form.values]
    assert select_.values["bill_kind"] == ""
    assert person.get(f"{BILLS}?payer=陈样英").text.count("林**") == 1, "a name in an address filters nothing"


def test_a_list_with_filters_that_are_over_is_refused(app: Flask, his: His) -> None:
    issued(app, his, "G1")
    person = Console(app, "cashier")
    address = filtered(person, payer=NAME)
    assert "林**" in person.get(address).text
    assert "筛选条件已过期" in Console(app, "lead").get(address, 404).text
    with services_of(app).database.write() as connection:
        connection.execute(delete(KEPT_INPUT))
    assert "林**" not in person.get(address, 404).text, "never wider than it says"


def test_the_log_of_an_export_names_no_payer(app: Flask, his: His) -> None:
    issued(app, his, "E1")
    person = Console(app, "accountant")
    printed = person.client.get(f"{filtered(person, payer=NAME)}&format=print")
    assert printed.status_code == 200 and "交款人姓名或号码：已限定" in printed.text and NAME not in printed.text
    with services_of(app).database.read() as connection:
        [details] = connection.scalars(select(AUDIT_ENTRY.c.details).where(AUDIT_ENTRY.c.action == "list.exported"))
    assert details["filters"]["payer"] == "…"
