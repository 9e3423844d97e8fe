"""Background work of access: forgetting closed sessions of staff and counted attempts."""

from __future__ import annotations

from portal.access import limits
from portal.access.sign_in import sessions

CLEANERS = (limits.clean, sessions.clean)
