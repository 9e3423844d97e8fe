"""库存作废 and 空白票报损: numbers that will never be used; a second person decides."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import SelectField, required
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import kind_choices, point_choices
from admin.pages.stock.parts.document_page import Shown, document_of, document_page
from admin.pages.stock.parts.document_states import VOID_STATES
from admin.pages.stock.parts.runs import RunForm, decision_facts, run_columns, run_facts, run_list
from portal.access.permissions import Permission
from portal.domain.states.stock import VoidCategory
from portal.listing.columns import Column
from portal.stock import queries
from portal.stock.documents import lists
from portal.stock.documents import voids as service
from portal.stock.documents.facts import VoidFacts
from portal.web.edge import services

VOIDS = run_list(
    VoidFacts,
    "stock-voids",
    "库存作废与报损",
    run_columns(
        "stock.void",
        VOID_STATES,
        Column("category", "类别", value=lambda row: VoidCategory(row.category).title),
        Column(
            "point", "开票点", value=lambda row: f"{row.point_code} {row.point_name}" if row.point_code else "单位库存"
        ),
        Column("decided_name", "复核人", shown=False),
    ),
    VOID_STATES,
    "还没有作废或报损。",
)
LEAD = (
    "库存作废：单位库存里印错、受潮、遗失的号码。空白票报损：开票点尚未使用的号码，由票据管理员登记，"
    "例如成段遗失、窗口停用。登记后须由另一人在“复核”里同意，号码才作废。"
    "窗口当场损坏的少量纸质票，收费员在“开票管理 › 空白票报损”办理，立即生效，也列在这里。"
)


class VoidForm(RunForm):
    """Numbers to void, and where they lie."""

    place = SelectField("号码在", [required], description="单位库存里的是库存作废，开票点的是空白票报损")


@stock.get("/voids")
@requires(Permission.STOCK_VIEW, menu="库存作废与报损", order=70)
def voids_list() -> Response:
    """List stock voids and blank losses."""
    tools = [("登记作废或报损", url_for("stock.new_void"))] if may(Permission.STOCK_VOID) else []
    return respond(VOIDS, lists.voids(current_staff().unit_id), "stock/list.html", tools=tools, lead=LEAD)


@stock.route("/voids/new", methods=["GET", "POST"])
@requires(Permission.STOCK_VOID, within="stock.voids_list")
def new_void() -> Response:
    """Ask for a void; a second person decides."""
    form = VoidForm()
    form.kind.choices = kind_choices()
    form.place.choices = [("unit", "单位库存"), *point_choices()]

    def ask() -> str:
        point_id = None if form.place.data == "unit" else int(str(form.place.data))
        no = service.ask(services(), current_actor(), service.Void(form.run, str(form.reason.data), point_id))
        say(f"{no} 已登记，等另一人复核。")
        return url_for("stock.void", no=no)

    return form_page(form, ask, title="登记作废或报损", verb="提交复核", back=url_for("stock.voids_list"))


@stock.get("/voids/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.voids_list")
def void(no: str) -> Response:
    """Show one void or blank loss."""
    shown = document_of(VoidFacts, no)
    with services().database.read() as connection:
        points = queries.points(connection, current_staff().unit_id)
    point = None if shown.point_id is None else points[shown.point_id]
    place = "单位库存" if point is None else f"{point.code} {point.name}"
    facts = [("号码在", place), *run_facts(shown), *decision_facts(service.APPROVAL, shown)]
    title = VoidCategory(shown.category).title
    return document_page(Shown(title, no, VOID_STATES[shown.state], facts, url_for("stock.voids_list")))
