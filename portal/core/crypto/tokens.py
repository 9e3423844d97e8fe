"""Tokens in addresses that name a row: its number and 128 bits of a keyed hash, so that nobody can guess one."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from portal.core.crypto.field_cipher import BlindIndex

LENGTH = 32
"""Characters of such a token; the link of a bill has fewer."""
_MAC = 16


def make(index: BlindIndex, use: str, number: int, more: bytes = b"") -> str:
    """Make the token of a row for one ``use``; what ``more`` says ends it when it changes."""
    plain = number.to_bytes(8, "big")
    return urlsafe_b64encode(plain + index.digest(use, plain + more)[:_MAC]).decode()


def number_in(token: str) -> int | None:
    """Read the number that a token begins with, unproved; ``None`` for a token of another shape."""
    try:
        number = int.from_bytes(urlsafe_b64decode(token.encode("ascii"))[:8], "big") if len(token) == LENGTH else None
    except ValueError:
        return None
    return number if number is not None and number < 1 << 63 else None


def equal(token: str, good: str) -> bool:
    """Compare a token that somebody brought with the good one, in constant time."""
    return hmac.compare_digest(good.encode(), token.encode())
