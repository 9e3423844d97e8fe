"""待复核: requests that wait for a second person, and the decision."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from admin.kit.forms import Form, TextArea
from admin.kit.groups import home
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.reasons import gate_bills
from admin.kit.security import current_actor, current_staff, may, requires
from admin.pages.home.approval_subject import shown_of
from portal import audit
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.approvals.registry import NOT_THE_ACTS, Decision
from portal.domain.errors import Refusal
from portal.domain.states.approval import ApprovalState
from portal.hospital import staff_approvals
from portal.issuing.bills import approvals as bills_approvals
from portal.issuing.bills.approvals import LostSheet
from portal.issuing.paper import exchange
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import APPROVAL
from portal.web.edge import file_response, runtime, see_other, services

_TONES = {
    ApprovalState.PENDING: "wait",
    ApprovalState.APPROVED: "ok",
    ApprovalState.REFUSED: "red",
    ApprovalState.WITHDRAWN: "plain",
    ApprovalState.FAILED: "red",
}
STATES = {state.value: State(state.title, tone) for state, tone in _TONES.items()}

FILES = {
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"\x89PNG": ("image/png", ".png"),
    b"%PDF": ("application/pdf", ".pdf"),
    b"": ("application/octet-stream", ".bin"),
}
"""The first bytes of an attachment, with its type and file ending."""


def _acts(row: Any) -> list[Act]:
    """Return 办理 for who may decide a request that waits, which is never the person who made it."""
    waits = row.state == ApprovalState.PENDING and row.requested_by != current_staff().label
    if not waits or not may(Permission.APPROVALS_DECIDE):
        return []
    return [Act("办理", url_for("home.approval", approval_id=row.id), True)]


APPROVALS = ListPage(
    name="approvals",
    title="待复核",
    order=(APPROVAL.c.requested_at, APPROVAL.c.id),
    columns=(
        Column("requested_at", "申请时间", "time"),
        Column("kind", "事项", value=lambda row: runtime().approvals.title(row.kind)),
        Column("summary", "内容", "long", link=lambda row: url_for("home.approval", approval_id=row.id)),
        Column("reason", "原因", "long"),
        Column("requester", "申请人"),
        Column("state", "状态", "state", states=STATES),
        Column("decider", "复核人"),
        Column("decided_at", "复核时间", "time", shown=False),
        Column("opinion", "意见", "long"),
        Column("outcome", "结果", "long", shown=False),
    ),
    filters=(
        Filter(
            "state",
            "状态",
            requests.in_state,
            "choice",
            choices={code: state.title for code, state in STATES.items()}
            | {requests.UNSUCCESSFUL: "没有办成（已拒绝、办理失败）"},
            default=lambda: ApprovalState.PENDING.value,
        ),
        Filter(
            "kind",
            "事项",
            lambda kind: APPROVAL.c.kind == kind,
            "choice",
            choices=lambda: runtime().approvals.titles,
        ),
        Filter(
            "who",
            "申请人",
            lambda who: requests.asked_by(current_staff().label, who == "mine"),
            "choice",
            choices={"others": "他人（可由我复核）", "mine": "本人"},
        ),
        Filter("decided", "复核日期从", requests.decided_from, "date"),
    ),
    empty="没有符合条件的复核事项。大额冲红、库存作废等需要两人办理的申请会出现在这里。",
    acts=_acts,
)


class DecisionForm(Form):
    """The opinion of the second person."""

    opinion = TextArea("复核意见", most=300, description="拒绝时必填；会写入日志。")


@home.get("/approvals")
@requires(Permission.APPROVALS_VIEW, menu="待复核", order=20)
def approvals_list() -> Response:
    """List the requests that wait, and those that were decided."""
    return respond(APPROVALS, requests.of_unit(current_staff().unit_id))


@home.get("/approvals/<int:approval_id>")
@requires(Permission.APPROVALS_VIEW, within="home.approvals_list")
def approval(approval_id: int) -> Response:
    """Show one request with the acts that are legal now."""
    return _approval_page(approval_id, DecisionForm())


@home.post("/approvals/<int:approval_id>/approve")
@requires(Permission.APPROVALS_DECIDE)
def approve(approval_id: int) -> Response:
    """Agree to a request: its act runs now."""
    form = DecisionForm()
    if not form.accepted():
        return _approval_page(approval_id, form, status=422)
    try:
        outcome = runtime().approvals.decide(
            services(), current_actor(), Decision(approval_id, True, str(form.opinion.data))
        )
    except Refusal as refusal:
        if refusal.code in NOT_THE_ACTS:
            raise
        say(f"没有办成：{refusal}", "danger")
        return see_other(url_for("home.approval", approval_id=approval_id))
    handed = staff_approvals.hand_over(services(), current_actor(), approval_id)
    if handed is not None:
        return page("home/handed_over.html", handed=handed, said=f"已同意。{outcome}")
    say(f"已同意。{outcome}")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/refuse")
@requires(Permission.APPROVALS_DECIDE)
def refuse(approval_id: int) -> Response:
    """Refuse a request: nothing happens, the requester sees why."""
    form = DecisionForm()
    if not form.accepted() or not form.opinion.data:
        return _approval_page(approval_id, form, "拒绝时请写明意见。", 422)
    runtime().approvals.decide(services(), current_actor(), Decision(approval_id, False, form.opinion.data))
    say("已拒绝，申请人可以在列表中看到意见。")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/withdraw")
@requires(Permission.APPROVALS_VIEW)
def withdraw(approval_id: int) -> Response:
    """Take one's own request back."""
    requests.withdraw(services(), current_actor(), approval_id)
    say("已撤回申请。")
    return see_other(url_for("home.approvals_list"))


@home.post("/approvals/<int:approval_id>/statement")
@requires(Permission.APPROVALS_DECIDE)
def show_statement(approval_id: int) -> Response:
    """Show the payer's declaration about a lost sheet before the decision; the look is audited."""
    sheet = _lost_sheet(approval_id)
    return _approval_page(approval_id, DecisionForm(fresh=True), statement=exchange.statement_of(services(), sheet))


@home.post("/approvals/<int:approval_id>/attachment")
@requires(Permission.APPROVALS_DECIDE)
def statement_attachment(approval_id: int) -> Response:
    """Answer with the picture of the signed statement as a file; the look is audited."""
    data = exchange.attachment_of(services(), _lost_sheet(approval_id))
    if not data:
        raise Refusal("PAGE_NOT_FOUND")
    kind, ending = next((file for start, file in FILES.items() if data.startswith(start)), FILES[b""])
    return file_response(data, kind, f"statement-{approval_id}{ending}")


def _lost_sheet(approval_id: int) -> LostSheet:
    """Return the sheet of a request to void a lost one, opened by somebody who is to decide; the look is audited.

    Raises PAGE_NOT_FOUND.
    """
    with services().database.read() as connection:
        lost = bills_approvals.lost_sheet(connection, current_staff().unit_id, approval_id)
    if lost is None:
        raise Refusal("PAGE_NOT_FOUND")
    gate_bills(lost.bill_id)
    details = {"paper": str(lost.sheet)}
    audit.note(services(), current_actor(), "paper.statement_shown", ("bill", lost.bill_id), details)
    return lost


def _approval_page(approval_id: int, form: Form, problem: str = "", status: int = 200, statement: str = "") -> Response:
    with services().database.read() as connection:
        row = requests.by_id(connection, current_staff().unit_id, approval_id)
    own = row.requested_by == current_staff().label
    return page(
        "home/approval.html",
        status,
        row=row,
        shown=shown_of(row),
        states=STATES,
        kind=runtime().approvals.title(row.kind),
        state=STATES[row.state],
        form=form,
        problem=problem,
        statement=statement,
        has_statement=row.kind == bills_approvals.LOST_PAPER,
        own=own,
        may_decide=row.state == ApprovalState.PENDING and not own and may(Permission.APPROVALS_DECIDE),
    )
