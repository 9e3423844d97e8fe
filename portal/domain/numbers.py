"""Numbers of bills, vouchers and paper, and check codes, as values, and how they are written."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass


def bill_code(prefix: str, year: int) -> str:
    """Return the bill code 票据代码 of a kind in a year: its prefix and two digits of the year."""
    return f"{prefix}{year % 100:02d}"


def ten_digits(number: int) -> str:
    """Write a bill number as it is printed."""
    return f"{number:010d}"


def bill_number(code: str, number: int | str) -> str:
    """Write ``9906 0126-90 0000 0412``: how numbers are read aloud and retyped."""
    return f"{in_groups(code)}-{in_groups(ten_digits(int(number)))}"


def in_groups(text: str, size: int = 4) -> str:
    """Write a number in groups counted from its end, the one way everywhere: ``90 0000 0412``."""
    first = len(text) % size
    return " ".join(filter(None, (text[:first], *(text[at : at + size] for at in range(first, len(text), size)))))


_SPOKEN = re.compile(r"(?<!\d)(\d{4}) (\d{4})-(\d{2}) (\d{4}) (\d{4})(?!\d)", re.ASCII)


def searchable(text: str) -> str:
    """Return a text with bill numbers as they stand on paper and are looked for: ``99060126 9000000412``."""
    return _SPOKEN.sub(r"\1\2 \3\4\5", text)


@dataclass(frozen=True, slots=True)
class BillNumber:
    """Code and number of a numbered document, printed ``12345678 0000000012``."""

    code: str
    number: int

    @property
    def digits(self) -> str:
        """The number with its ten digits."""
        return ten_digits(self.number)

    def __str__(self) -> str:
        return f"{self.code} {self.digits}"


class Sheet(BillNumber):
    """Code and number of a sheet of paper; never equal to those of a bill."""

    __slots__ = ()


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


class CheckCode(str):
    """The check code 校验码 of a document: six hexadecimal characters that nobody can guess from its number."""

    __slots__ = ()

    @classmethod
    def draw(cls) -> CheckCode:
        """Draw a new check code."""
        return cls(secrets.token_hex(3))
