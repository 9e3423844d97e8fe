"""Messages 9201–9207 (applications, segments, returns, comparison) in the national form.

9207 (withdraw an application) is our own addition: the contract has no word for 撤销上报.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from portal.providers.finance.messages import (
    AnswerPage,
    ApplicationQuery,
    NumberApplication,
    NumberReturn,
    ReturnDecision,
    SegmentConfirmation,
    SegmentsQuery,
    StockCheck,
    StockDifference,
    Withdrawal,
)
from portal.providers.finance.national.envelope import EnvelopeError, Fields, Parsed, stamp14, text_of
from portal.providers.finance.national.form import Forms, MessageForm, integer, lines, nothing, read_lines
from portal.stock.documents.applications import Review
from portal.stock.documents.receipts import Granted

APPLY, APPLY_STATUS, SEGMENTS, STOCK_IN, GIVE_BACK, STOCK_CHECK, APPLY_WITHDRAW = (
    "9201",
    "9202",
    "9203",
    "9204",
    "9205",
    "9206",
    "9207",
)
PAGE = 200
"""Segments asked for at once; the contract allows 500."""


def application_fields(application: NumberApplication) -> Fields:
    """Write an application (申领). Idempotent on ApplyNo."""
    line = {
        "BillCode": application.bill_code,
        "Quantity": str(application.quantity),
        "Reason": application.reason,
    }
    return {"AgencyCode": application.agency, "ApplyNo": application.apply_no, **lines([line])}


def apply_no_fields(message: ApplicationQuery | Withdrawal) -> Fields:
    """Write the question how an application stands, or its withdrawal."""
    return {"AgencyCode": message.agency, "ApplyNo": message.apply_no}


def read_review(fields: Parsed, _code: str) -> Review:
    """Read how an application stands. Raises EnvelopeError."""
    status = text_of(fields, "Status")
    if status not in ("0", "1", "2", "3"):
        raise EnvelopeError("申领状态未知")
    approved = text_of(fields, "ApprovedQuantity", required=False)
    opinion, reviewer = (text_of(fields, name, required=False) for name in ("Opinion", "Reviewer"))
    return Review(status, integer(approved) if approved else None, opinion, reviewer)


def segments_fields(query: SegmentsQuery) -> Fields:
    """Write the question for a page of granted segments."""
    since = f"{query.since:%Y%m%d}"
    return {"AgencyCode": query.agency, "SinceDate": since, "PageNo": str(query.page), "PageSize": str(PAGE)}


def read_segments(fields: Parsed, _code: str) -> AnswerPage[Granted]:
    """Read a page of segments. Raises EnvelopeError.

    A line that makes no sense comes out as a segment without numbers, so that it is refused by name and does not
    stop the others.
    """
    return AnswerPage(tuple(_segment(line) for line in read_lines(fields)), integer(text_of(fields, "Total")))


def _segment(line: Mapping[str, str]) -> Granted:
    try:
        day = line.get("IssueDate", "")
        issued_on = datetime.strptime(day, "%Y%m%d").date() if day else None
        first, last, count = (integer(line.get(name, "")) for name in ("StartNo", "EndNo", "Count"))
    except ValueError:
        issued_on, first, last, count = None, 0, -1, 0
    return Granted(
        finance_id=line.get("SegmentId", "")[:40],
        agency=line.get("AgencyCode", ""),
        bill_code=line.get("BillCode", ""),
        first=first,
        last=last,
        count=count,
        issued_on=issued_on,
        apply_no=line.get("ApplyNo", ""),
    )


def confirmation_fields(confirmation: SegmentConfirmation) -> Fields:
    """Write 入库确认. Idempotent on SegmentId."""
    return {
        "SegmentId": confirmation.segment_id,
        "ConfirmedCount": str(confirmation.count),
        "Operator": confirmation.operator,
        "ConfirmTime": stamp14(confirmation.at),
        "Opinion": confirmation.opinion,
    }


def return_fields(numbers: NumberReturn) -> Fields:
    """Write 申退. Idempotent on ReturnNo."""
    line = {
        "BillCode": numbers.bill_code,
        "StartNo": f"{numbers.first:010d}",
        "EndNo": f"{numbers.last:010d}",
        "Count": str(numbers.last - numbers.first + 1),
    }
    return {
        "AgencyCode": numbers.agency,
        "ReturnNo": numbers.return_no,
        "Reason": numbers.reason,
        **lines([line]),
    }


def read_return(fields: Parsed, _code: str) -> ReturnDecision:
    """Read finance's decision on a return. Raises EnvelopeError."""
    status = text_of(fields, "Status")
    if status not in ("0", "1", "2"):
        raise EnvelopeError("申退状态未知")
    return ReturnDecision(status, text_of(fields, "Opinion", required=False))


def check_fields(check: StockCheck) -> Fields:
    """Write our counts and unused ranges per code."""
    groups = [
        {
            "BillCode": line.bill_code,
            "Opening": str(line.opening),
            "Received": str(line.received),
            "Used": str(line.used),
            "Void": str(line.void),
            "Returned": str(line.returned),
            "Closing": str(line.closing),
            "ClosingRanges": ",".join(f"{first:010d}-{last:010d}" for first, last in line.ranges),
        }
        for line in check.lines
    ]
    return {"AgencyCode": check.agency, "AsOf": stamp14(check.as_of), **lines(groups)}


def read_differences(fields: Parsed, _code: str) -> tuple[StockDifference, ...]:
    """Read the differences that finance found. Raises EnvelopeError."""
    return tuple(
        StockDifference(*(line.get(name, "")[:60] for name in ("BillCode", "Item", "Ours", "Theirs")))
        for line in read_lines(fields)
    )


FORMS: Forms = {
    NumberApplication: MessageForm(APPLY, application_fields, nothing),
    ApplicationQuery: MessageForm(APPLY_STATUS, apply_no_fields, read_review),
    Withdrawal: MessageForm(APPLY_WITHDRAW, apply_no_fields, nothing),
    SegmentsQuery: MessageForm(SEGMENTS, segments_fields, read_segments),
    SegmentConfirmation: MessageForm(STOCK_IN, confirmation_fields, nothing),
    NumberReturn: MessageForm(GIVE_BACK, return_fields, read_return),
    StockCheck: MessageForm(STOCK_CHECK, check_fields, read_differences),
}
