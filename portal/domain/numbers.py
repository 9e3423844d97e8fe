"""Numbers of paper and bills as values, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass


def ten_digits(number: int) -> str:
    """Write a bill number as it is printed."""
    return f"{number:010d}"


def bill_number(code: str, number: int | str) -> str:
    """Write ``9906 0126-90 0000 0412``: how numbers are read aloud and retyped."""
    digits = f"{int(number):010d}"
    return f"{code[:4]} {code[4:]}-{digits[:2]} {digits[2:6]} {digits[6:]}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A numbered sheet. ``number`` is shown with ten digits."""

    code: str
    number: int

    def __str__(self) -> str:
        return f"{self.code} {self.number:010d}"


@dataclass(frozen=True, slots=True)
class NumberRun:
    """Neighbouring numbers ``first``…``last`` of one bill code."""

    bill_code: str
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        first, last = bill_number(self.bill_code, self.first), bill_number(self.bill_code, self.last)
        return f"{first} 至 {last}，{self.count:,} 份"
