"""冲红: the dialog with everything one must know before, and its second person for large amounts (features §3.7)."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.forms import BooleanField, Form, SelectField, Text, required
from admin.kit.groups import billing
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_point, requires
from admin.pages.billing.bills import own_bill
from portal.access.permissions import Permission
from portal.delivery.cards import orders
from portal.domain.errors import Refusal
from portal.domain.states import ReversalReason
from portal.issuing.bills import approvals, reverse
from portal.issuing.bills.reverse import Order
from portal.models.tables import BILL
from portal.web.edge import see_other, services


class ReversalForm(Form):
    """Why."""

    kind = SelectField(
        "冲红原因", [required], choices={"": "请选择", **{reason.value: reason.title for reason in ReversalReason}}
    )
    reason = Text("说明", description="选“其他”时必填；不要写患者姓名和证件号。")
    informed = BooleanField("已与交款人核实报销情况，仍要冲红")


@billing.route("/bills/<int:bill_id>/reverse", methods=["GET", "POST"])
@requires(Permission.BILLS_REVERSE, within="billing.bills")
def reverse_bill(bill_id: int) -> Response:
    """Reverse a bill, or ask a second person when the amount is large. Of one in reimbursement asks first."""
    facts, point, form, problem = own_bill(bill_id), current_point(), ReversalForm(), ""
    with services().database.read() as connection:
        reimbursed = orders.in_reimbursement(connection, bill_id)
    accepted = form.accepted()
    if accepted and reimbursed and not form.informed.data:
        problem = "请先与交款人核实报销情况，勾选后再冲红。"
    elif accepted:
        limit = _limit(facts.unit_id)
        order = Order(bill_id, point.code, ReversalReason(form.kind.data), form.reason.data, limit_fen=limit)
        try:
            red = approvals.reverse_or_ask(services(), current_actor(), order)
        except Refusal as refusal:
            if refusal.code != "FIELD_INVALID":
                raise
            problem = "选“其他”时请写明原因。"
        else:
            if red is None:
                say("金额较大，已提交复核；另一人同意后自动冲红。", "warning")
                return see_other(url_for("billing.bill", bill_id=bill_id))
            say(f"已冲红，红票 {red.code} {red.number}。")
            return see_other(url_for("billing.bill", bill_id=bill_id))
    with services().database.read() as connection:
        row = connection.execute(BILL.select().where(BILL.c.id == bill_id)).one()
        reverse.standing(connection, row).check()
    status = 422 if problem or form.errors else 200
    large = facts.total_fen >= _limit(facts.unit_id)
    return page(
        "billing/reverse.html",
        status,
        title="冲红",
        form=form,
        bill=facts,
        point=point,
        large=large,
        reimbursed=reimbursed,
        problem=problem,
    )


def _limit(unit_id: int) -> int:
    with services().database.read() as connection:
        return approvals.limit_of(connection, unit_id)
