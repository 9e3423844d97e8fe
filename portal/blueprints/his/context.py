"""What every method of the HIS interface is handed, and what they share: links, fields, the bill that is named."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.access.his.accounts import HisAccount
from portal.core.database import Connection
from portal.core.services import Services
from portal.domain import link
from portal.domain.errors import Refusal
from portal.his_contract.fields import Fields, Problems
from portal.issuing.bills.issue import IssuingService
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.rendering import qr


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, and what serves the call."""

    services: Services
    desk: IssuingService
    account: HisAccount
    method: str
    request_id: str


Handler = Callable[[Context, Mapping[str, Any]], Mapping[str, Any] | str]
"""Answers a payload, or the plain text that the contract wants where there is none."""


def links(services: Services, token: str) -> tuple[str, str, str]:
    """Return pictureUrl, pictureNetUrl and billQRCode of a bill link."""
    settings = services.settings
    inside = link.address(settings.base, token)
    outside = settings.bill_address(token) if settings.net_url else ""
    return inside, outside, b64encode(qr.png(outside or inside)).decode("ascii")


def fields_of(message: Mapping[str, Any]) -> Fields:
    """Return the business object as fields whose problems are collected."""
    return Fields(message, Problems())


def refuse_problems(fields: Fields) -> None:
    """Raise FIELD_INVALID with everything that was found so far."""
    if fields.problems.count:
        raise Refusal("FIELD_INVALID", problems=fields.problems.text())


def named_bill(context: Context, connection: Connection, message: Mapping[str, Any]) -> BillFacts:
    """Return the unit's bill of billBatchCode and billNo; a check code, where one is sent, must fit. Raises
    BILL_NOT_FOUND."""
    fields = fields_of(message)
    code = fields.text("billBatchCode", "电子票据代码", 50, required=True)
    number = fields.text("billNo", "电子票据号码", 20, required=True)
    check_code = fields.text("random", "校验码", 20)
    refuse_problems(fields)
    bill = bills.by_number(connection, context.account.unit_id, code, number)
    if bill is None or (check_code and check_code.lower() != bill.check_code.lower()):
        raise Refusal("BILL_NOT_FOUND")
    return bill
