"""票据分发: hand-outs to points, their acceptance and withdrawal; 应急库存: what emergency points keep."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from admin.kit.filters import AT_POINT, POINT_COLUMN
from admin.kit.forms import Form, IntegerField, SelectField, Text, between, optional, required
from admin.kit.groups import stock
from admin.kit.listing import respond, respond_computed
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_point, current_staff, may, requires
from admin.pages.stock.common import (
    SLIP_STATES,
    Button,
    bounds_column,
    code_for,
    document_page,
    kind_choices,
    point_choices,
    row_of,
)
from admin.pages.stock.numbers import NumberField
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.domain.stock import SlipState
from portal.listing.columns import Column
from portal.listing.filters import moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import State, bill_number, count, moment
from portal.models.tables import STOCK_SLIP
from portal.stock import balances
from portal.stock.documents import handouts, lists
from portal.web.edge import see_other, services

SLIPS = ListPage(
    name="stock-slips",
    title="票据分发",
    order=(STOCK_SLIP.c.made_at, STOCK_SLIP.c.id),
    columns=(
        Column("no", "分发单号", "number", link=lambda row: url_for("stock.slip", no=row.no)),
        Column("made_at", "编制时间", "time"),
        POINT_COLUMN,
        Column("kind_name", "票据种类", "long"),
        Column("bill_code", "票据代码", "number", shown=False),
        Column("count", "份数", "count", total=True),
        Column("state", "状态", "state", states=SLIP_STATES),
        Column("automatic", "方式", value=lambda row: "自动补票" if row.automatic else "人工", shown=False),
        Column("taker", "领用人", shown=False),
        Column("handed_name", "下发人"),
        Column("accepted_at", "接收时间", "time"),
        Column("accepted_name", "接收人", shown=False),
        Column("withdrawn_at", "撤回时间", "time", shown=False),
    ),
    filters=(
        *moment_filters(STOCK_SLIP.c.made_at),
        state_filter(STOCK_SLIP.c.state, SLIP_STATES),
        AT_POINT,
    ),
    empty="还没有分发单。在“新增分发”里把单位库存的号码下发给窗口或自助机。",
)


class SlipForm(Form):
    """What a hand-out says."""

    point = SelectField("接收开票点", [required])
    kind = SelectField("票据种类", [required])
    count = IntegerField("份数", [required, between(1, handouts.MOST)])
    first = NumberField("起始号", [optional], description="不填则从单位库存最小的号码起")
    taker = Text("领用人", [], most=100)


@stock.get("/slips")
@requires(Permission.STOCK_VIEW, menu="票据分发", order=50)
def slips() -> Response:
    """All hand-outs, newest first."""
    tools = [("新增分发", url_for("stock.new_slip"))] if may(Permission.STOCK_HAND_OUT) else []
    return respond(SLIPS, lists.slips(current_staff().unit_id), "stock/list.html", tools=tools, lead="")


@stock.route("/slips/new", methods=["GET", "POST"])
@requires(Permission.STOCK_HAND_OUT, within="stock.slips")
def new_slip() -> Response:
    """Write one; below the form stands what the unit has."""
    form, problem = SlipForm(), ""
    form.point.choices, form.kind.choices = point_choices(), kind_choices()
    if form.accepted():
        code, wanted = code_for(str(form.kind.data)), form.count.data or 0
        try:
            with services().database.write() as connection:
                point_id, taker = int(str(form.point.data)), str(form.taker.data)
                no = handouts.draft(connection, current_actor(), point_id, code, wanted, form.first.data, taker)
            say(f"已保存分发单 {no}，核对后请下发。")
            return see_other(url_for("stock.slip", no=no))
        except Refusal as refusal:
            problem = str(refusal)
    with services().database.read() as connection:
        found = balances.holdings(connection, current_staff().unit_id)
    unit = [each for each in found if each.place == "unit"]
    return page("stock/hand_out.html", form=form, problem=problem, holdings=unit, back=url_for("stock.slips"))


@stock.get("/slips/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.slips")
def slip(no: str) -> Response:
    """One hand-out: used and left, the acts that are legal now."""
    row = row_of(STOCK_SLIP, no)
    with services().database.read() as connection:
        point = lists.points(connection, current_staff().unit_id)[row.point_id]
        used, left = balances.of_slip(connection, no)
        kind = lists.kinds(connection)[row.kind_id]
    state = SLIP_STATES[row.state]
    if row.state == SlipState.WITHDRAWN and used:
        state = State("已撤回未用部分")
    elif row.state == SlipState.ACCEPTED and used:
        state = State("部分使用" if left else "已用完", "ok")
    facts = [
        ("接收开票点", f"{point.code} {point.name}"),
        ("票据种类", kind.name),
        ("票据代码", row.bill_code),
        ("份数", count(row.count)),
        ("指定起始号", bill_number(row.bill_code, row.first) if row.first is not None else ""),
        ("已用", count(used)),
        ("剩余", count(left)),
        ("领用人", row.taker),
        ("编制", f"{row.made_name}　{moment(row.made_at)}"),
        ("下发", f"{row.handed_name}　{moment(row.handed_at)}" if row.handed_at else ""),
        ("接收", f"{row.accepted_name}　{moment(row.accepted_at)}" if row.accepted_at else ""),
        ("撤回", f"{row.withdrawn_name}　{moment(row.withdrawn_at)}" if row.withdrawn_at else ""),
    ]
    return document_page("分发单", no, state, facts, _buttons(row, left), url_for("stock.slips"))


def _buttons(row: Any, left: int) -> list[Button]:
    found = []
    if may(Permission.STOCK_HAND_OUT) and row.state == SlipState.DRAFT:
        found.append(Button("下发", url_for("stock.hand_out_slip", no=row.no), main=True))
        found.append(Button("删除", url_for("stock.cancel_slip", no=row.no), danger=True))
    if may(Permission.STOCK_ACCEPT) and row.state == SlipState.HANDED_OUT:
        found.append(Button("确认接收", url_for("stock.accept_slip", no=row.no), main=True))
    if may(Permission.STOCK_HAND_OUT) and row.state in (SlipState.HANDED_OUT, SlipState.ACCEPTED) and left:
        found.append(Button("撤回未用部分", url_for("stock.withdraw_slip", no=row.no), danger=True))
    return found


@stock.post("/slips/<string:no>/hand-out")
@requires(Permission.STOCK_HAND_OUT)
def hand_out_slip(no: str) -> Response:
    """下发."""
    with services().database.write() as connection:
        runs = handouts.hand_out(connection, current_actor(), no)
        waits = handouts.waits(connection, current_actor(), no)
    total = sum(last - first + 1 for first, last in runs)
    say(f"{no} 已下发 {total} 份" + ("，等开票点接收。" if waits else "，已可使用。"))
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/accept")
@requires(Permission.STOCK_ACCEPT)
def accept_slip(no: str) -> Response:
    """接收, at the point where the person works; who hands out may accept for any point."""
    row = row_of(STOCK_SLIP, no)
    if not may(Permission.STOCK_HAND_OUT) and current_point().id != row.point_id:
        raise Refusal("DOCUMENT_UNKNOWN", no=no)
    with services().database.write() as connection:
        handouts.accept(connection, current_actor(), no)
    say(f"{no} 已接收，号码可以使用了。")
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/withdraw")
@requires(Permission.STOCK_HAND_OUT)
def withdraw_slip(no: str) -> Response:
    """撤回."""
    with services().database.write() as connection:
        back = handouts.withdraw(connection, current_actor(), no)
    say(f"已撤回 {back} 份未用号码，回到单位库存。")
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/cancel")
@requires(Permission.STOCK_HAND_OUT)
def cancel_slip(no: str) -> Response:
    """删除."""
    with services().database.write() as connection:
        handouts.cancel(connection, current_actor(), no)
    say(f"{no} 已删除。")
    return see_other(url_for("stock.slips"))


EMERGENCY = ListPage(
    name="stock-emergency",
    title="应急库存",
    columns=(
        Column("point", "应急开票点", value=lambda row: f"{row.point_code} {row.point_name}"),
        Column("kind_name", "票据种类"),
        bounds_column("first", "最小未用号"),
        bounds_column("last", "最大号"),
        Column("reserved", "预留份数", "count"),
    ),
    empty="应急开票点还没有号码。断网时要能开票，请先预留。",
)


class EmergencyForm(Form):
    """Numbers kept apart for a day without the network."""

    point = SelectField("应急开票点", [required])
    kind = SelectField("票据种类", [required])
    count = IntegerField("份数", [required, between(1, handouts.MOST)], description="建议覆盖两天的开票量")


@stock.route("/emergency", methods=["GET", "POST"])
@requires(Permission.STOCK_VIEW, menu="应急库存", order=90)
def emergency() -> Response:
    """What emergency points have, kept apart from normal issue; more of it with one form."""
    form, problem = EmergencyForm(), ""
    form.point.choices, form.kind.choices = point_choices("emergency"), kind_choices()
    allowed = may(Permission.STOCK_HAND_OUT)
    if allowed and form.accepted():
        try:
            with services().database.write() as connection:
                actor, point_id = current_actor(), int(str(form.point.data))
                code = code_for(str(form.kind.data))
                no = handouts.draft(connection, actor, point_id, code, form.count.data or 0)
                handouts.hand_out(connection, actor, no)
            say(f"{no} 已下发，号码只供应急开票使用。")
            return see_other(url_for("stock.emergency"))
        except Refusal as refusal:
            problem = str(refusal)
    with services().database.read() as connection:
        found = balances.holdings(connection, current_staff().unit_id)
        points = lists.points(connection, current_staff().unit_id)
    kept = [each for each in found if each.point_id and points[each.point_id].kind == "emergency"]
    return respond_computed(EMERGENCY, kept, "stock/emergency.html", form=form if allowed else None, problem=problem)
