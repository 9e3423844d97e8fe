"""The patients' pages with a session: what a page costs, and that use keeps a session open."""

from __future__ import annotations

import io
from datetime import timedelta

import pypdf
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from portal.core.clock import now
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.domain.states.bills import BillState
from portal.domain.states.delivery import Purpose, Step
from portal.ledger import bills
from portal.ledger.persons import number_digest
from portal.models.tables import BILL, PATIENT_SESSION
from portal.retrieval.proof.sessions import Claim
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.patients import visitor
from tests.support.statements import statements
from tests.support.window import Window

pytestmark = sqlite_first

MOST_QUERIES = 4
ID_NO, NAME = "000000195203150010", "林演安"


@pytest.fixture
def token(his: His) -> str:
    """The link of the person's newest bill of three."""
    answers = [his.call("invoiceEBillOutpatient", outpatient(f"P{number}", idCardNo=ID_NO)) for number in range(3)]
    return answers[-1].payload["pictureUrl"].rpartition("/")[2]


@pytest.fixture
def patient(app: Flask, token: str) -> FlaskClient:
    """The person of the bills, identified by number, name and code."""
    services = app.extensions["qupiao"].services
    return visitor(app, Claim(number_digest(services, ID_NO).hex(), services.index.digest("name", NAME).hex()), 2)


def newest(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.scalar(select(BILL.c.id).where(BILL.c.serial == "P2"))


def test_no_page_asks_more_than_four_questions(app: Flask, patient: FlaskClient, token: str) -> None:
    bill = f"/h/pgzx/bills/{newest(app)}"
    pages = ("/h/pgzx", "/h/pgzx/bills", bill, f"{bill}/details", f"{bill}/einvoice.xml", f"/b/{token}")
    for page in pages:
        patient.get(page)  # what is remembered for some seconds is not counted
        with statements(app) as questions:
            assert patient.get(page).status_code == 200
        assert len(questions) <= MOST_QUERIES, (page, questions)
        assert questions, "the count must see something"


def test_a_bill_that_was_sent_costs_one_question_more(app: Flask, patient: FlaskClient) -> None:
    """Session, bill with what belongs to it, items; then what was sent."""
    bill = newest(app)
    services, page = app.extensions["qupiao"].services, f"/h/pgzx/bills/{bill}"

    def cost() -> int:
        patient.get(page)
        with statements(app) as questions:
            assert patient.get(page).status_code == 200
        return len(questions)

    assert cost() == 3
    with services.database.write() as connection:
        wanted = Wanted(1, "bill", bill, Purpose.REQUESTED, (Step("sms"),), "test", "10000000001")
        open_delivery(services, connection, wanted)
    assert cost() == 4


def test_the_pdf_says_that_paper_is_out(app: Flask, patient: FlaskClient, his: His) -> None:
    """已换开 across the face once a supervised bill stands on paper; files never say so before."""
    bill, window = newest(app), Window(his)
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.id == bill).values(state=BillState.SUPERVISED.value))
        facts = bills.by_id(connection, bill)
    assert "已换开" not in face_text(patient, bill)
    assert window.turn({"billBatchCode": facts.code, "billNo": facts.number}, window.next()).ok
    assert "已换开" in face_text(patient, bill)


def face_text(patient: FlaskClient, bill: int) -> str:
    """The words of the bill's PDF."""
    answer = patient.get(f"/h/pgzx/bills/{bill}/bill.pdf")
    assert answer.status_code == 200 and answer.mimetype == "application/pdf"
    return "".join(pypdf.PdfReader(io.BytesIO(answer.data)).pages[0].extract_text().split())


def test_a_session_sees_its_own_bills_and_no_others(app: Flask, patient: FlaskClient, token: str) -> None:
    page = f"/h/pgzx/bills/{newest(app)}"
    services = app.extensions["qupiao"].services
    number, name = number_digest(services, ID_NO).hex(), services.index.digest("name", NAME).hex()
    other = services.index.digest("name", "陈样英").hex()
    assert NAME in patient.get(page).get_data(as_text=True)
    assert patient.get("/h/pgzx/bills").get_data(as_text=True).count("128.50") == 3
    seen = {
        "typed, not proved": visitor(app, Claim(number, name), 1),
        "another name": visitor(app, Claim(number, other), 2),
        "nothing": visitor(app, Claim(), 2),
    }
    for why, client in seen.items():
        assert client.get(page).status_code == 404, why
        assert "128.50" not in client.get("/h/pgzx/bills").get_data(as_text=True), why
    by_slip = visitor(app, Claim(bills=(newest(app),)), 1)
    assert by_slip.get(page).status_code == 200
    assert by_slip.get("/h/pgzx/bills").get_data(as_text=True).count("128.50") == 1


def test_use_keeps_a_session_open_with_few_writes(app: Flask, patient: FlaskClient) -> None:
    database, page = app.extensions["qupiao"].services.database, f"/h/pgzx/bills/{newest(app)}"
    soon = now() + timedelta(minutes=2)

    def until() -> object:
        with database.read() as connection:
            return connection.scalar(select(PATIENT_SESSION.c.expires_at))

    first = until()
    patient.get(page)
    assert until() == first, "used a moment ago: nothing to write"
    with database.write() as connection:
        connection.execute(update(PATIENT_SESSION).values(expires_at=soon))
    patient.get(page)
    assert until() > soon + timedelta(minutes=10)
