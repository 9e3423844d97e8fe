"""Messages 9301–9303 (upload, result, red bill) in the national form: what is sent, what comes back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime

from portal.providers.finance.messages import (
    ResultQuery,
    SupervisionAnswer,
    SupervisionGiven,
    SupervisionQueued,
    SupervisionRefused,
    Upload,
)
from portal.providers.finance.national.envelope import (
    EnvelopeError,
    Fields,
    Parsed,
    decode_base64,
    parse14,
    stamp14,
    text_of,
)
from portal.providers.finance.national.form import Forms, MessageForm
from portal.providers.finance.result_codes import ResultCode

UPLOAD, RESULT, UPLOAD_RED = "9301", "9302", "9303"
SUPERVISED, QUEUED, REFUSED = "SUPERVISED", "QUEUED", "REFUSED"


def upload_fields(bill: Upload) -> Fields:
    """Write an upload, of a red bill with its original."""
    fields: dict[str, str | Mapping[str, str]] = {
        "EInvoiceCode": bill.code,
        "EInvoiceNumber": bill.number,
        "BusinessNumber": bill.serial,
        "InvoiceData": base64.b64encode(bill.document).decode(),
        "SignInfo": {
            "SignatureAlgorithm": "SM3withSM2",
            "SignatureFormat": "DETACH",
            "SignatureTime": stamp14(bill.signed_at),
            "SerialNumber": bill.certificate_serial,
            "SignatureValue": base64.b64encode(bill.signature).decode(),
        },
    }
    if bill.related:
        fields["RelatedInvoiceCode"], fields["RelatedInvoiceNumber"] = bill.related
    return fields


def result_fields(query: ResultQuery) -> Fields:
    """Write the question whether a bill has been supervised."""
    return {"EInvoiceCode": query.code, "EInvoiceNumber": query.number, "RandomNumber": query.check_code}


def accepted_fields(signature: bytes, seal: Mapping[str, str], time: datetime) -> dict[str, str | Mapping[str, str]]:
    """Write the part of an answer that :func:`read_supervision` reads."""
    return {
        "State": SUPERVISED,
        "SupervisorSignature": base64.b64encode(signature).decode(),
        "SupervisorPartySeal": dict(seal),
        "SupervisionTime": stamp14(time),
    }


def read_supervision(fields: Parsed, code: str) -> SupervisionAnswer:
    """Read the answer of ``0000`` or ``4001``. Raises EnvelopeError for a state that the contract does not have."""
    state, duplicate = text_of(fields, "State"), code == ResultCode.DUPLICATE_SAME
    if state == QUEUED:
        return SupervisionQueued(code, duplicate)
    if state == REFUSED:
        return SupervisionRefused(text_of(fields, "RefusalCode"), text_of(fields, "Opinion")[:500])
    if state != SUPERVISED:
        raise EnvelopeError("应答状态未知")
    seal = fields.get("SupervisorPartySeal")
    if not isinstance(seal, dict):
        raise EnvelopeError("应答缺少监制章")
    element = decode_base64(text_of(fields, "SupervisorSignature"), "SupervisorSignature")
    return SupervisionGiven(element, seal, parse14(text_of(fields, "SupervisionTime")), code, duplicate)


def upload_number(bill: Upload) -> str:
    """Return 9301, or 9303 for a red bill."""
    return UPLOAD_RED if bill.related else UPLOAD


FORMS: Forms = {
    Upload: MessageForm(upload_number, upload_fields, read_supervision),
    ResultQuery: MessageForm(RESULT, result_fields, read_supervision),
}
