"""Row ids made by us, so that sealed fields can name their row before it is written."""

from __future__ import annotations

import secrets
import time

_EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_RANDOM_BITS = 21


def new_id() -> int:
    """A 62-bit integer that grows with time: milliseconds since 2026, then 21 random bits.

    Two ids of one millisecond meet once in two million; the primary key refuses the second and the caller's
    transaction is repeated.
    """
    return (time.time_ns() // 1_000_000 - _EPOCH_MS << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
