"""The page and the JSON of finance's stock desk: how applications are decided, what was granted and taken back."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.simulators.finance.stock_rules import MODES, STATUSES, StockOffice


def add_routes(pages: Blueprint, office: StockOffice) -> None:
    """``/finance/stock`` and what its buttons do; the same acts over JSON for tests."""

    @pages.get("/stock")
    def stock_desk() -> ResponseReturnValue:
        return render_template(
            "finance_stock.html",
            applications=office.listing("applications")[:50],
            grants=office.listing("grants")[:50],
            returns=office.listing("returns")[:50],
            mode=office.mode(),
            modes=MODES,
            statuses=STATUSES,
        )

    @pages.get("/stock/<string:table>.json")
    def stock_rows(table: str) -> ResponseReturnValue:
        return jsonify(office.listing(table))

    @pages.post("/stock/mode")
    def stock_mode() -> ResponseReturnValue:
        body = request.get_json(silent=True) or request.form
        office.set_mode(str(body.get("mode", "")))
        return _back({"mode": office.mode()})

    @pages.post("/stock/decide")
    def stock_decide() -> ResponseReturnValue:
        body = request.get_json(silent=True) or request.form
        approve = str(body.get("act", "")) == "approve"
        quantity, opinion = str(body.get("quantity") or "0"), str(body.get("opinion") or "")
        if approve and not 0 < int(quantity) <= 10_000_000:
            raise ValueError("批准数量应为正整数")
        done = office.decide(str(body["apply_no"]), approve, int(quantity), opinion)
        return _back({"decided": done})

    @pages.post("/stock/push")
    def stock_push() -> ResponseReturnValue:
        body = request.get_json(silent=True) or request.form
        quantity = int(str(body["quantity"]))
        if not 0 < quantity <= 10_000_000:
            raise ValueError("份数应为正整数")
        return _back({"segment": office.push(str(body["agency"]), str(body["bill_code"]), quantity)})

    @pages.post("/stock/forget")
    def stock_forget() -> ResponseReturnValue:
        office.forget()
        return _back({"forgotten": True})


def _back(body: dict[str, object]) -> ResponseReturnValue:
    return jsonify(body) if request.is_json else redirect(url_for("finance.stock_desk"), 303)
