"""Background work of retrieval: forgetting sessions, one-time codes and passes that are over."""

from __future__ import annotations

from portal.retrieval.proof import passes, sessions

CLEANERS = (sessions.clean, passes.clean)
