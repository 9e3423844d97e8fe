"""Alipay's answer codes by class."""

from __future__ import annotations

from portal.providers.faults import FaultKind

CODES: dict[str, FaultKind] = {
    "20000": FaultKind.UNKNOWN,
    "20001": FaultKind.TOKEN,
    "40001": FaultKind.BUG,
    "40002": FaultKind.BUG,
    "40003": FaultKind.CONFIG,
    "40006": FaultKind.CONFIG,
    "40005": FaultKind.LATER,
}
SUB_CODES: dict[str, FaultKind] = {
    "isv.invalid-signature": FaultKind.CONFIG,
    "isv.invalid-app-id": FaultKind.CONFIG,
    "isv.invalid-timestamp": FaultKind.CONFIG,
    "isv.missing-signature-key": FaultKind.CONFIG,
    "isv.insufficient-isv-permissions": FaultKind.CONFIG,
    "isv.app-call-limited": FaultKind.LATER,
    "isv.code-invalid": FaultKind.USER,
    "PUB.MSG_TEMPLATE_NOT_EXIST": FaultKind.CONFIG,
    "TEMPLATE_ILLEGAL": FaultKind.CONFIG,
    "USER_NOT_SUBSCRIBE": FaultKind.USER,
    "USER_NOT_FOLLOW": FaultKind.NEVER,
    "USER_NOT_EXIST": FaultKind.NEVER,
    "INVALID_PARAMETER": FaultKind.BUG,
    "INVOICE_ALREADY_EXIST": FaultKind.DONE,
}
"""The exact business codes stand in each hospital's console; one that is not known here stops its message only."""
RETRY_WORDS = ("system_error", "system-error", "system_busy")


def kind(code: str, sub_code: str) -> FaultKind:
    """Return the class of an answer that is not ``10000``."""
    if sub_code in SUB_CODES:
        return SUB_CODES[sub_code]
    if code.startswith("4") and any(word in sub_code.lower() for word in RETRY_WORDS):
        return FaultKind.RETRY
    return CODES.get(code, FaultKind.NEVER if code == "40004" else FaultKind.CONFIG)
