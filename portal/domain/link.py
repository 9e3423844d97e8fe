"""The bill link: its token is computable from the serial before the bill exists.

The rule is published in ``docs/offline-link.md``; a HIS or a window without a network computes the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{22}", re.ASCII)
"""One character of key id, then 22 of URL-safe Base64: 128 bits."""
KEY_ID = re.compile(r"[A-Za-z0-9]", re.ASCII)


def token(key: bytes, key_id: str, unit: str, serial: str, generation: int = 0) -> str:
    """Compute the token of one settlement's bill: key id + 128 bits of HMAC-SHA-256 over unit, serial and generation.

    ``key`` is the HIS account's link key under ``key_id``; ``generation`` grows when a lost slip is revoked.
    SHA-256, not SM3, because every HIS has it at hand; what the link opens is guarded by more than its token.
    """
    message = "\x00".join(("qupiao-link-2", unit, serial, str(generation))).encode()
    mac = hmac.digest(key, message, hashlib.sha256)
    return key_id + urlsafe_b64encode(mac[:16]).rstrip(b"=").decode()


def address(base: str, token: str) -> str:
    """Return the address of a bill's page below the platform's address ``base``, which ends without a slash."""
    return f"{base}/b/{token}"
