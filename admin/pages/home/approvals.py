"""待复核: what waits for a second person, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, url_for
from sqlalchemy import select

from admin.kit.forms import Form, TextArea
from admin.kit.groups import home
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.reasons import gate_bills
from admin.kit.security import current_actor, current_staff, may, requires
from portal import audit
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.domain.errors import Refusal
from portal.issuing.bills import approvals as bills_approvals
from portal.issuing.paper import exchange
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import APPROVAL, PAPER_BILL
from portal.web.edge import see_other, services

STATES = {
    "pending": State("待复核", "wait"),
    "approved": State("已同意", "ok"),
    "refused": State("已拒绝", "red"),
    "withdrawn": State("已撤回"),
    "failed": State("办理失败", "red"),
}

FILES = {
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"\x89PNG": ("image/png", ".png"),
    b"%PDF": ("application/pdf", ".pdf"),
    b"": ("application/octet-stream", ".bin"),
}
"""How an attachment begins, and as what it is handed out."""


def kinds() -> Mapping[str, requests.Kind]:
    """Every kind of approval with its act, as the wiring registered them."""
    found: Mapping[str, requests.Kind] = current_app.extensions["qupiao_approval_kinds"]
    return found


def kind_title(kind: str) -> str:
    """The word of a kind; the bare code for one that is no longer registered."""
    known = kinds().get(kind)
    return known.title if known is not None else kind


APPROVALS = ListPage(
    name="approvals",
    title="待复核",
    order=(APPROVAL.c.requested_at, APPROVAL.c.id),
    columns=(
        Column("requested_at", "申请时间", "time"),
        Column("kind", "事项", value=lambda row: kind_title(row.kind)),
        Column("summary", "内容", "long", link=lambda row: url_for("home.approval", approval_id=row.id)),
        Column("reason", "原因", "long"),
        Column("requester", "申请人"),
        Column("state", "状态", "state", states=STATES),
        Column("decider", "复核人"),
        Column("decided_at", "复核时间", "time", shown=False),
        Column("opinion", "意见", "long", shown=False),
        Column("outcome", "结果", "long", shown=False),
    ),
    filters=(
        Filter(
            "state",
            "状态",
            lambda state: APPROVAL.c.state == state,
            "choice",
            choices={code: state.title for code, state in STATES.items()},
            default=lambda: "pending",
        ),
        Filter(
            "kind",
            "事项",
            lambda kind: APPROVAL.c.kind == kind,
            "choice",
            choices=lambda: {code: kind.title for code, kind in kinds().items()},
        ),
    ),
    empty="没有符合条件的复核事项。大额冲红、库存作废等需要两人办理的申请会出现在这里。",
    acts=lambda row: (
        [Act("办理", url_for("home.approval", approval_id=row.id), True)] if row.state == "pending" else []
    ),
)


class DecisionForm(Form):
    """What the second person says."""

    opinion = TextArea("复核意见", most=300, description="拒绝时必填；会写入日志。")


@home.get("/approvals")
@requires(Permission.APPROVALS_VIEW, menu="待复核", order=20)
def approvals_list() -> Response:
    """What waits, and what was decided."""
    return respond(APPROVALS, requests.of_unit(current_staff().unit_id))


@home.get("/approvals/<int:approval_id>")
@requires(Permission.APPROVALS_VIEW, within="home.approvals_list")
def approval(approval_id: int) -> Response:
    """One request with what may be done about it."""
    return _approval_page(approval_id, DecisionForm())


@home.post("/approvals/<int:approval_id>/approve")
@requires(Permission.APPROVALS_DECIDE)
def approve(approval_id: int) -> Response:
    """Agree: the act runs now."""
    form = DecisionForm()
    if not form.accepted():
        return _approval_page(approval_id, form, status=422)
    try:
        outcome = requests.decide(services(), approval_id, current_actor(), True, form.opinion.data, kinds())
    except Refusal as refusal:
        if refusal.code in ("APPROVAL_NOT_FOUND", "APPROVAL_DECIDED", "APPROVAL_OWN"):
            raise
        say(f"没有办成：{refusal}", "danger")
        return see_other(url_for("home.approval", approval_id=approval_id))
    say(f"已同意。{outcome}")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/refuse")
@requires(Permission.APPROVALS_DECIDE)
def refuse(approval_id: int) -> Response:
    """Do not agree: nothing happens, the requester sees why."""
    form = DecisionForm()
    if not form.accepted() or not form.opinion.data:
        return _approval_page(approval_id, form, "拒绝时请写明意见。", 422)
    requests.decide(services(), approval_id, current_actor(), False, form.opinion.data, kinds())
    say("已拒绝，申请人可以在列表中看到意见。")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/withdraw")
@requires(Permission.APPROVALS_VIEW)
def withdraw(approval_id: int) -> Response:
    """Take one's own request back."""
    requests.withdraw(services(), approval_id, current_actor())
    say("已撤回申请。")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/statement")
@requires(Permission.APPROVALS_DECIDE)
def show_statement(approval_id: int) -> Response:
    """What the payer declared of a lost sheet, before the decision; the look is audited."""
    sheet = _lost_sheet(approval_id)
    return _approval_page(approval_id, DecisionForm(fresh=True), statement=exchange.statement_of(services(), sheet))


@home.post("/approvals/<int:approval_id>/attachment")
@requires(Permission.APPROVALS_DECIDE)
def statement_attachment(approval_id: int) -> Response:
    """The picture of the signed statement, as a file; the look is audited."""
    data = exchange.attachment_of(services(), _lost_sheet(approval_id))
    if not data:
        raise Refusal("PAGE_NOT_FOUND")
    kind, ending = next((found for start, found in FILES.items() if data.startswith(start)), FILES[b""])
    response = Response(data, mimetype=kind)
    response.headers.set("Content-Disposition", "attachment", filename=f"statement-{approval_id}{ending}")
    return response


def _lost_sheet(approval_id: int) -> Any:
    """The sheet of a request to void a lost one, looked at by somebody who is to decide. Raises PAGE_NOT_FOUND."""
    actor = current_actor()
    with services().database.read() as connection:
        row = requests.by_id(connection, current_staff().unit_id, approval_id)
        if row.kind != bills_approvals.LOST_PAPER:
            raise Refusal("PAGE_NOT_FOUND")
        sheet = connection.execute(select(PAPER_BILL).where(PAPER_BILL.c.id == int(row.object_id))).one()
    gate_bills(sheet.bill_id)
    paper = f"{sheet.paper_code} {sheet.number:010d}"
    audit.note(services(), actor, "paper.statement_shown", ("bill", sheet.bill_id), {"paper": paper})
    return sheet


def _approval_page(approval_id: int, form: Form, problem: str = "", status: int = 200, statement: str = "") -> Response:
    with services().database.read() as connection:
        row = requests.by_id(connection, current_staff().unit_id, approval_id)
    own = row.requested_by == current_staff().label
    return page(
        "home/approval.html",
        status,
        row=row,
        kind=kind_title(row.kind),
        state=STATES[row.state],
        form=form,
        problem=problem,
        statement=statement,
        has_statement=row.kind == bills_approvals.LOST_PAPER,
        own=own,
        may_decide=row.state == "pending" and not own and may(Permission.APPROVALS_DECIDE),
    )
