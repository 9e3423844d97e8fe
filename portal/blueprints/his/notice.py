"""noticeEBill and sendNotice: the HIS has a bill sent to a phone or an e-mail address.

Both bodies of the contract are understood under both names: ``noticeList`` of noticeType and noticeValue, and
``noticeInfo`` of code and value. 1201 is SMS, 1202 e-mail; without a value the one on file is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.blueprints.his.context import Context, fields_of, named_bill, refuse_problems
from portal.delivery import requests
from portal.domain.actor import Actor
from portal.domain.identity import is_phone, normalise
from portal.his_contract.fields import Fields

TYPES = {"1201": "sms", "1202": "mail"}
MOST = 20


def notice(context: Context, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Queue the notices and answer at once; each address gets one bill's notice once."""
    fields = fields_of(message)
    old = fields.has("noticeInfo") and not fields.has("noticeList")
    rows = fields.rows("noticeInfo" if old else "noticeList", "通知方式", MOST, required=True, single=True)
    kind, value = ("code", "value") if old else ("noticeType", "noticeValue")
    wanted = [_read(row, kind, value) for row in rows]
    refuse_problems(fields)
    services, account = context.services, context.account
    actor = Actor(f"his:{account.appid}", "", account.unit_id, context.request_id)
    with services.database.read() as connection:
        bill = named_bill(context, connection, message)
    requests.send_notices(services, actor, bill.bill_id, wanted)
    return {"billBatchCode": bill.code, "billNo": bill.number, "count": len(wanted)}


def _read(row: Fields, kind: str, value: str) -> tuple[str, str]:
    """Channel and address of one entry; problems are collected."""
    code = row.text(kind, "通知方式", 10, required=True)
    address = row.text(value, "通知地址", 200)
    channel = TYPES.get(code, "")
    if code and not channel:
        row.problem(kind, "通知方式", "没有这种通知方式", "1201 为短信，1202 为邮件")
    if channel == "sms" and address:
        address = normalise(address)
        if not is_phone(address):
            row.problem(value, "通知地址", "不是手机号", "应为 11 位手机号")
    if channel == "mail" and address and not requests.MAIL.fullmatch(address):
        row.problem(value, "通知地址", "不是邮箱地址", "例如 name@example.com")
    return channel, address
