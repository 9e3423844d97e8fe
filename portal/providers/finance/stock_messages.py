"""Messages 9201–9207 of the finance contract (OURS, fiscal-ebill §6.7) as data: what is sent, what comes back.

A voucher has no repeated elements, so the lines of a list are groups ``Line1``, ``Line2`` … with their ``Count``.
9207 (withdraw an application) is our own addition: the contract has no word for 撤销上报.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from portal.providers.finance import envelope
from portal.providers.finance.bill_messages import Reply, stamp14
from portal.providers.finance.envelope import EnvelopeError, text_of
from portal.providers.finance.result_codes import Result
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

Fields = Mapping[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True)
class StockLine:
    """Our side of 9206 for one code, as counts and as the unused ranges."""

    bill_code: str
    opening: int
    received: int
    used: int
    void: int
    returned: int
    closing: int
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class StockDifference:
    """One difference that finance names in its answer to 9206."""

    bill_code: str
    item: str
    ours: str
    theirs: str


def done(reply: Reply) -> bool:
    """Whether finance has it, now or from an earlier message with the same key."""
    return reply.code in (Result.OK, Result.DUPLICATE_SAME)


def application(agency: str, apply_no: str, bill_code: str, quantity: int, reason: str) -> bytes:
    """9201: 申领. Idempotent on ApplyNo."""
    line = {"BillCode": bill_code, "Quantity": str(quantity), "Reason": reason}
    return envelope.build_voucher({"AgencyCode": agency, "ApplyNo": apply_no, **_lines([line])})


def application_status(agency: str, apply_no: str) -> bytes:
    """9202 and 9207."""
    return envelope.build_voucher({"AgencyCode": agency, "ApplyNo": apply_no})


def read_review(fields: Fields) -> Review:
    """The answer to 9202. Raises EnvelopeError."""
    status = text_of(fields, "Status")
    if status not in ("0", "1", "2", "3"):
        raise EnvelopeError("申领状态未知")
    approved = text_of(fields, "ApprovedQuantity", required=False)
    opinion, reviewer = (text_of(fields, name, required=False) for name in ("Opinion", "Reviewer"))
    return Review(status, _integer(approved) if approved else None, opinion, reviewer)


def segments(agency: str, since: date, page: int) -> bytes:
    """9203: what was granted since a day, page by page from 1."""
    wanted = {"AgencyCode": agency, "SinceDate": f"{since:%Y%m%d}", "PageNo": str(page), "PageSize": str(PAGE)}
    return envelope.build_voucher(wanted)


def read_segments(fields: Fields) -> tuple[list[Granted], int]:
    """The answer to 9203: the page's segments, and how many there are in all. Raises EnvelopeError.

    A line that makes no sense comes out as a segment without numbers, so that it is refused by name and does not
    stop the others.
    """
    return [_granted(line) for line in _read_lines(fields)], _integer(text_of(fields, "Total"))


def _granted(line: Mapping[str, str]) -> Granted:
    try:
        day = line.get("IssueDate", "")
        issued_on = datetime.strptime(day, "%Y%m%d").date() if day else None
        first, last, count = (_integer(line.get(name, "")) for name in ("StartNo", "EndNo", "Count"))
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


def stock_in(segment_id: str, count: int, operator: str, at: datetime, opinion: str = "") -> bytes:
    """9204: 入库确认; a count of 0 says that the segment was refused, ``opinion`` why. Idempotent on SegmentId."""
    return envelope.build_voucher(
        {
            "SegmentId": segment_id,
            "ConfirmedCount": str(count),
            "Operator": operator,
            "ConfirmTime": stamp14(at),
            "Opinion": opinion,
        }
    )


def give_back(agency: str, return_no: str, bill_code: str, first: int, last: int, reason: str) -> bytes:
    """9205: 申退. Idempotent on ReturnNo."""
    line = {
        "BillCode": bill_code,
        "StartNo": f"{first:010d}",
        "EndNo": f"{last:010d}",
        "Count": str(last - first + 1),
    }
    return envelope.build_voucher({"AgencyCode": agency, "ReturnNo": return_no, "Reason": reason, **_lines([line])})


def read_return(fields: Fields) -> tuple[str, str]:
    """The answer to 9205: status (0 waits, 1 accepted, 2 refused) and opinion. Raises EnvelopeError."""
    status = text_of(fields, "Status")
    if status not in ("0", "1", "2"):
        raise EnvelopeError("申退状态未知")
    return status, text_of(fields, "Opinion", required=False)


def stock_check(agency: str, as_of: datetime, lines: Iterable[StockLine]) -> bytes:
    """9206: our counts and unused ranges per code."""
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
        for line in lines
    ]
    return envelope.build_voucher({"AgencyCode": agency, "AsOf": stamp14(as_of), **_lines(groups)})


def read_differences(fields: Fields) -> list[StockDifference]:
    """The answer to 9206. Raises EnvelopeError."""
    return [
        StockDifference(*(line.get(name, "")[:60] for name in ("BillCode", "Item", "Ours", "Theirs")))
        for line in _read_lines(fields)
    ]


def lines_of(fields: Fields) -> list[dict[str, str]]:
    """The groups of a list, for the receiving side. Raises EnvelopeError."""
    return list(_read_lines(fields))


def list_fields(lines: Iterable[Mapping[str, str]]) -> dict[str, str | Mapping[str, str]]:
    """The groups of a list, for the answering side."""
    return _lines(lines)


def _lines(lines: Iterable[Mapping[str, str]]) -> dict[str, str | Mapping[str, str]]:
    groups: dict[str, str | Mapping[str, str]] = {f"Line{place}": dict(line) for place, line in enumerate(lines, 1)}
    return {"Count": str(len(groups))} | groups


def _read_lines(fields: Fields) -> Iterator[dict[str, str]]:
    for place in range(1, _integer(text_of(fields, "Count")) + 1):
        line = fields.get(f"Line{place}")
        if not isinstance(line, dict):
            raise EnvelopeError(f"缺少明细 Line{place}")
        yield line


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise EnvelopeError("数量或号码不是整数")
    return int(text)
