"""The console's desk: bills typed by hand, batches uploaded, deposits taken."""

from __future__ import annotations

import io
import re
from typing import Any

from werkzeug.test import TestResponse

from tests.support.console import Console

DESK, BATCHES = "/console/billing/desk", "/console/billing/batches"
GOOD: dict[str, Any] = {
    "payer_name": "林演安",
    "id_no": "000000195203150010",
    "point_code": "01",
    "checker": "复核员乙",
    "lines.0.code": "Y0002",
    "lines.0.quantity": "2",
    "payments.0.channel": "wechat",
}


def start(person: Console, kind: str = "outpatient") -> str:
    """Begin a draft of this kind; the address of its form."""
    form = person.form(DESK)
    answer = person.client.post(DESK, data=form.values | {"kind": kind})
    assert answer.status_code == 303
    return str(answer.location)


def press(person: Console, path: str, button: str, **values: Any) -> TestResponse:
    """Fill in the desk's form and press one of its buttons."""
    form = next(form for form in person.forms(person.get(path).text) if "keep" in form.values)
    return person.client.post(form.action, data=form.values | values | {button: "1"})


def issue(person: Console, path: str) -> TestResponse:
    """Issue the bill of a draft from its preview."""
    return person.send(path + "/preview", "开具")


def upload(person: Console, data: bytes, name: str = "一批.xlsx") -> TestResponse:
    """Upload a file of bills to be issued in one batch."""
    form = person.form(BATCHES, "上传并校验")
    values = form.values | {"point": "01", "checker": "复核员乙", "file": (io.BytesIO(data), name)}
    return person.client.post(BATCHES, data=values, content_type="multipart/form-data")


NEW = "/console/billing/vouchers/new"
PERSON = {"payer": "谭例霞", "id_no": "000000196506300084", "phone": "10000000008", "hospital_no": "ZY000008"}


def voucher_page(person: Console, **values: str) -> str:
    """Issue a deposit at the desk; the address of its page."""
    answer = person.send(NEW, "收款并开具", **(PERSON | {"amount": "1,000.00", "channel": "cash"} | values))
    assert answer.status_code == 303, re.findall(r'class="problem".*|alert-danger.*', answer.text)
    return answer.location or ""
