"""The bill link's token: computable from the serial before the bill exists (design D16, requirement 3(5))."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{22}", re.ASCII)
"""One character of key id, then 22 of URL-safe Base64: 128 bits."""


def token(mac: Callable[[bytes], bytes], key_id: str, unit: str, appid: str, serial: str, generation: int = 0) -> str:
    """The token of one settlement's bill: key id + 128 bits of a keyed hash over unit, account, serial, generation.

    ``mac`` is HMAC-SM3 under the link key named by ``key_id``; ``generation`` grows when a lost slip is revoked.
    """
    message = "\x00".join(("qupiao-link-1", unit, appid, serial, str(generation))).encode()
    return key_id + urlsafe_b64encode(mac(message)[:16]).rstrip(b"=").decode()
