"""Routes of the simulated finance for numbers under ``/finance/stock``: applications decided, segments granted.

Each act takes a form and leads back to the page, or takes JSON and answers with JSON for tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.simulators.context import state_of
from portal.simulators.finance.state import Finance
from portal.simulators.finance.stock_rules import MODES, STATUSES

MOST = 10_000_000
stock_pages = Blueprint("stock", __name__, url_prefix="/stock")


@stock_pages.get("")
def show_stock() -> ResponseReturnValue:
    """Show applications, grants and returns."""
    stock = state_of(Finance).stock
    return render_template(
        "finance_stock.html",
        applications=stock.listing("applications")[:50],
        grants=stock.listing("grants")[:50],
        returns=stock.listing("returns")[:50],
        mode=stock.mode(),
        modes=MODES,
        statuses=STATUSES,
    )


@stock_pages.get("/<string:table>.json")
def list_rows(table: str) -> ResponseReturnValue:
    """List applications, grants or returns."""
    return jsonify(state_of(Finance).stock.listing(table))


@stock_pages.post("/mode")
def set_mode() -> ResponseReturnValue:
    """Change how applications are decided."""
    stock = state_of(Finance).stock
    stock.set_mode(str(_body().get("mode", "")))
    return _back({"mode": stock.mode()})


@stock_pages.post("/decide")
def decide() -> ResponseReturnValue:
    """Approve an application or return it."""
    body = _body()
    approve = str(body.get("act", "")) == "approve"
    quantity, opinion = str(body.get("quantity") or "0"), str(body.get("opinion") or "")
    if approve and not 0 < int(quantity) <= MOST:
        raise ValueError("批准数量应为正整数")
    return _back({"decided": state_of(Finance).stock.decide(str(body["apply_no"]), approve, int(quantity), opinion)})


@stock_pages.post("/push")
def grant() -> ResponseReturnValue:
    """Grant a segment that nobody asked for."""
    body = _body()
    quantity = int(str(body["quantity"]))
    if not 0 < quantity <= MOST:
        raise ValueError("份数应为正整数")
    segment = state_of(Finance).stock.push(str(body["agency"]), str(body["bill_code"]), quantity)
    return _back({"segment": segment})


@stock_pages.post("/forget")
def forget() -> ResponseReturnValue:
    """Begin anew."""
    state_of(Finance).stock.forget()
    return _back({"forgotten": True})


def _body() -> Mapping[str, object]:
    sent: Mapping[str, object] | None = request.get_json(silent=True)
    return sent or request.form


def _back(body: dict[str, object]) -> ResponseReturnValue:
    return jsonify(body) if request.is_json else redirect(url_for(".show_stock"), 303)
