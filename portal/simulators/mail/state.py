"""State of the simulated mail server's pages: what arrived, and its faults."""

from __future__ import annotations

from dataclasses import dataclass

from portal.simulators.context import Context
from portal.simulators.faults import Faults
from portal.simulators.mail.rules import SWITCHES, Inbox


@dataclass(frozen=True, slots=True)
class Mail:
    """The mailbox; the server that fills it has its own connection to the store."""

    inbox: Inbox
    faults: Faults

    @classmethod
    def prepare(cls, context: Context) -> Mail:
        """Make the state."""
        return cls(Inbox(context.store), context.add_faults("mail", SWITCHES))
