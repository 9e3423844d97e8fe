"""Everything the application registers for the console. A new page module is imported and listed here, no more."""

from __future__ import annotations

from flask import Flask

from admin import approvals, bulk, entrance, groups, home, marked, own, shapes
from admin.basics import catalogue, devices, hospital, payers, points, seals
from admin.billing import batches, bills, desk, paper, paper_lists, reversal, search, voucher_acts, vouchers
from admin.delivery import companies, notices, patients, targets, verifications
from admin.delivery import log as delivery_log
from admin.stock import applications, endings, number_map, overview, slips
from admin.stock import receipts as stock_receipts
from admin.system import his_accounts, log, parameters, users
from portal.access.approvals import Kind
from portal.issuing import marked as marked_persons
from portal.issuing import second_person, voucher_approvals

PAGES = (
    applications,
    approvals,
    batches,
    bills,
    bulk,
    catalogue,
    companies,
    delivery_log,
    desk,
    devices,
    endings,
    his_accounts,
    home,
    hospital,
    log,
    marked,
    notices,
    number_map,
    overview,
    own,
    paper,
    paper_lists,
    parameters,
    patients,
    payers,
    points,
    reversal,
    seals,
    search,
    slips,
    stock_receipts,
    targets,
    users,
    verifications,
    voucher_acts,
    vouchers,
)
"""The modules whose views hang on the groups' blueprints."""

APPROVALS: dict[str, Kind] = {
    **second_person.KINDS,
    **voucher_approvals.KINDS,
    **endings.APPROVALS,
    **marked_persons.APPROVALS,
}
"""Every kind of four-eyes approval and what runs when it is approved: ``"bill.reversal": Kind("大额冲红", act)``."""

BLUEPRINTS = ((entrance.entrance, "none"), *((blueprint, "staff-session") for blueprint in groups.ALL))
"""The log-in page proves nobody; everything else needs a staff session."""


def prepare(app: Flask) -> None:
    """Filters of the templates, and what a session must do before it may work."""
    app.jinja_env.filters.update(shapes.FILTERS)
    app.register_error_handler(marked.ReasonNeeded, marked.ask)
    app.extensions["qupiao_approval_kinds"] = APPROVALS
    app.extensions["qupiao_next_step"] = own.next_step
