"""The page behind a prepayment voucher's link: level 0, and with the patient's name its balance and movements."""

from __future__ import annotations

from flask import Response, g, request, url_for

from portal.blueprints.patient.context import page, unit_of
from portal.blueprints.patient.form_results import Result, show, show_problem, shown
from portal.domain.errors import Refusal
from portal.domain.identity import mask_name
from portal.domain.link import TOKEN
from portal.ledger import vouchers as ledger_vouchers
from portal.ledger.vouchers import VoucherFacts
from portal.retrieval.proof import voucher_access
from portal.web.edge import limits, services


def _linked(token: str) -> tuple[VoucherFacts, str] | None:
    if not TOKEN.fullmatch(token):
        return None
    with services().database.read() as connection:
        found = ledger_vouchers.by_link(connection, services().index.digest("link", token))
        if found is None:
            return None
        payer = mask_name(ledger_vouchers.payer_name(services(), connection, found))
    unit_of(found.unit_id)
    return found, payer


def link_page(token: str) -> Response | None:
    """Show the page of a voucher's link; ``None`` when the token is no voucher's."""
    linked = _linked(token)
    if linked is None:
        return None
    voucher, payer = linked
    moved = None
    if "opened" in shown().told:
        with services().database.read() as connection:
            moved = ledger_vouchers.movements(connection, [voucher.of_id or voucher.voucher_id])
    return page("voucher.html", voucher=voucher, payer=payer, token=token, moved=moved)


def opened(token: str) -> Response:
    """Lead to the same page after the patient's name was typed. Raises LINK_INVALID, TRY_LATER."""
    linked = _linked(token)
    if linked is None:
        raise Refusal("LINK_INVALID")
    name, address = request.form.get("name", "")[:100], url_for("patient.link", token=token)
    try:
        voucher_access.open_by_slip(services(), limits(), linked[0], name, request.remote_addr or "", g.request_id)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        return show_problem(address, name="姓名与凭证上的患者不一致。请核对后再试，或到住院结算窗口查询。")
    return show(address, Result(told={"opened": True}))
