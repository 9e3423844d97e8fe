"""A receipt of an SMS provider, in our words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmsReceipt:
    """One receipt: our number where the provider returns it, else its own."""

    ref: str
    their_ref: str
    good: bool
    code: str
    text: str
