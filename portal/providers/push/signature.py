"""The signature of pushed events."""

from __future__ import annotations

import hashlib
import hmac


def signature(key: str, method: str, path: str, stamp: str, nonce: str, body: bytes) -> str:
    """Sign a call: the value of ``X-Qupiao-Signature``, lower-case hex."""
    text = "\n".join((method, path, stamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
