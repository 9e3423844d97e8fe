"""State of the simulated HIS: the platform that settlements are pushed to."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from portal.simulators.context import Context


@dataclass(frozen=True, slots=True)
class His:
    """``base`` is the platform's address."""

    base: str
    http: httpx.Client

    @classmethod
    def prepare(cls, context: Context) -> His:
        """Make the state from the settings."""
        return cls(context.settings.base, httpx.Client(timeout=20, trust_env=False))
