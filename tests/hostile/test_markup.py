"""Markup in whatever a HIS or a patient may send stays letters on every page that shows it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import html5lib
import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select

from portal.access.permissions import Role
from portal.domain.actor import Actor
from portal.issuing.paper import notice_slips
from portal.ledger import bills as ledger_bills
from portal.ledger.files import bill_pdf
from portal.models.tables import BILL
from portal.rendering.papers.slip import Paper
from portal.retrieval import files
from tests.support.addresses import pages_of
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.markup import MARK, PAYLOADS

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ACTOR = Actor("staff:test", "收费员甲", 1)
SHOWN_IN = {"value", "title", "aria-label", "placeholder", "alt"}
"""Attributes that show letters."""


def acting(html: str) -> list[str]:
    """Where the mark is something else than letters: a tag, a handler, a script, an address that is not encoded."""
    root = html5lib.parse(html, namespaceHTMLElements=False)
    return [found for element in root.iter() for found in _acts(element)]


def _acts(element: Any) -> Iterator[str]:
    if not isinstance(element.tag, str):
        if MARK in (element.text or ""):
            yield "comment"
        return
    if MARK in element.tag or (element.tag in ("script", "style", "template") and MARK in (element.text or "")):
        yield f"<{element.tag}>"
    for name, value in element.attrib.items():
        address = name in ("href", "action", "src") and value[:1] in "/?" and not value.startswith("//")
        if MARK in name or (MARK in value and name not in SHOWN_IN and not address):
            yield f"{element.tag}[{name}={value[:60]}]"


def test_the_reader_knows_letters_from_what_acts() -> None:
    """The control: put out as they are, most payloads act; the rest are letters anywhere."""
    assert sum(bool(acting(f"<p>{one}</p>") or acting(f'<input value="{one}">')) for one in PAYLOADS) > 50
    assert not acting(f'<p title="{MARK}">{MARK}</p><a href="/x?q=%3C{MARK}">x</a>')


@on_sqlite
def test_what_a_his_sends_on_every_page(app: Flask, his: His) -> None:
    """All payloads as names of list lines, one a bill in the fields of the head; console pages, files, refusals."""
    assert len(PAYLOADS) >= 60
    for place in range(0, len(PAYLOADS), 12):
        assert his.call("invoiceEBillOutpatient", _bill(f"M{place}", PAYLOADS[place : place + 12])).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        bills = list(connection.exec_driver_sql("SELECT id FROM bill WHERE serial LIKE 'M%'").scalars())
    shown = 0
    for role in (Role.LEAD, Role.SYSTEM, Role.AUDITOR):
        person = Console(app, role.value)
        for path in (*pages_of(app), *(f"/console/billing/bills/{one}" for one in bills)):
            answer = person.client.get(path)
            if answer.mimetype == "text/html" and answer.status_code == 200:
                assert acting(answer.text) == [], path
                shown += MARK in answer.text
    assert shown >= len(bills), "some page showed them"


def _bill(serial: str, payloads: tuple[str, ...], **changes: str) -> dict[str, Any]:
    head = payloads[0]
    values = outpatient(serial, patientCategory=head[:40], payee=head[:20], author=head[:20], sex="男", **changes)
    line = values["listDetail"][1]
    values["listDetail"][1:] = [
        line | {"name": payload[:100], "specification": payload[:40], "number": 1, "std": 0, "amt": 0}
        for payload in payloads
    ] + [line]
    return values


@on_sqlite
def test_what_is_typed_and_shown_again(app: Flask) -> None:
    """Filters of lists, searches, and the patient's forms put back what was typed, as letters."""
    person, patient = Console(app, Role.LEAD.value), Console(app)
    again = 0
    for payload in PAYLOADS:
        for path in ("/console/billing/bills", "/console/billing/vouchers"):
            forms = person.forms(person.client.get(path).text)
            form = next(form for form in forms if form.method == "get" or "payer" in form.values)
            if form.method == "get":
                answer = person.client.get(path, query_string=dict.fromkeys(form.values, payload))
            else:
                typed = {name: value if name == "csrf_token" else payload for name, value in form.values.items()}
                answer = person.client.post(form.action or path, data=typed, follow_redirects=True)
            assert acting(answer.text) == [], (path, payload)
            again += MARK in answer.text
        for path in ("/h/pgzx", "/h/pgzx/why", "/h/pgzx/verify"):
            form = next(form for form in patient.forms(patient.client.get(path).text) if "csrf_token" in form.values)
            typed = {name: value if name == "csrf_token" else payload for name, value in form.values.items()}
            assert acting(patient.client.post(form.action or path, data=typed).text) == [], (path, payload)
    assert again >= len(PAYLOADS)


@on_sqlite
def test_in_pdfs_they_are_letters_too(app: Flask, his: His) -> None:
    """The bill with its list, the slip, the bundle's cover: the same letters in the same order, and no link to them."""
    names = [payload[:100] for payload in PAYLOADS]
    assert his.call("invoiceEBillOutpatient", _bill("P1", tuple(names), payer=PAYLOADS[0][:60])).ok
    services, faces = app.extensions["qupiao"].services, app.extensions["qupiao"].faces
    with services.database.read() as connection:
        [bill] = [ledger_bills.by_id(connection, one) for one in connection.scalars(select(BILL.c.id))]
        file = bill_pdf(services, connection, faces, bill)
    paper = PdfReader(io.BytesIO(file.data))
    listed = squeezed(paper)
    missing = [name for name in names if "".join(name.split()) not in listed]
    assert missing == []
    order = files.Bundle("pgzx", PAYLOADS[0], zipped=False)
    cover = PdfReader(io.BytesIO(files.bundle(services, faces, order, [bill], {bill.bill_id}).data))
    job = notice_slips.start(services, ACTOR, notice_slips.BILLS, [bill.bill_id], Paper.ROLL)
    slip = PdfReader(io.BytesIO(notice_slips.job_pdf(services, 1, job)))
    for document in (paper, cover, slip):
        linked = [str(one.get_object()) for page in document.pages for one in page.get("/Annots", [])]
        assert not [one for one in linked if MARK in one]
    assert "".join(PAYLOADS[0].split()) in squeezed(cover)


def squeezed(document: PdfReader) -> str:
    return "".join("".join(page.extract_text() for page in document.pages).split())
