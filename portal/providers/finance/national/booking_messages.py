"""Message 9601 (入账状态: what the payers' units have booked) in the national form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from portal.core.clock import SHANGHAI
from portal.domain.money import fen_of
from portal.providers.finance.messages import AnswerPage, BookingsQuery, UnitBooking
from portal.providers.finance.national.envelope import EnvelopeError, Fields, Parsed, stamp14, text_of
from portal.providers.finance.national.form import Forms, MessageForm, read_lines

PULL = "9601"
PAGE = 500


def query_fields(query: BookingsQuery) -> Fields:
    """Write the question for a page of bookings."""
    return {
        "AgencyCode": query.agency,
        "SinceTime": stamp14(query.since),
        "PageNo": str(query.page),
        "PageSize": str(PAGE),
    }


def read(fields: Parsed, _code: str) -> AnswerPage[UnitBooking]:
    """Read a page of bookings. Raises EnvelopeError."""
    total = text_of(fields, "Total")
    if not (total.isascii() and total.isdigit()):
        raise EnvelopeError("入账总数不是整数")
    return AnswerPage(tuple(_booking(line) for line in read_lines(fields)), int(total))


def _booking(line: Mapping[str, str]) -> UnitBooking:
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
    return UnitBooking(line.get("EInvoiceCode", ""), int(number), line.get("AccUnit", "")[:200], amount, day)


FORMS: Forms = {BookingsQuery: MessageForm(PULL, query_fields, read)}
