"""Background work of access: forgetting closed sessions of staff and counted attempts."""

from __future__ import annotations

from portal.access import limits, staff_sessions

CLEANERS = (limits.clean, staff_sessions.clean)
