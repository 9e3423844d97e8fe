"""The texts that mark an installation whose hospital, people and bills are not real."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Banner:
    """What such an installation says of itself on pages and papers. A production installation says nothing: all empty.

    A banner is true when it has a word.
    """

    word: str = ""
    """One word, on every page."""
    data: str = ""
    """In the corner of every bill, list and slip."""
    page: str = ""
    """At the foot of the patients' pages."""
    bill: str = ""
    """Among the notes of a bill's face."""
    bundle: str = ""
    """On the cover of a bundle for reimbursement."""
    statement: str = ""
    """On the yearly statement for the tax office."""
    verification: str = ""
    """Where people are told how to verify a bill elsewhere."""
    login: str = ""
    """On the console's log-in page."""
    seal: str = ""
    """In the middle of the unit's drawn seal."""
    seal_note: str = ""
    """Below the names in both drawn seals."""
    seals: str = ""
    """On the console's page of seals."""
    english: Banner | None = None
    """The same texts in English, for the patients' pages that are in English."""

    def __bool__(self) -> bool:
        return bool(self.word)
