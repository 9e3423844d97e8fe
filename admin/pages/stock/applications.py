"""票据申领: the list, a new one with a suggested quantity, one application with its next legal acts."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from admin.kit.filters import kind_words
from admin.kit.form_page import form_page
from admin.kit.forms import Form, IntegerField, SelectField, Text, between, required
from admin.kit.groups import stock
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.stock.parts.choices import code_for, kind_choices, year_choices
from admin.pages.stock.parts.document_page import Button, Shown, document_of, document_page
from admin.pages.stock.parts.document_states import APPLICATION_STATES
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.domain.states.stock import EDITABLE, WITHDRAWABLE, ApplicationState
from portal.fiscal import enquiries
from portal.listing.columns import Column
from portal.listing.filters import moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import count, moment
from portal.models.tables import STOCK_APPLICATION
from portal.stock import balances, queries, years
from portal.stock.documents import applications as service
from portal.stock.documents import lists
from portal.stock.documents.facts import ApplicationFacts
from portal.web.edge import see_other, services
from portal.web.numbers import row_id

APPLICATIONS = ListPage(
    name="stock-applications",
    title="票据申领",
    order=(STOCK_APPLICATION.c.made_at, STOCK_APPLICATION.c.id),
    columns=(
        Column("no", "申领单号", "number", link=lambda row: url_for("stock.application", no=row.no)),
        Column("made_at", "编制时间", "time"),
        Column("kind_name", "票据种类"),
        Column("bill_code", "票据代码", "number"),
        Column("quantity", "申领数量", "count", total=True),
        Column("approved", "批准数量", "count", total=True),
        Column("state", "状态", "state", states=APPLICATION_STATES),
        Column("made_name", "编制人"),
        Column("reviewer", "审核人", shown=False),
        Column("reviewed_at", "审核时间", "time", shown=False),
        Column("opinion", "审核意见", "long"),
        Column("reason", "摘要", "long", shown=False),
    ),
    filters=(*moment_filters(STOCK_APPLICATION.c.made_at), state_filter(STOCK_APPLICATION.c.state, APPLICATION_STATES)),
    empty="还没有申领单。单位库存不足时，在“新增申领”里按建议数量向财政申领。",
)


class ApplicationForm(Form):
    """A new application."""

    kind = SelectField("票据种类", [required])
    year = SelectField("年度", [required], description="每年 1 月 1 日起只能使用新年度的号码，请在上年年底前申领")
    quantity = IntegerField("申领数量", [required, between(1, 10_000_000)], description="建议数量见下表，可以修改")
    reason = Text("摘要", [required], most=200, description="如：按上月用量补充库存")


class ChangeForm(Form):
    """The parts of an application that may still be changed."""

    quantity = IntegerField("申领数量", [required, between(1, 10_000_000)])
    reason = Text("摘要", [required], most=200)


@stock.get("/applications")
@requires(Permission.STOCK_VIEW, menu="票据申领", order=30)
def applications() -> Response:
    """List all applications, newest first."""
    return respond(
        APPLICATIONS, lists.applications(current_staff().unit_id), "stock/list.html", tools=_tools(), lead=""
    )


def _tools() -> list[tuple[str, str]]:
    return [("新增申领", url_for("stock.new_application"))] if may(Permission.STOCK_APPLY) else []


@stock.route("/applications/new", methods=["GET", "POST"])
@requires(Permission.STOCK_APPLY, within="stock.applications")
def new_application() -> Response:
    """Write an application; the table of suggestions stands below the form."""
    form = ApplicationForm(
        kind=request.args.get("kind", ""),
        year=request.args.get("year", "0"),
        quantity=request.args.get("quantity", type=row_id),
    )
    form.kind.choices, form.year.choices = kind_choices(), year_choices()

    def draft() -> str:
        kind_id = str(form.kind.data)
        code = code_for(kind_id, int(str(form.year.data)))
        order = service.Application(int(kind_id), code, form.quantity.data or 0, str(form.reason.data))
        no = service.draft(services(), current_actor(), order)
        say(f"已保存申领单 {no}，核对后请上报。")
        return url_for("stock.application", no=no)

    with services().database.read() as connection:
        unit_id = current_staff().unit_id
        asked_for = (0, 1) if years.is_announced(connection, unit_id) else (0,)
        suggestions = [
            (kind, later, balances.suggest(connection, unit_id, kind.id, later))
            for later in asked_for
            for kind in queries.kinds(connection).values()
        ]
    back = url_for("stock.applications")
    return form_page(form, draft, title="新增申领", template="stock/apply.html", suggestions=suggestions, back=back)


@stock.route("/applications/<string:no>", methods=["GET", "POST"])
@requires(Permission.STOCK_VIEW, within="stock.applications")
def application(no: str) -> Response:
    """Show one application: finance's answer, the acts that are legal now; a draft can be changed here."""
    row = document_of(ApplicationFacts, no)
    editable = row.state in EDITABLE and may(Permission.STOCK_APPLY)
    below: dict[str, Any] = {}
    if editable:
        form = ChangeForm(quantity=row.quantity, reason=row.reason)
        if form.accepted():
            order = service.Change(no, form.quantity.data or 0, str(form.reason.data))
            service.change(services(), current_actor(), order)
            say("已保存修改。")
            return see_other(url_for("stock.application", no=no))
        below = {"form": form, "verb": "保存修改"}
    elif request.method == "POST":
        raise Refusal("DOCUMENT_STATE", no=no, state=row.state.title)
    facts = [
        ("票据种类", kind_words().get(str(row.kind_id), "")),
        ("票据代码", row.bill_code),
        ("申领数量", count(row.quantity)),
        ("批准数量", count(row.approved)),
        ("摘要", row.reason),
        ("编制", f"{row.made_name}　{moment(row.made_at)}"),
        ("上报时间", moment(row.reported_at)),
        ("审核", f"{row.reviewer}　{moment(row.reviewed_at)}" if row.reviewed_at else ""),
        ("审核意见", row.opinion),
        ("上报次数", row.revision or ""),
    ]
    state, back = APPLICATION_STATES[row.state], url_for("stock.applications")
    return document_page(Shown("申领单", no, state, facts, back, _buttons(row), form=below))


def _buttons(row: ApplicationFacts) -> list[Button]:
    no, state = row.no, row.state
    if not may(Permission.STOCK_APPLY):
        return []
    buttons = []
    if state in EDITABLE:
        buttons += [
            Button("上报财政", url_for("stock.report_application", no=no), main=True),
            Button("删除", url_for("stock.cancel_application", no=no), danger=True),
        ]
    if state in WITHDRAWABLE:
        buttons.append(Button("撤销上报", url_for("stock.withdraw_application", no=no)))
    if state in (*WITHDRAWABLE, ApplicationState.WITHDRAWING, ApplicationState.APPROVED):
        buttons.append(Button("立即查询结果", url_for("stock.poll_finance"), main=True))
    return buttons


@stock.post("/applications/<string:no>/report")
@requires(Permission.STOCK_APPLY)
def report_application(no: str) -> Response:
    """上报 an application to finance."""
    service.report(services(), current_actor(), no)
    say(f"{no} 已上报，系统会自动送到财政并查询审批结果。")
    return see_other(url_for("stock.application", no=no))


@stock.post("/applications/<string:no>/withdraw")
@requires(Permission.STOCK_APPLY)
def withdraw_application(no: str) -> Response:
    """撤销上报 of an application."""
    state = service.withdraw(services(), current_actor(), no)
    say("已撤销上报。" if state is ApplicationState.WITHDRAWN else "已请财政撤销，结果稍后显示。")
    return see_other(url_for("stock.application", no=no))


@stock.post("/applications/<string:no>/cancel")
@requires(Permission.STOCK_APPLY)
def cancel_application(no: str) -> Response:
    """删除 an application."""
    service.cancel(services(), current_actor(), no)
    say(f"{no} 已删除。")
    return see_other(url_for("stock.applications"))


@stock.post("/finance/poll")
@requires(Permission.STOCK_APPLY, Permission.STOCK_RECEIVE)
def poll_finance() -> Response:
    """Ask finance now instead of at the next interval."""
    enquiries.poll_now(services())
    say("已发出查询，几秒后刷新即可看到结果。")
    return see_other(url_for("stock.receipts"))
