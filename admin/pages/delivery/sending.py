"""发给患者: staff send a bill to a phone or e-mail address that the patient says at the window."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, RadioField, Text, choices, required
from admin.kit.groups import delivery
from admin.kit.page import say
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.delivery import requests
from portal.domain.errors import Refusal
from portal.domain.identity import is_phone, normalise
from portal.ledger import bills as ledger_bills
from portal.web.edge import limits, services

CHANNELS = {"sms": "短信", "mail": "电子邮件"}


class SendForm(Form):
    """Where a bill goes; the address is kept sealed and shown masked afterwards."""

    channel = RadioField("怎样发", [required], choices=choices(CHANNELS.items()), default="sms")
    address = Text("手机号或邮箱", [required], most=200, description="请患者看着屏幕核对一遍：错一个字就会发给别人")


@delivery.route("/bills/<int:bill_id>/send", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="billing.bills")
def send_bill(bill_id: int) -> Response:
    """Send one bill of the unit to a phone or an e-mail address; in the log it stands as what staff asked for."""
    with services().database.read() as connection:
        facts = ledger_bills.by_id(connection, bill_id)
    if facts is None or facts.unit_id != current_staff().unit_id:
        raise Refusal("PAGE_NOT_FOUND")
    form, back = SendForm(), url_for("billing.bill", bill_id=bill_id)

    def act() -> str:
        asked = _send(bill_id, form.channel.data, form.address.data.strip())
        say("已发送，结果见交付日志。" if asked.new else "刚才已经发过这一条，没有重复发送。")
        return url_for("delivery.one_delivery", delivery_id=asked.delivery_id)

    lead = "只发这一张票据的链接或文件，不改变登记的号码；以后的通知仍发到 HIS 登记的手机。"
    return form_page(form, act, title="发给患者", verb="发送", back=back, lead=lead)


def _send(bill_id: int, channel: str, address: str) -> requests.Asked:
    if channel == "mail":
        return requests.send_bill_by_mail(services(), limits(), current_actor(), bill_id, address, whole=True)
    if not is_phone(address):
        raise Refusal("ENTRY_INVALID", problems="手机号应为 11 位数字，只有内地手机号能收短信")
    order = requests.SentTo("bill", bill_id, channel, normalise(address))
    return requests.send_to(services(), limits(), current_actor(), order)
