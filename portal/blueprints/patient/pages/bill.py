"""One bill: its page, detail lines, PDF, picture, signed document."""

from __future__ import annotations

from typing import Any

from flask import Response, g

from portal import audit
from portal.blueprints.patient.context import handed_out, own_bill, page, patient, session_here, unit_of
from portal.delivery import requests as delivery_requests
from portal.delivery.cards import orders
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.hospital import queries as hospital_queries
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.ledger.files import File, bill_pdf, bill_xml
from portal.retrieval import bill_steps, files, patient_requests
from portal.retrieval.proof import identify
from portal.web.edge import FACE_WIDTH, runtime, services
from portal.web.headers import private_picture


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>")
def bill(unit_code: str, bill_id: int) -> Response:
    """One bill in plain words, with its face and its elements."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 1)
        found = identify.own_bill_related(services(), connection, session, bill_id)
        if found is None:
            raise Refusal("BILL_NOT_FOUND")
        facts, payer, related = found
        items = ledger_bills.items(connection, bill_id)
        asked = patient_requests.of_bill(services(), connection, bill_id) if related.asked else []
        sent = delivery_requests.state_for_patient(connection, facts.unit_id, "bill", bill_id) if related.sent else []
        whole = identify.may_see_details(services(), connection, session, bill_id)
    values: dict[str, Any] = {
        "payer": payer,
        "whole": whole,
        "items": items,
        "session": session,
        "related": related,
        "asked": asked,
        "sent": sent,
        "packs": orders.open_platforms(services(), whole) if files.counts(facts) else [],
        "steps": bill_steps.steps(facts, related, delivery_requests.how_far(sent)),
    }
    return page("bill.html", bill=facts, **values)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/details")
def details(unit_code: str, bill_id: int) -> Response:
    """Show the list lines of one bill; to whoever has a slip only, how to get them."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        if not identify.may_see_details(services(), connection, session, bill_id):
            return page("more_proof.html", bill=facts)
        rows = ledger_bills.detail_lines(connection, bill_id)
        department = hospital_queries.general_department(connection, facts.unit_id, facts.department)
    return page("details.html", bill=facts, rows=rows, department=department)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/bill.pdf")
def pdf(unit_code: str, bill_id: int) -> Response:
    """Show the bill's PDF, made from the signed bytes; to whoever has a slip only, its face."""
    facts, file = _pdf(unit_code, bill_id)
    _record("bill.downloaded", facts)
    return handed_out(file)


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/face.png")
def face(unit_code: str, bill_id: int) -> Response:
    """Show a picture of the face, from the same source as the PDF."""
    _, file = _pdf(unit_code, bill_id)
    return private_picture(runtime().faces.png(file.data, FACE_WIDTH), "image/png")


@patient.get("/h/<string:unit_code>/bills/<int:bill_id>/einvoice.xml")
def einvoice(unit_code: str, bill_id: int) -> Response:
    """Show the signed document itself."""
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        if not identify.may_see_details(services(), connection, session, bill_id):
            return page("more_proof.html", bill=facts)
        file = bill_xml(services(), connection, facts)
    _record("bill.downloaded", facts)
    return handed_out(file)


def _pdf(unit_code: str, bill_id: int) -> tuple[BillFacts, File]:
    unit_of(unit_code)
    with services().database.read() as connection:
        facts, _, session = own_bill(connection, bill_id)
        whole = identify.may_see_details(services(), connection, session, bill_id)
        return facts, bill_pdf(services(), connection, runtime().faces, facts, whole=whole)


def _record(action: str, facts: BillFacts) -> None:
    audit.note(services(), Actor("patient", request_id=g.request_id), action, ("bill", facts.bill_id))
