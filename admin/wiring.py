"""Everything the application registers for the console. A new page module is imported and listed here, no more."""

from __future__ import annotations

from flask import Flask

from admin.kit import groups, reasons
from admin.kit.listing import list_address
from admin.pages import login
from admin.pages.basics import catalogue, devices, faces, hospital, payers, points
from admin.pages.billing import (
    batches,
    bills,
    manual_issue,
    paper,
    paper_lists,
    reversal,
    search,
    voucher_actions,
    vouchers,
)
from admin.pages.delivery import companies, notice_slips, patients, targets, verifications
from admin.pages.delivery import log as delivery_log
from admin.pages.home import approvals, home, my_account
from admin.pages.stock import applications, destructions, number_map, overview, returns, slips, voids
from admin.pages.stock import receipts as stock_receipts
from admin.pages.system import his_accounts, log, parameters, protected_persons, users
from portal.listing import values

PAGES = (
    applications,
    approvals,
    batches,
    bills,
    reasons,
    catalogue,
    companies,
    delivery_log,
    manual_issue,
    destructions,
    devices,
    his_accounts,
    home,
    hospital,
    log,
    protected_persons,
    notice_slips,
    number_map,
    overview,
    my_account,
    paper,
    paper_lists,
    parameters,
    patients,
    payers,
    points,
    returns,
    reversal,
    faces,
    search,
    slips,
    stock_receipts,
    targets,
    users,
    verifications,
    voids,
    voucher_actions,
    vouchers,
)
"""The modules whose views hang on the groups' blueprints."""

BLUEPRINTS = ((login.entrance, "none"), *((blueprint, "staff-session") for blueprint in groups.ALL))
"""The login page needs no authentication; everything else needs a staff session."""


def prepare(app: Flask) -> None:
    """Register the filters of the templates and what a session must do before it may work."""
    app.jinja_env.globals["list_address"] = list_address
    app.jinja_env.filters.update(values.FILTERS)
    app.register_error_handler(reasons.ReasonNeeded, reasons.ask_look)
    app.extensions["qupiao_next_step"] = my_account.next_step
