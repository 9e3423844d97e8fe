"""Background work of access: forgetting closed sessions of staff, counted attempts, calls of HISs."""

from __future__ import annotations

from portal.access import limits
from portal.access.his import bound_calls, refusals
from portal.access.sign_in import sessions

CLEANERS = (limits.clean, sessions.clean, refusals.clean, bound_calls.clean)
