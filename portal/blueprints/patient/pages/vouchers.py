"""Prepayment vouchers: the page behind a link (level 0), and one's own deposit with balance, movements and file."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import (
    caller,
    handed_out,
    page,
    patient,
    remember,
    session_here,
    session_of,
    unit_of,
)
from portal.blueprints.patient.form_results import show_problem
from portal.core.database import Connection
from portal.delivery import message_links
from portal.delivery.message_links import MessageLink
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name
from portal.domain.link import TOKEN
from portal.ledger import vouchers as ledger_vouchers
from portal.ledger.vouchers import VoucherFacts
from portal.retrieval.proof import voucher_access
from portal.retrieval.proof.sessions import Session
from portal.retrieval.proof.voucher_access import Linked
from portal.web.edge import limits, see_other, services


def _linked(connection: Connection, token: str) -> tuple[Linked | None, MessageLink | None]:
    """Return the voucher of a link; with it the message, when it is the link of one."""
    sent = message_links.by_link(services(), connection, token)
    if sent is None:
        digest = services().index.digest("link", token)
        found = ledger_vouchers.by_link(connection, digest) if TOKEN.fullmatch(token) else None
        return (None if found is None else Linked(found)), None
    found = ledger_vouchers.by_id(connection, sent.unit_id, sent.voucher_id) if sent.voucher_id else None
    return (None if found is None else Linked(found, sent.joined_vouchers(connection))), sent


def link_page(token: str) -> Response | None:
    """Show the page of a voucher's link; ``None`` when the token is no voucher's."""
    with services().database.read() as connection:
        linked, sent = _linked(connection, token)
        if linked is None:
            return None
        payer = mask_name(ledger_vouchers.payer_name(services(), connection, linked.voucher))
        session = session_of(connection)
        deposit = voucher_access.own(services(), connection, session, linked.deposit_id) if session else None
    unit_of(linked.voucher.unit_id)
    not_mine = "" if sent is None else url_for("patient.stop_page", token=sent.stop_token)
    values: dict[str, Any] = {"payer": payer, "token": token, "deposit": deposit, "not_mine": not_mine}
    return page("voucher_link.html", voucher=linked.voucher, **values)


@patient.post("/b/<string:token>/voucher")
def open_voucher(token: str) -> Response:
    """Lead to a deposit's page after the patient's name was typed. Raises LINK_INVALID, TRY_LATER."""
    with services().database.read() as connection:
        linked, _ = _linked(connection, token)
        if linked is None:
            raise Refusal("LINK_INVALID")
        session = session_of(connection)
    unit_of(linked.voucher.unit_id)
    name = request.form.get("name", "")[:100]
    try:
        cookie = voucher_access.open_by_slip(services(), limits(), linked, name, caller(), session)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        wrong = "姓名与凭证上的患者不一致。请核对后再试，或到住院结算窗口查询。"
        return show_problem(url_for("patient.link", token=token), name=wrong)
    if linked.others:
        return remember(see_other(url_for("patient.bills", unit_code=g.unit.code)), cookie)
    address = url_for("patient.voucher", unit_code=g.unit.code, voucher_id=linked.deposit_id)
    return remember(see_other(address), cookie)


def _own(connection: Connection, voucher_id: int) -> tuple[VoucherFacts, Session]:
    session = session_here(connection, 1)
    found = voucher_access.own(services(), connection, session, voucher_id)
    if found is None:
        raise Refusal("BILL_NOT_FOUND")
    return found, session


@patient.get("/h/<string:unit_code>/vouchers/<int:voucher_id>")
def voucher(unit_code: str, voucher_id: int) -> Response:
    """Show a deposit: what is left, what became of it, and the sheets to save."""
    unit_of(unit_code)
    with services().database.read() as connection:
        found, session = _own(connection, voucher_id)
        payer = ledger_vouchers.payer_name(services(), connection, found)
        moved = ledger_vouchers.movements(connection, [voucher_id])
        documents = ledger_vouchers.documents_of(connection, voucher_id)
    values: dict[str, Any] = {"payer": mask_name(payer), "moved": moved, "documents": documents, "session": session}
    return page("voucher.html", voucher=found, **values)


@patient.get("/h/<string:unit_code>/vouchers/<int:voucher_id>/sheets/<int:document_id>")
def voucher_pdf(unit_code: str, voucher_id: int, document_id: int) -> Response:
    """Hand out the sheet of a deposit, or of a refund or cancellation of it."""
    unit_of(unit_code)
    with services().database.read() as connection:
        found, session = _own(connection, voucher_id)
    return handed_out(voucher_access.document(services(), session, found, document_id))
