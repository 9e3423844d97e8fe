"""Alipay's answer codes by class."""

from __future__ import annotations

from portal.providers.faults import Kind

CODES: dict[str, Kind] = {
    "20000": Kind.UNKNOWN,
    "20001": Kind.TOKEN,
    "40001": Kind.BUG,
    "40002": Kind.BUG,
    "40003": Kind.CONFIG,
    "40006": Kind.CONFIG,
    "40005": Kind.LATER,
}
SUB_CODES: dict[str, Kind] = {
    "isv.invalid-signature": Kind.CONFIG,
    "isv.invalid-app-id": Kind.CONFIG,
    "isv.invalid-timestamp": Kind.CONFIG,
    "isv.missing-signature-key": Kind.CONFIG,
    "isv.insufficient-isv-permissions": Kind.CONFIG,
    "isv.app-call-limited": Kind.LATER,
    "isv.code-invalid": Kind.USER,
    "PUB.MSG_TEMPLATE_NOT_EXIST": Kind.CONFIG,
    "TEMPLATE_ILLEGAL": Kind.CONFIG,
    "USER_NOT_SUBSCRIBE": Kind.USER,
    "USER_NOT_FOLLOW": Kind.NEVER,
    "USER_NOT_EXIST": Kind.NEVER,
    "INVALID_PARAMETER": Kind.BUG,
    "INVOICE_ALREADY_EXIST": Kind.DONE,
}
"""The exact business codes stand in each hospital's console; one that is not known here stops its message only."""
RETRY_WORDS = ("system_error", "system-error", "system_busy")


def kind(code: str, sub_code: str) -> Kind:
    """The class of an answer that is not ``10000``."""
    if sub_code in SUB_CODES:
        return SUB_CODES[sub_code]
    if code.startswith("4") and any(word in sub_code.lower() for word in RETRY_WORDS):
        return Kind.RETRY
    return CODES.get(code, Kind.NEVER if code == "40004" else Kind.CONFIG)
