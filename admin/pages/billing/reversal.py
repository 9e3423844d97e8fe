"""冲红 and 重开: the dialog of a reversal, which asks a second person for large amounts, and the new draft after it."""

from __future__ import annotations

from flask import Response, request, url_for
from wtforms import ValidationError

from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, Form, SelectField, SelectMultipleField, Text, choices, required
from admin.kit.groups import billing
from admin.kit.page import say
from admin.kit.security import current_actor, current_point, current_session, requires
from admin.pages.billing.bills import own_bill
from portal.access.permissions import Permission
from portal.delivery.cards import orders
from portal.domain.states.bills import ReversalReason
from portal.issuing.bills import approvals, reverse
from portal.issuing.bills.reverse import Order
from portal.issuing.manual import reopening
from portal.ledger import bill_relations, bills
from portal.web.edge import runtime, services


class ReversalForm(Form):
    """The reason of a reversal. ``reimbursed``: the bill is in reimbursement, which the person must have settled."""

    kind = SelectField(
        "冲红原因", [required], choices={"": "请选择", **{reason.value: reason.title for reason in ReversalReason}}
    )
    reason = Text("说明", description="选“其他”时必填；不要写患者姓名和证件号。")
    informed = BooleanField("已与交款人核实报销情况，仍要冲红")
    reimbursed = False

    def validate_reason(self, field: Text) -> None:
        """Check that another reason than those of the list is written out."""
        if self.kind.data == ReversalReason.OTHER.value and not field.data:
            raise ValidationError("选“其他”时请写明原因。")

    def validate_informed(self, field: BooleanField) -> None:
        """Check that somebody has spoken with the payer about a reimbursement."""
        if self.reimbursed and not field.data:
            raise ValidationError("请先与交款人核实报销情况，勾选后再冲红。")


@billing.route("/bills/<int:bill_id>/reverse", methods=["GET", "POST"])
@requires(Permission.BILLS_REVERSE, within="billing.bills")
def reverse_bill(bill_id: int) -> Response:
    """Reverse a bill, or ask a second person when the amount is large."""
    facts, point, form = own_bill(bill_id), current_point(), ReversalForm()
    with services().database.read() as connection:
        reimbursed = orders.in_reimbursement(connection, bill_id)
        limit = approvals.limit_of(connection, facts.unit_id)
        reverse.standing(connection, bills.record(connection, bill_id)).check()
    form.reimbursed = bool(reimbursed)
    back = url_for("billing.bill", bill_id=bill_id)

    def act() -> str:
        order = Order(bill_id, point.code, ReversalReason(form.kind.data), form.reason.data, limit_fen=limit)
        red = approvals.reverse_or_ask(services(), current_actor(), order)
        if red is None:
            say("金额较大，已提交复核；另一人同意后自动冲红，之后在票据页点“重开”。", "warning")
            return back
        say(f"已冲红，红票 {red.code} {red.number}。")
        return url_for("billing.reopen_bill", bill_id=bill_id) if "reopen" in request.form else back

    return form_page(
        form,
        act,
        title="冲红",
        back=back,
        template="billing/reverse.html",
        shown=(),
        bill=facts,
        point=point,
        large=facts.total_fen >= limit,
        reimbursed=reimbursed,
    )


class ReopenForm(Form):
    """Which lines of the reversed bill were refunded, by their places."""

    struck = SelectMultipleField("已退费的项目（勾选后从新票中划去）", coerce=int)


@billing.route("/bills/<int:bill_id>/reopen", methods=["GET", "POST"])
@requires(Permission.BILLS_REVERSE, within="billing.bills")
def reopen_bill(bill_id: int) -> Response:
    """Make a draft of manual issue from a reversed bill, without the lines that were refunded."""
    facts, actor, form = own_bill(bill_id), current_actor(), ReopenForm()
    old = reopening.old_lines(services(), actor, bill_id)
    form.struck.choices = choices(
        (place, f"{place + 1}. {line.name or line.code} × {line.quantity or 1}：{line.amount or '按标准'} 元")
        for place, line in enumerate(old)
    )
    with services().database.read() as connection:
        already = bill_relations.replacements(connection, bill_id)

    def act() -> str:
        point = current_session().point
        order = reopening.Order(bill_id, frozenset(form.struck.data or ()), point.code if point else "")
        draft = reopening.reopen(runtime().manual, actor, order)
        say("已按原票填好草稿，请核对金额和缴款渠道后开具。开具后患者会看到旧票作废、新票在这里。")
        return url_for("billing.desk_form", draft_id=draft.id)

    return form_page(
        form,
        act,
        title="重开",
        back=url_for("billing.bill", bill_id=bill_id),
        template="billing/reopen.html",
        shown=("NOTHING_LEFT",),
        bill=facts,
        already=already,
    )
