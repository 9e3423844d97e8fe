"""确认手机号: a phone that is new for a patient is confirmed at the window, after an identity document was seen."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, Text, required
from admin.kit.groups import delivery
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.core.clock import local
from portal.domain.errors import Refusal
from portal.ledger import bills as ledger_bills
from portal.retrieval.proof import changed_phone
from portal.web.edge import see_other, services


class PhoneForm(Form):
    """What the clerk has seen."""

    document = Text("核对了什么证件", [required], most=60, description="例如：本人到场和身份证")


@delivery.route("/bills/<int:bill_id>/phone", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="billing.bills")
def confirm_phone(bill_id: int) -> Response:
    """Confirm the phone of a bill as its payer's, so that it opens the earlier bills, too."""
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        facts = ledger_bills.by_id(connection, bill_id)
        if facts is None or facts.unit_id != unit_id:
            raise Refusal("PAGE_NOT_FOUND")
        found = changed_phone.of_bill(services(), connection, unit_id, bill_id)
    form, back = PhoneForm(), url_for("billing.bill", bill_id=bill_id)
    if found is None:
        say("这张票上的手机号和以前一样，不需要确认。")
        return see_other(back)

    def act() -> str:
        changed_phone.confirm_at_desk(services(), current_actor(), bill_id, form.document.data)
        say("已确认。患者用这部手机可以看到全部票据，已打开的页面刷新即可。")
        return back

    lead = (
        f"这部手机从 {local(found.since):%Y-%m-%d} 起才登记，确认前只能看登记它以后的票据。请核对来人就是票上的交款人。"
    )
    return form_page(form, act, title="确认患者手机号", verb="确认", back=back, lead=lead)
