"""票据申退: unused unit stock given back to finance."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import kind_choices
from admin.pages.stock.parts.document_page import Shown, document_of, document_page
from admin.pages.stock.parts.document_states import RETURN_STATES
from admin.pages.stock.parts.runs import RunForm, run_columns, run_facts, run_list
from portal.access.permissions import Permission
from portal.listing.columns import Column
from portal.listing.values import moment
from portal.stock.documents import lists
from portal.stock.documents import returns as service
from portal.stock.documents.facts import ReturnFacts
from portal.web.edge import services

RETURNS = run_list(
    ReturnFacts,
    "stock-returns",
    "票据申退",
    run_columns("stock.return_slip", RETURN_STATES, Column("opinion", "财政意见", "long", shown=False)),
    RETURN_STATES,
    "还没有申退。不再使用的单位库存可以退回财政。",
)


@stock.get("/returns")
@requires(Permission.STOCK_VIEW, menu="票据申退", order=60)
def returns() -> Response:
    """List all returns."""
    tools = [("新增申退", url_for("stock.new_return"))] if may(Permission.STOCK_RETURN) else []
    lead = "申退的号码须在单位库存中；已分发的请先撤回。"
    return respond(RETURNS, lists.returns(current_staff().unit_id), "stock/list.html", tools=tools, lead=lead)


@stock.route("/returns/new", methods=["GET", "POST"])
@requires(Permission.STOCK_RETURN, within="stock.returns")
def new_return() -> Response:
    """Give unused numbers back."""
    form = RunForm()
    form.kind.choices = kind_choices()

    def report() -> str:
        no = service.report(services(), current_actor(), service.Return(form.run, str(form.reason.data)))
        say(f"{no} 已上报，财政答复后在这里显示。")
        return url_for("stock.return_slip", no=no)

    return form_page(form, report, title="新增申退", verb="上报申退", back=url_for("stock.returns"))


@stock.get("/returns/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.returns")
def return_slip(no: str) -> Response:
    """Show one return."""
    shown = document_of(ReturnFacts, no)
    facts = [*run_facts(shown), ("财政意见", shown.opinion), ("答复时间", moment(shown.decided_at))]
    return document_page(Shown("申退单", no, RETURN_STATES[shown.state], facts, url_for("stock.returns")))
