"""Routes of the simulated finance under ``/finance``: messages taken, the bills it has, what an officer does by hand.

It checks what a front-end machine would: digest, clock, message id, then the bill. Every fault of the page can be
set over HTTP too (``POST /finance/faults``), so that a demo and a test break it in the same way.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.domain.money import fen_of
from portal.providers.finance.national import envelope
from portal.simulators.context import state_of
from portal.simulators.finance.state import Finance
from portal.simulators.finance.stock_routes import stock_pages
from portal.simulators.server import deliver, drop_connection
from portal.simulators.switches import add_switches

BOOKER = "阳江示例五金厂"

pages = Blueprint("finance", __name__, url_prefix="/finance", template_folder="templates")
pages.register_blueprint(stock_pages)
add_switches(pages)


@pages.post("/exchange")
def take_message() -> ResponseReturnValue:
    """Take a message and answer it, unless a fault befalls it."""
    here = state_of(Finance)
    if here.faults.strikes("hang_up"):
        return drop_connection()
    if (request.content_length or 0) > envelope.MOST_BYTES:
        return Response("报文过大", 413, mimetype="text/plain")
    body = request.get_data(cache=False)
    here.faults.delay()
    if here.faults.strikes("down"):
        return Response("财政系统不可用（演示故障）", 503, mimetype="text/plain")
    return deliver(here.front_end.answer(body), here.faults)


@pages.get("/bills.json")
def list_bills() -> ResponseReturnValue:
    """List the bills, newest first."""
    return jsonify(state_of(Finance).rules.bills())


@pages.get("/sheets.json")
def list_sheets() -> ResponseReturnValue:
    """List paper sheets and void numbers."""
    return jsonify(state_of(Finance).papers.listing())


@pages.get("")
def show_inbox() -> ResponseReturnValue:
    """Show the bills."""
    here = state_of(Finance)
    bills, counts, action = here.rules.bills(100), here.rules.counts(), url_for(".set_switch")
    return render_template("finance.html", bills=bills, counts=counts, switches=here.faults.all(), action=action)


@pages.post("/segments")
def grant_segments() -> ResponseReturnValue:
    """Note granted segments."""
    body = request.get_json(force=True)
    if not isinstance(body, list):
        raise ValueError("报文应为号段的数组")
    for row in body:
        state_of(Finance).rules.grant(str(row["bill_code"]), int(row["first"]), int(row["last"]))
    return jsonify({"segments": len(body)})


@pages.post("/refuse")
def refuse_bill() -> ResponseReturnValue:
    """Refuse a queued bill."""
    body = request.get_json(force=True)
    opinion = str(body.get("opinion", "审核未通过"))
    done = state_of(Finance).rules.refuse(str(body["bill_code"]), str(body["number"]), opinion)
    return jsonify({"refused": done}), 200 if done else 409


@pages.post("/bookings")
def book_bill() -> ResponseReturnValue:
    """Book a bill for a unit, or take the booking back."""
    wanted = request.form or request.get_json(force=True)
    accounted, amount = str(wanted["accounted"]) == "1", str(wanted.get("amount") or "")
    unit = str(wanted.get("unit") or (BOOKER if accounted else ""))
    bill = (str(wanted["bill_code"]), str(wanted["number"]))
    done = state_of(Finance).rules.book(*bill, unit, accounted, fen_of(amount) if amount else None)
    if request.form:
        return redirect(url_for(".show_inbox"), 303)
    return jsonify({"booked": done}), 200 if done else 409
