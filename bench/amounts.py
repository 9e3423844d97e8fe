"""How much a run measures: enough for figures, or just enough to see that every part still runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amounts:
    """Rounds of a run and what one measurement of each part does."""

    rounds: int = 3
    bills: int = 1200
    """Bills issued (part ``issue``): two to five seconds on two cores."""
    staged: int = 150
    """Bills issued stage by stage (``where``), after a tenth as many to warm up."""
    pages: int = 1500
    people: int = 20
    bills_each: int = 12
    """Patients with open sessions and the bills of each (``pages``)."""
    identities: int = 1000
    """Stored identities asked for, and as many unknown ones (``lookup``)."""
    stamped: int = 20
    """PDFs stamped (``face``); of those that WeasyPrint lays out, one takes as long."""


TINY = Amounts(rounds=1, bills=20, staged=10, pages=8, people=2, bills_each=1, identities=3, stamped=1)
"""Every part runs once; the figures mean nothing."""
