"""Row ids made by us, so that sealed fields can name their row before it is written."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime

_EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_RANDOM_BITS = 21
_lock = threading.Lock()
_last = 0


def first_of(moment: datetime) -> int:
    """Return the least id that can have been made at a moment."""
    return max(int(moment.timestamp() * 1000) - _EPOCH_MS, 0) << _RANDOM_BITS


def new_id() -> int:
    """Return a 62-bit integer that grows with time: milliseconds since 2026, then 21 random bits.

    Those of one process never meet: within a millisecond, or when the clock is put back, the next one is the last one
    and one. Two processes that make one id each in the same millisecond meet once in two million; the primary key
    refuses the second and the caller's transaction is repeated.
    """
    global _last  # noqa: PLW0603 - one counter a process
    moment = time.time_ns() // 1_000_000 - _EPOCH_MS
    with _lock:
        later = moment > _last >> _RANDOM_BITS
        _last = (moment << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS) if later else _last + 1
        return _last
