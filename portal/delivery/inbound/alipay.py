"""Reading Alipay's pushes: notifies and messages, RSA2 verified before anything is read.

Alipay repeats a push for a day under one ``notify_id``, so that number and not its age makes a repeat harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.core import strict_json
from portal.core.services import Services
from portal.delivery.cards import orders
from portal.delivery.inbound.inbox import Act
from portal.providers.alipay.client import AlipayGateway
from portal.providers.alipay.reading import form_values

SOURCE = "alipay"
LARGEST = 64 * 1024
EXPENSE = "invoice.expense"
"""Our name for "a reimburser has moved on with this bill": the public documents name the fields and states of it
(``alipay.ebpp.invoice.expense.progress.sync``), not the method of the push, so it is known by them."""
EXPENSES = {
    "EXPENSE_APPLY": "lock",
    "EXPENSE_APPROVAL_PASS": "lock",
    "EXPENSE_FINISHED": "closure",
    "EXPENSE_CANCEL": "",
}


class NotAlipay(Exception):
    """A push that is not Alipay's or not readable. The text is for operators and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A genuine push: ``key`` its ``notify_id``, ``event`` what it is about, ``fields`` with those of its content."""

    key: str
    event: str
    fields: dict[str, Any]


def read(gateway: AlipayGateway, body: bytes, charset: str = "") -> Notice:
    """Return a push for our application, as it was posted (``charset``: of its head). Raises NotAlipay.

    A merchant of long standing gets its pushes in GBK, signed over those bytes.
    """
    try:
        given, charset = form_values(body, charset)
    except ValueError:
        raise NotAlipay("form") from None
    if given.get("app_id") != gateway.app_id or given.get("sign_type") != "RSA2" or not given.get("notify_id"):
        raise NotAlipay("fields")
    # sign_type is signed text in messages (they name a method) and none in notifies
    if not gateway.verified(given, keep_sign_type="msg_method" in given, charset=charset):
        raise NotAlipay("signature")
    try:
        content = strict_json.decode(given.get("biz_content", "{}").encode())
    except ValueError:
        raise NotAlipay("biz_content") from None
    fields = given | (content if isinstance(content, dict) else {})
    about_bill = fields.get("invoice_code") and fields.get("invoice_no") and fields.get("status") in EXPENSES
    event = EXPENSE if about_bill else str(given.get("msg_method") or given.get("notify_type") or "")[:40]
    return Notice(given["notify_id"], event, fields)


def _expense(services: Services, fields: dict[str, Any]) -> None:
    code, number = str(fields["invoice_code"]), str(fields["invoice_no"])
    orders.expensed(services, SOURCE, code, number, EXPENSES[str(fields["status"])])


ACTS: dict[tuple[str, str], Act] = {(SOURCE, EXPENSE): _expense}
