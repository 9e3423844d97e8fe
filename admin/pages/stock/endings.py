"""票据申退, 库存作废 and 空白票报损, 票据销毁: numbers that leave. Voids and destructions take a second person."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for
from sqlalchemy import Connection

from admin.kit.forms import Form, SelectField, Text, required
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.common import (
    DESTRUCTION_STATES,
    RETURN_STATES,
    VOID_STATES,
    bounds_column,
    code_for,
    document_page,
    kind_choices,
    point_choices,
    row_of,
)
from admin.pages.stock.numbers import NumberField
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.approvals.requests import Approved, Kind
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.listing.columns import Column
from portal.listing.filters import moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import bill_number, count, moment
from portal.models.tables import STOCK_DESTRUCTION, STOCK_RETURN, STOCK_VOID
from portal.stock.documents import destructions, lists, voids
from portal.stock.documents import returns as giving_back
from portal.web.edge import see_other, services

VOID_KIND, DESTRUCTION_KIND = voids.APPROVAL, destructions.APPROVAL


def _runs(code: str, first: int, last: int) -> str:
    return f"{bill_number(code, first)} 至 {bill_number(code, last)}，{count(last - first + 1)} 份"


def _page(name: str, title: str, endpoint: str, table: Any, states: Any, empty: str, *more: Column) -> ListPage:
    return ListPage(
        name=name,
        title=title,
        order=(table.c.made_at, table.c.id),
        columns=(
            Column("no", "单号", "number", link=lambda row: url_for(endpoint, no=row.no)),
            Column("made_at", "时间", "time"),
            *more,
            bounds_column("first", "起始号"),
            bounds_column("last", "终止号"),
            Column("count", "份数", "count", total=True),
            Column("state", "状态", "state", states=states),
            Column("reason", "原因", "long"),
            Column("made_name", "经办人"),
        ),
        filters=(*moment_filters(table.c.made_at), state_filter(table.c.state, states)),
        empty=empty,
    )


RETURNS = _page(
    "stock-returns", "票据申退", "stock.return_slip", STOCK_RETURN, RETURN_STATES,
    "还没有申退。不再使用的单位库存可以退回财政。",
    Column("opinion", "财政意见", "long", shown=False),
)  # fmt: skip
VOIDS = _page(
    "stock-voids", "库存作废与报损", "stock.void", STOCK_VOID, VOID_STATES,
    "还没有作废或报损。",
    Column("category", "类别", value=lambda row: {"stock": "库存作废", "blank": "空白票报损"}[row.category]),
    Column("point", "开票点", value=lambda row: f"{row.point_code} {row.point_name}" if row.point_code else "单位库存"),
    Column("decided_name", "复核人", shown=False),
)  # fmt: skip
DESTRUCTIONS = _page(
    "stock-destructions", "票据销毁", "stock.destruction", STOCK_DESTRUCTION, DESTRUCTION_STATES,
    "还没有销毁记录。已作废的纸质票据保管期满后在这里登记销毁。",
    Column("witness", "监销人"),
    Column("decided_name", "复核人"),
)  # fmt: skip


class RunForm(Form):
    """A run of numbers of one kind, and why."""

    kind = SelectField("票据种类", [required])
    code = Text("票据代码", [], most=8, description="8 位；不填则为本年度代码")
    first = NumberField("起始号", [required])
    last = NumberField("终止号", [required])
    reason = Text("原因", [required], most=200)

    def run(self) -> tuple[str, int, int, str]:
        """Code, first, last, reason."""
        code = self.code.data or code_for(str(self.kind.data))
        return code, self.first.data or 0, self.last.data or 0, str(self.reason.data)


class VoidForm(RunForm):
    """Where the numbers lie."""

    place = SelectField("号码在", [required], description="单位库存里的是库存作废，开票点的是空白票报损")


class DestructionForm(RunForm):
    """Who watches."""

    witness = Text("监销人", [required], most=100)


@stock.get("/returns")
@requires(Permission.STOCK_VIEW, menu="票据申退", order=60)
def returns() -> Response:
    """All returns."""
    tools = [("新增申退", url_for("stock.new_return"))] if may(Permission.STOCK_RETURN) else []
    lead = "申退的号码须在单位库存中；已分发的请先撤回。"
    return respond(RETURNS, lists.returns(current_staff().unit_id), "stock/list.html", tools=tools, lead=lead)


@stock.route("/returns/new", methods=["GET", "POST"])
@requires(Permission.STOCK_RETURN, within="stock.returns")
def new_return() -> Response:
    """Give unused numbers back."""
    form, problem = RunForm(), ""
    form.kind.choices = kind_choices()
    if form.accepted():
        try:
            with services().database.write() as connection:
                no = giving_back.report(connection, current_actor(), *form.run())
            say(f"{no} 已上报，财政答复后在这里显示。")
            return see_other(url_for("stock.return_slip", no=no))
        except Refusal as refusal:
            problem = str(refusal)
    back = url_for("stock.returns")
    return page("kit/form.html", title="新增申退", form=form, verb="上报申退", back=back, problem=problem)


@stock.get("/returns/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.returns")
def return_slip(no: str) -> Response:
    """One return."""
    row = row_of(STOCK_RETURN, no)
    facts = [*_facts(row), ("财政意见", row.opinion), ("答复时间", moment(row.decided_at))]
    return document_page("申退单", no, RETURN_STATES[row.state], facts, [], url_for("stock.returns"))


def _facts(row: Any) -> list[tuple[str, Any]]:
    return [
        ("号码", _runs(row.bill_code, row.first, row.last)),
        ("原因", row.reason),
        ("经办", f"{row.made_name}　{moment(row.made_at)}"),
    ]


VOIDS_LEAD = (
    "库存作废：单位库存里印错、受潮、遗失的号码。空白票报损：开票点尚未使用的号码，由票据管理员登记，"
    "例如成段遗失、窗口停用。登记后须由另一人在“复核”里同意，号码才作废。"
    "窗口当场损坏的少量纸质票，收费员在“开票管理 › 空白票报损”办理，立即生效，也列在这里。"
)


@stock.get("/voids")
@requires(Permission.STOCK_VIEW, menu="库存作废与报损", order=70)
def voids_list() -> Response:
    """Stock voids and blank losses."""
    tools = [("登记作废或报损", url_for("stock.new_void"))] if may(Permission.STOCK_VOID) else []
    rows = lists.voids(current_staff().unit_id)
    return respond(VOIDS, rows, "stock/list.html", tools=tools, lead=VOIDS_LEAD)


@stock.route("/voids/new", methods=["GET", "POST"])
@requires(Permission.STOCK_VOID, within="stock.voids_list")
def new_void() -> Response:
    """Ask for a void; a second person decides."""
    form, problem = VoidForm(), ""
    form.kind.choices = kind_choices()
    form.place.choices = [("unit", "单位库存"), *point_choices()]
    if form.accepted():
        code, first, last, reason = form.run()
        point_id = None if form.place.data == "unit" else int(str(form.place.data))
        try:
            with services().database.write() as connection:
                no = voids.propose(connection, current_actor(), code, first, last, reason, point_id)
                sort = "库存作废" if point_id is None else "空白票报损"
                _ask(connection, VOID_KIND, no, f"{sort} {_runs(code, first, last)}", reason)
            say(f"{no} 已登记，等另一人复核。")
            return see_other(url_for("stock.void", no=no))
        except Refusal as refusal:
            problem = str(refusal)
    back = url_for("stock.voids_list")
    return page("kit/form.html", title="登记作废或报损", form=form, verb="提交复核", back=back, problem=problem)


def _ask(connection: Connection, kind: str, no: str, summary: str, reason: str) -> None:
    requests.request(connection, kind, no, {"no": no}, summary, reason, current_actor())


@stock.get("/voids/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.voids_list")
def void(no: str) -> Response:
    """One void or blank loss."""
    row = row_of(STOCK_VOID, no)
    with services().database.read() as connection:
        point = lists.points(connection, current_staff().unit_id).get(row.point_id)
    place = f"{point.code} {point.name}" if point is not None else "单位库存"
    facts = [("号码在", place), *_facts(row), *_decided(VOID_KIND, row)]
    return document_page(
        "库存作废" if point is None else "空白票报损",
        no,
        VOID_STATES[row.state],
        facts,
        [],
        url_for("stock.voids_list"),
    )


def _decided(kind: str, row: Any) -> list[tuple[str, Any]]:
    with services().database.read() as connection:
        approval = requests.of_object(connection, kind, row.no)
    said = {"pending": "等待复核", "approved": "同意", "refused": "不同意", "failed": "办理失败", "withdrawn": "已撤回"}
    if approval is None:
        return [("复核", f"{row.decided_name}　{moment(row.decided_at)}" if row.decided_at else "")]
    words = said.get(approval.state, approval.state)
    return [
        ("复核", f"{words}　{approval.decider or ''}　{moment(approval.decided_at)}"),
        ("复核意见", approval.opinion or approval.outcome),
    ]


@stock.get("/destructions")
@requires(Permission.STOCK_VIEW, menu="票据销毁", order=80)
def destructions_list() -> Response:
    """The record of destructions."""
    tools = [("登记销毁", url_for("stock.new_destruction"))] if may(Permission.STOCK_DESTROY) else []
    rows = lists.destructions(current_staff().unit_id)
    lead = "只能销毁已作废或已报损的号码；须由另一人复核。"
    return respond(DESTRUCTIONS, rows, "stock/list.html", tools=tools, lead=lead)


@stock.route("/destructions/new", methods=["GET", "POST"])
@requires(Permission.STOCK_DESTROY, within="stock.destructions_list")
def new_destruction() -> Response:
    """Ask to record a destruction."""
    form, problem = DestructionForm(), ""
    form.kind.choices = kind_choices()
    if form.accepted():
        code, first, last, reason = form.run()
        try:
            with services().database.write() as connection:
                actor, witness = current_actor(), str(form.witness.data)
                no = destructions.propose(connection, actor, code, first, last, reason, witness)
                _ask(connection, DESTRUCTION_KIND, no, f"销毁 {_runs(code, first, last)}", reason)
            say(f"{no} 已登记，等另一人复核。")
            return see_other(url_for("stock.destruction", no=no))
        except Refusal as refusal:
            problem = str(refusal)
    back = url_for("stock.destructions_list")
    return page("kit/form.html", title="登记销毁", form=form, verb="提交复核", back=back, problem=problem)


@stock.get("/destructions/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.destructions_list")
def destruction(no: str) -> Response:
    """One destruction."""
    row = row_of(STOCK_DESTRUCTION, no)
    facts = [*_facts(row), ("监销人", row.witness), *_decided(DESTRUCTION_KIND, row)]
    back = url_for("stock.destructions_list")
    return document_page("销毁单", no, DESTRUCTION_STATES[row.state], facts, [], back)


def _carry_out_void(_services: Services, connection: Connection, approved: Approved) -> str:
    no = str(approved.payload["no"])
    voids.carry_out(connection, approved.decider, no)
    return f"{no} 已作废。"


def _carry_out_destruction(_services: Services, connection: Connection, approved: Approved) -> str:
    no = str(approved.payload["no"])
    destructions.carry_out(connection, approved.decider, no)
    return f"{no} 已登记销毁。"


APPROVALS = {
    VOID_KIND: Kind("库存作废与报损", _carry_out_void),
    DESTRUCTION_KIND: Kind("票据销毁", _carry_out_destruction),
}
"""What runs when a second person agrees."""
