"""Bill codes of the demo installation: the last two digits are the year's, so they are another's next year."""

from __future__ import annotations

from portal.core.clock import local, now


def this_year(prefix: str) -> str:
    """The code of a kind of bill or form in this year."""
    return f"{prefix}{local(now()).year % 100:02d}"


OUTPATIENT, INPATIENT = this_year("990601"), this_year("990602")
PAPER, INPATIENT_PAPER = this_year("990621"), this_year("990622")
"""The forms of both."""
