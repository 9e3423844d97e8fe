"""票据销毁: the record of void forms destroyed before a witness; a second person decides."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Text, required
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import kind_choices
from admin.pages.stock.parts.document_page import Shown, document_of, document_page
from admin.pages.stock.parts.document_states import DESTRUCTION_STATES
from admin.pages.stock.parts.runs import RunForm, decision_facts, run_columns, run_facts, run_list
from portal.access.permissions import Permission
from portal.listing.columns import Column
from portal.stock.documents import destructions as service
from portal.stock.documents import lists
from portal.stock.documents.facts import DestructionFacts
from portal.web.edge import services

DESTRUCTIONS = run_list(
    DestructionFacts,
    "stock-destructions",
    "票据销毁",
    run_columns("stock.destruction", DESTRUCTION_STATES, Column("witness", "监销人"), Column("decided_name", "复核人")),
    DESTRUCTION_STATES,
    "还没有销毁记录。已作废的纸质票据保管期满后在这里登记销毁。",
)


class DestructionForm(RunForm):
    """Numbers whose forms are destroyed, and who watches."""

    witness = Text("监销人", [required], most=100)


@stock.get("/destructions")
@requires(Permission.STOCK_VIEW, menu="票据销毁", order=80)
def destructions_list() -> Response:
    """List the destructions."""
    tools = [("登记销毁", url_for("stock.new_destruction"))] if may(Permission.STOCK_DESTROY) else []
    rows = lists.destructions(current_staff().unit_id)
    lead = "只能销毁已作废或已报损的号码；须由另一人复核。"
    return respond(DESTRUCTIONS, rows, "stock/list.html", tools=tools, lead=lead)


@stock.route("/destructions/new", methods=["GET", "POST"])
@requires(Permission.STOCK_DESTROY, within="stock.destructions_list")
def new_destruction() -> Response:
    """Ask to record a destruction; a second person decides."""
    form = DestructionForm()
    form.kind.choices = kind_choices()

    def ask() -> str:
        order = service.Destruction(form.run, str(form.reason.data), str(form.witness.data))
        no = service.ask(services(), current_actor(), order)
        say(f"{no} 已登记，等另一人复核。")
        return url_for("stock.destruction", no=no)

    return form_page(form, ask, title="登记销毁", verb="提交复核", back=url_for("stock.destructions_list"))


@stock.get("/destructions/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.destructions_list")
def destruction(no: str) -> Response:
    """Show one destruction."""
    shown = document_of(DestructionFacts, no)
    facts = [*run_facts(shown), ("监销人", shown.witness), *decision_facts(service.APPROVAL, shown)]
    back = url_for("stock.destructions_list")
    return document_page(Shown("销毁单", no, DESTRUCTION_STATES[shown.state], facts, back))
