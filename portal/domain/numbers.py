"""Numbers of paper and bills as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sheet:
    """A numbered sheet. ``number`` is shown with ten digits."""

    code: str
    number: int

    def __str__(self) -> str:
        return f"{self.code} {self.number:010d}"
