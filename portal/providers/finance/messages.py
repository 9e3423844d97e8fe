"""Messages to finance and what their answers hold, in our own words; an adapter gives them a province's form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from portal.providers.finance.result_codes import ResultCode
from portal.stock.documents.applications import Review
from portal.stock.documents.receipts import Granted

Content = TypeVar("Content")
"""What the answer to a message holds when finance has done what it asks."""
Item = TypeVar("Item")


class NoAnswer(ValueError):
    """Bytes that are no authentic answer to the message. The text is Chinese and holds nothing of their content."""


class FinanceAway(Exception):
    """No usable answer: it is unknown whether finance has acted. Send again later, with a new message id.

    ``code`` is finance's own code when it gave one (5xxx …), else ``timeout``, ``network``, ``http``, ``reply`` or
    ``paused``. ``after``: seconds to wait where they are known.
    """

    def __init__(self, code: str, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.after = after


class FinanceRequest(ABC, Generic[Content]):
    """A message to finance. ``subject`` is our key, under which it is logged and finance knows a repeat."""

    __slots__ = ()

    @property
    @abstractmethod
    def subject(self) -> str:
        """The key of what the message is about, without personal data."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[Content]):
    """An authentic answer: a code of :class:`ResultCode`, finance's text, and the content when it was done."""

    code: str
    reason: str
    content: Content | None = None

    @property
    def done(self) -> bool:
        """Whether finance has it, now or from an earlier message with the same key."""
        return self.code in (ResultCode.OK, ResultCode.DUPLICATE_SAME)


@dataclass(frozen=True, slots=True)
class AnswerPage(Generic[Item]):
    """One page of a list, and how many items there are in all."""

    items: tuple[Item, ...]
    total: int


# --- bills ---


@dataclass(frozen=True, slots=True)
class SupervisionGiven:
    """监制 is done. ``supervisor_signature``: the serialised SupervisorPartySignature element, unverified as yet;
    ``seal``: SealId, SealName, SealHash; ``duplicate``: finance had this very bill already (4001)."""

    supervisor_signature: bytes
    seal: Mapping[str, str]
    time: datetime
    code: str = "0000"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class SupervisionQueued:
    """Finance has the bill and will supervise it later: ask with 9302."""

    code: str = "0000"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class SupervisionRefused:
    """Finance said no, and will say no again to the same message. ``reason`` is finance's text."""

    code: str
    reason: str


SupervisionAnswer = SupervisionGiven | SupervisionQueued | SupervisionRefused


@dataclass(frozen=True, slots=True)
class Upload(FinanceRequest[SupervisionAnswer]):
    """A bill for 监制. ``document`` is ``einvoice.xml`` with the unit's signature, ``related`` a red one's original."""

    code: str
    number: str
    serial: str
    document: bytes
    signature: bytes
    signed_at: datetime
    certificate_serial: str
    related: tuple[str, str] | None = None

    @property
    def subject(self) -> str:
        """The bill."""
        return f"{self.code}{self.number}"


@dataclass(frozen=True, slots=True)
class ResultQuery(FinanceRequest[SupervisionAnswer]):
    """The question whether an uploaded bill has been supervised."""

    code: str
    number: str
    check_code: str

    @property
    def subject(self) -> str:
        """The bill."""
        return f"{self.code}{self.number}"


def supervision(reply: Reply[SupervisionAnswer]) -> SupervisionAnswer:
    """Read what a reply says of a bill's supervision."""
    return reply.content or SupervisionRefused(reply.code[:8], reply.reason[:500])


# --- stock ---


@dataclass(frozen=True, slots=True)
class NumberApplication(FinanceRequest[None]):
    """申领: numbers that the unit asks for."""

    agency: str
    apply_no: str
    bill_code: str
    quantity: int
    reason: str

    @property
    def subject(self) -> str:
        """The number under which finance knows the application."""
        return self.apply_no


@dataclass(frozen=True, slots=True)
class ApplicationQuery(FinanceRequest[Review]):
    """The question how an application stands."""

    agency: str
    apply_no: str

    @property
    def subject(self) -> str:
        """The number under which finance knows the application."""
        return self.apply_no


@dataclass(frozen=True, slots=True)
class Withdrawal(FinanceRequest[None]):
    """撤销上报: an application that is taken back."""

    agency: str
    apply_no: str

    @property
    def subject(self) -> str:
        """The number under which finance knows the application."""
        return self.apply_no


@dataclass(frozen=True, slots=True)
class SegmentsQuery(FinanceRequest[AnswerPage[Granted]]):
    """The question what was granted since a day, page by page from 1."""

    agency: str
    since: date
    page: int

    @property
    def subject(self) -> str:
        """The page."""
        return f"since:{self.page}"


@dataclass(frozen=True, slots=True)
class SegmentConfirmation(FinanceRequest[None]):
    """入库确认; a count of 0 says that the segment was refused, ``opinion`` why."""

    segment_id: str
    count: int
    operator: str
    at: datetime
    opinion: str = ""

    @property
    def subject(self) -> str:
        """Finance's id of the segment."""
        return self.segment_id


@dataclass(frozen=True, slots=True)
class ReturnDecision:
    """Finance's word on a return: ``status`` 0 waits, 1 accepted, 2 refused."""

    status: str
    opinion: str


@dataclass(frozen=True, slots=True)
class NumberReturn(FinanceRequest[ReturnDecision]):
    """申退: unused numbers that go back to finance."""

    agency: str
    return_no: str
    bill_code: str
    first: int
    last: int
    reason: str

    @property
    def subject(self) -> str:
        """The number of the return."""
        return self.return_no


@dataclass(frozen=True, slots=True)
class StockLine:
    """Our side of the stock comparison for one code, as counts and as the unused ranges."""

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
    """One difference that finance names in its answer to a stock comparison."""

    bill_code: str
    item: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class StockCheck(FinanceRequest[tuple[StockDifference, ...]]):
    """Our counts and unused ranges per code, to be compared with finance's."""

    agency: str
    as_of: datetime
    lines: tuple[StockLine, ...]

    @property
    def subject(self) -> str:
        """The moment of our counts."""
        return f"asof:{self.as_of:%Y%m%d%H%M%S}"


# --- void numbers and paper ---


@dataclass(frozen=True, slots=True)
class VoidNumbers(FinanceRequest[None]):
    """作废: numbers that will never be used, by the document that made them void."""

    agency: str
    no: str
    bill_code: str
    first: int
    last: int
    operator: str
    at: datetime
    reason: str

    @property
    def subject(self) -> str:
        """The number of the document."""
        return self.no


@dataclass(frozen=True, slots=True)
class PaperExchange(FinanceRequest[None]):
    """换开: a paper form that stands for a bill. ``paper_id`` is our key of the form."""

    paper_id: int
    bill_code: str
    bill_number: int
    paper_code: str
    paper_number: int
    operator: str
    at: datetime

    @property
    def subject(self) -> str:
        """The paper form."""
        return f"sheet:{self.paper_id}"


@dataclass(frozen=True, slots=True)
class PaperEnd(FinanceRequest[None]):
    """A paper form that stands for its bill no more."""

    paper_id: int
    bill_code: str
    bill_number: int
    paper_code: str
    paper_number: int
    operator: str
    at: datetime
    reason: str

    @property
    def subject(self) -> str:
        """The paper form."""
        return f"sheet:{self.paper_id}"


# --- bookings ---


@dataclass(frozen=True, slots=True)
class UnitBooking:
    """One unit's booking of one bill. ``day`` is midnight of 入账日期; ``amount_fen`` is what it booked, ``None``
    when it took its booking back."""

    code: str
    number: int
    unit: str
    amount_fen: int | None
    day: datetime


@dataclass(frozen=True, slots=True)
class BookingsQuery(FinanceRequest[AnswerPage[UnitBooking]]):
    """The question which bookings changed since a moment, page by page from 1."""

    agency: str
    since: datetime
    page: int

    @property
    def subject(self) -> str:
        """The page."""
        return f"booked:{self.page}"
