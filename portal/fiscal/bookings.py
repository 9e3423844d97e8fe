"""9601 入账状态: what finance says has become of our bills in the books of the payers' units.

Asked for once an hour, from three days before the last answer on: what was taken in before changes nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.core.clock import SHANGHAI
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.money import fen_of
from portal.issuing.bills import booking
from portal.providers.finance import envelope
from portal.providers.finance.bill_messages import stamp14
from portal.providers.finance.envelope import EnvelopeError, text_of
from portal.providers.finance.stock_messages import lines_of

PULL = "9601"
PAGE = 500


@dataclass(frozen=True, slots=True)
class Booked:
    """One unit's booking of one bill. ``day`` is midnight of 入账日期; ``amount_fen`` is what it booked, ``None``
    when it took its booking back."""

    code: str
    number: int
    unit: str
    amount_fen: int | None
    day: datetime


def voucher(agency: str, since: datetime, page: int) -> bytes:
    """The question: what changed since a moment, page by page from 1."""
    wanted = {"AgencyCode": agency, "SinceTime": stamp14(since), "PageNo": str(page), "PageSize": str(PAGE)}
    return envelope.build_voucher(wanted)


def read(fields: Mapping[str, str | dict[str, str]]) -> tuple[list[Booked], int]:
    """The answer: the page's bills, and how many there are in all. Raises EnvelopeError."""
    total = text_of(fields, "Total")
    if not (total.isascii() and total.isdigit()):
        raise EnvelopeError("入账总数不是整数")
    return [_booked(line) for line in lines_of(fields)], int(total)


def _booked(line: Mapping[str, str]) -> Booked:
    status, number = line.get("IsAccounted", ""), line.get("EInvoiceNumber", "")
    if status not in ("0", "1") or not (number.isascii() and number.isdigit()):
        raise EnvelopeError("入账状态未知")
    try:
        day = datetime.strptime(line.get("AccDate", ""), "%Y%m%d").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise EnvelopeError("入账日期无效") from None
    amount = None
    if status == "1":
        try:
            amount = fen_of(line.get("AccAmount", ""))
        except ValueError as error:
            raise EnvelopeError(f"入账金额{error}") from None
        if amount < 0 or not line.get("AccUnit"):
            raise EnvelopeError("入账金额小于 0" if amount < 0 else "没有入账单位")
    return Booked(line.get("EInvoiceCode", ""), int(number), line.get("AccUnit", "")[:200], amount, day)


def take_in(services: Services, unit_id: int, ask: Callable[[int], tuple[list[Booked], int]]) -> None:
    """Every page of one unit's answer; ``ask`` gives a page."""
    for one in list(_pages(ask)):
        try:
            booking.change(services, unit_id, one.code, one.number, one.unit, one.amount_fen, one.day)
        except Refusal as refusal:
            if refusal.code != "BILL_NOT_FOUND":  # finance knows bills of before our time
                raise


def _pages(ask: Callable[[int], tuple[list[Booked], int]]) -> Iterator[Booked]:
    page, seen, total = 1, 0, 1
    while seen < total:
        found, total = ask(page)
        if not found:
            return
        yield from found
        seen, page = seen + len(found), page + 1
