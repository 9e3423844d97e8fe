"""Provider faults as outcomes of a message."""

from __future__ import annotations

from datetime import timedelta

from portal.core.clock import now
from portal.domain.states.delivery import Arrived, Bug, Config, Later, NeedUser, Never, NotSent, Result, Unknown
from portal.providers.faults import ChannelFault, FaultKind

WAIT = 3600.0
"""Seconds until a quota is tried again when the platform does not say."""


def result_of(fault: ChannelFault) -> Result:
    """Return the outcome that a fault means for its message; its text holds no secret and no personal data."""
    match fault.kind:
        case FaultKind.RETRY:
            return NotSent(fault.text or fault.code, fault.after, fault.code)
        case FaultKind.LATER:
            return Later(now() + timedelta(seconds=fault.after or WAIT), fault.text, fault.code)
        case FaultKind.NEVER:
            return Never(fault.text or fault.code, fault.code)
        case FaultKind.DONE:
            return Arrived()
        case FaultKind.USER:
            return NeedUser(fault.text or fault.code, fault.code)
        case FaultKind.BUG:
            return Bug(fault.text[:60] or fault.code, fault.code, fault.text)
        case FaultKind.UNKNOWN:
            return Unknown(fault.text or fault.code, fault.code)
        case _:  # CONFIG, and a token that stays refused
            return Config(fault.text or fault.code, fault.code)
