"""Background work of retrieval: forgetting sessions, one-time codes, passes and remembered phones that are over."""

from __future__ import annotations

from portal.retrieval.proof import passes, remembered, sessions

CLEANERS = (sessions.clean, passes.clean, remembered.clean)
