"""Background work of access: forgetting closed sessions of staff, kept inputs, counted attempts, calls of HISs."""

from __future__ import annotations

from portal.access import kept_inputs, limits
from portal.access.his import bound_calls, refusals
from portal.access.sign_in import sessions

CLEANERS = (limits.clean, sessions.clean, kept_inputs.clean, refusals.clean, bound_calls.clean)
