"""Messages 9301–9303 of the finance contract (OURS, fiscal-ebill §6.7) as data: what is sent, what comes back."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.core.clock import SHANGHAI, local, now, stamp17
from portal.providers.finance import envelope
from portal.providers.finance.envelope import EnvelopeError, decode_base64, text_of

UPLOAD, RESULT, UPLOAD_RED = "9301", "9302", "9303"
SUPERVISED, QUEUED, REFUSED = "SUPERVISED", "QUEUED", "REFUSED"


@dataclass(frozen=True, slots=True)
class Upload:
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
    def message_no(self) -> str:
        """9301, or 9303 for a red bill."""
        return UPLOAD_RED if self.related else UPLOAD

    def voucher(self) -> bytes:
        """The inner document of the message."""
        fields: dict[str, str | Mapping[str, str]] = {
            "EInvoiceCode": self.code,
            "EInvoiceNumber": self.number,
            "BusinessNumber": self.serial,
            "InvoiceData": base64.b64encode(self.document).decode(),
            "SignInfo": {
                "SignatureAlgorithm": "SM3withSM2",
                "SignatureFormat": "DETACH",
                "SignatureTime": stamp14(self.signed_at),
                "SerialNumber": self.certificate_serial,
                "SignatureValue": base64.b64encode(self.signature).decode(),
            },
        }
        if self.related:
            fields["RelatedInvoiceCode"], fields["RelatedInvoiceNumber"] = self.related
        return envelope.build_voucher(fields)


@dataclass(frozen=True, slots=True)
class Accepted:
    """监制 is done. ``supervisor_signature``: the serialised SupervisorPartySignature element, unverified as yet;
    ``seal``: SealId, SealName, SealHash; ``duplicate``: finance had this very bill already (4001)."""

    supervisor_signature: bytes
    seal: Mapping[str, str]
    time: datetime
    code: str = "0000"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """Finance has the bill and will supervise it later: ask with 9302."""

    code: str = "0000"
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Finance said no, and will say no again to the same message. ``reason`` is finance's text."""

    code: str
    reason: str


Answer = Accepted | Queued | Rejected


@dataclass(frozen=True, slots=True)
class Reply:
    """An authentic answer as it stands: finance's code and text, and the fields of its voucher."""

    code: str
    reason: str
    fields: Mapping[str, str | dict[str, str]]


def stamp14(moment: datetime) -> str:
    """``yyyyMMddHHmmss`` in the hospital's time."""
    return local(moment).strftime("%Y%m%d%H%M%S")


def parse14(text: str) -> datetime:
    """The moment of 14 digits. Raises EnvelopeError."""
    try:
        if len(text) != 14 or not (text.isascii() and text.isdigit()):
            raise ValueError
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        raise EnvelopeError("时间不是 14 位的有效时间") from None


def result_voucher(code: str, number: str, check: str) -> bytes:
    """9302: has this bill been supervised?"""
    return envelope.build_voucher({"EInvoiceCode": code, "EInvoiceNumber": number, "RandomNumber": check})


def accepted_fields(signature: bytes, seal: Mapping[str, str], time: datetime) -> dict[str, str | Mapping[str, str]]:
    """The part of an answer that :func:`read_supervision` reads."""
    return {
        "State": SUPERVISED,
        "SupervisorSignature": base64.b64encode(signature).decode(),
        "SupervisorPartySeal": dict(seal),
        "SupervisionTime": stamp14(time),
    }


def read_supervision(fields: Mapping[str, str | dict[str, str]], code: str, duplicate: bool) -> Answer:
    """The answer of ``0000`` or ``4001``. Raises EnvelopeError for a state that the contract does not have."""
    state = text_of(fields, "State")
    if state == QUEUED:
        return Queued(code, duplicate)
    if state == REFUSED:
        return Rejected(text_of(fields, "RefusalCode"), text_of(fields, "Opinion")[:500])
    if state != SUPERVISED:
        raise EnvelopeError("应答状态未知")
    seal = fields.get("SupervisorPartySeal")
    if not isinstance(seal, dict):
        raise EnvelopeError("应答缺少监制章")
    element = decode_base64(text_of(fields, "SupervisorSignature"), "SupervisorSignature")
    return Accepted(element, seal, parse14(text_of(fields, "SupervisionTime")), code, duplicate)


class MessageIds:
    """Message ids of one process: 17 digits that read as a time and never come twice from here.

    Two processes may meet in a millisecond; the exchange log's unique column settles that before anything is sent.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        """The next id, at least one millisecond after the one before."""
        with self._lock:
            self._last = max(int(now().timestamp() * 1000), self._last + 1)
            return stamp17(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self._last))
