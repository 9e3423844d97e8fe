"""票据分发: hand-outs to points, their acceptance and withdrawal; 应急库存: the numbers that emergency points keep."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.filters import AT_POINT, POINT_COLUMN
from admin.kit.form_page import form_page
from admin.kit.forms import Form, IntegerField, SelectField, Text, between, optional, required
from admin.kit.groups import stock
from admin.kit.listing import respond, respond_computed
from admin.kit.page import say
from admin.kit.security import current_actor, current_point, current_session, current_staff, may, requires
from admin.pages.stock.parts.choices import code_for, kind_choices, point_choices, year_choices
from admin.pages.stock.parts.document_page import Button, Shown, document_of, document_page
from admin.pages.stock.parts.document_states import SLIP_STATES
from admin.pages.stock.parts.number_field import NumberField
from admin.pages.stock.parts.runs import bounds_column
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.domain.numbers import bill_number
from portal.domain.states.stock import SlipState
from portal.listing.columns import Column
from portal.listing.filters import Filter, moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import State, count, moment
from portal.models.tables import STOCK_SLIP
from portal.stock import balances, queries
from portal.stock.documents import handouts, lists
from portal.stock.documents.facts import SlipFacts
from portal.stock.documents.handouts import HandOut
from portal.web.edge import see_other, services

MINE = {"1": "只看我的开票点"}

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
        Filter("mine", "范围", lambda _: lists.slips_of([one.id for one in current_staff().points]), "choice", MINE),
    ),
    empty="还没有分发单。在“新增分发”里把单位库存的号码下发给窗口或自助机。",
)


class SlipForm(Form):
    """A new hand-out."""

    point = SelectField("接收开票点", [required])
    kind = SelectField("票据种类", [required])
    year = SelectField("年度", [required], default="0", description="次年的号码可以提前分发，1 月 1 日起使用")
    count = IntegerField("份数", [required, between(1, handouts.MOST)])
    first = NumberField("起始号", [optional], description="不填则从单位库存最小的号码起")
    taker = Text("领用人", [], most=100)


@stock.get("/slips")
@requires(Permission.STOCK_VIEW, menu="票据分发", order=50)
def slips() -> Response:
    """List all hand-outs, newest first."""
    tools = [("新增分发", url_for("stock.new_slip"))] if may(Permission.STOCK_HAND_OUT) else []
    return respond(SLIPS, lists.slips(current_staff().unit_id), "stock/list.html", tools=tools, lead="")


@stock.route("/slips/new", methods=["GET", "POST"])
@requires(Permission.STOCK_HAND_OUT, within="stock.slips")
def new_slip() -> Response:
    """Create a hand-out. The page also lists unit stock."""
    form = SlipForm()
    form.point.choices, form.kind.choices, form.year.choices = point_choices(), kind_choices(), year_choices()

    def draft() -> str:
        point_id, code = int(str(form.point.data)), code_for(str(form.kind.data), int(str(form.year.data)))
        order = HandOut(point_id, code, form.count.data or 0, form.first.data, str(form.taker.data))
        no = handouts.draft(services(), current_actor(), order)
        say(f"已保存分发单 {no}，核对后请下发。")
        return url_for("stock.slip", no=no)

    with services().database.read() as connection:
        holdings = balances.holdings(connection, current_staff().unit_id)
    return form_page(
        form,
        draft,
        title="新增分发",
        template="stock/hand_out.html",
        holdings=[each for each in holdings if each.place == "unit"],
        back=url_for("stock.slips"),
    )


@stock.get("/slips/<string:no>")
@requires(Permission.STOCK_VIEW, within="stock.slips")
def slip(no: str) -> Response:
    """Show one hand-out: numbers used and left, the acts that are legal now."""
    row = document_of(SlipFacts, no)
    with services().database.read() as connection:
        point = queries.points(connection, current_staff().unit_id)[row.point_id]
        used, left = balances.of_slip(connection, no)
        kind = queries.kinds(connection)[row.kind_id]
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
    elsewhere = row.state == SlipState.HANDED_OUT and row.point_id in {one.id for one in current_staff().points}
    note = ""
    if elsewhere and ((chosen := current_session().point) is None or chosen.id != row.point_id):
        note = f"这是开票点 {point.code} {point.name} 的号段，请在右上角切换到该开票点后接收。"
    return document_page(Shown("分发单", no, state, facts, url_for("stock.slips"), _buttons(row, left), note))


def _buttons(row: SlipFacts, left: int) -> list[Button]:
    buttons = []
    if may(Permission.STOCK_HAND_OUT) and row.state == SlipState.DRAFT:
        buttons.append(Button("下发", url_for("stock.hand_out_slip", no=row.no), main=True))
        buttons.append(Button("删除", url_for("stock.cancel_slip", no=row.no), danger=True))
    if may(Permission.STOCK_ACCEPT) and row.state == SlipState.HANDED_OUT:
        point = current_session().point
        if point is not None and point.id == row.point_id:
            buttons.append(Button("确认接收", url_for("stock.accept_slip", no=row.no), main=True))
        elif may(Permission.STOCK_HAND_OUT):
            buttons.append(Button("代开票点接收", url_for("stock.accept_slip", no=row.no)))
    if may(Permission.STOCK_HAND_OUT) and row.state in (SlipState.HANDED_OUT, SlipState.ACCEPTED) and left:
        buttons.append(Button("撤回未用部分", url_for("stock.withdraw_slip", no=row.no), danger=True))
    return buttons


@stock.post("/slips/<string:no>/hand-out")
@requires(Permission.STOCK_HAND_OUT)
def hand_out_slip(no: str) -> Response:
    """下发 a slip."""
    handed = handouts.hand_out(services(), current_actor(), no)
    say(f"{no} 已下发 {handed.count} 份" + ("，等开票点接收。" if handed.waits else "，已可使用。"))
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/accept")
@requires(Permission.STOCK_ACCEPT)
def accept_slip(no: str) -> Response:
    """接收 at the point where the person works; staff who hand out may accept for any point."""
    document_of(SlipFacts, no)  # somebody else's is unknown before anything else is asked
    at_point = None if may(Permission.STOCK_HAND_OUT) else current_point().id
    handouts.accept(services(), current_actor(), no, at_point)
    say(f"{no} 已接收，号码可以使用了。")
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/withdraw")
@requires(Permission.STOCK_HAND_OUT)
def withdraw_slip(no: str) -> Response:
    """撤回 the unused numbers of a slip."""
    back = handouts.withdraw(services(), current_actor(), no)
    say(f"已撤回 {back} 份未用号码，回到单位库存。")
    return see_other(url_for("stock.slip", no=no))


@stock.post("/slips/<string:no>/cancel")
@requires(Permission.STOCK_HAND_OUT)
def cancel_slip(no: str) -> Response:
    """删除 a draft."""
    handouts.cancel(services(), current_actor(), no)
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
    year = SelectField("年度", [required], default="0")
    count = IntegerField("份数", [required, between(1, handouts.MOST)], description="建议覆盖两天的开票量")


@stock.route("/emergency", methods=["GET", "POST"])
@requires(Permission.STOCK_VIEW, menu="应急库存", order=90)
def emergency() -> Response:
    """List the numbers of emergency points, kept apart from normal issue; one form hands out more."""
    form, problem = EmergencyForm(), ""
    form.point.choices, form.kind.choices = point_choices("emergency"), kind_choices()
    form.year.choices = year_choices()
    allowed = may(Permission.STOCK_HAND_OUT)
    if allowed and form.accepted():
        try:
            code = code_for(str(form.kind.data), int(str(form.year.data)))
            order = HandOut(int(str(form.point.data)), code, form.count.data or 0)
            no = handouts.reserve(services(), current_actor(), order)
            say(f"{no} 已下发，号码只供应急开票使用。")
            return see_other(url_for("stock.emergency"))
        except Refusal as refusal:
            problem = str(refusal)
    with services().database.read() as connection:
        holdings = balances.holdings(connection, current_staff().unit_id)
        points = queries.points(connection, current_staff().unit_id)
    reserved = [each for each in holdings if each.point_id and points[each.point_id].kind == "emergency"]
    return respond_computed(
        EMERGENCY, reserved, "stock/emergency.html", form=form if allowed else None, problem=problem
    )
