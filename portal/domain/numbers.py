"""Numbers of bills, vouchers and paper, and check codes, as values."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BillNumber:
    """Code and number of a numbered document, printed ``12345678 0000000012``."""

    code: str
    number: int

    @property
    def digits(self) -> str:
        """The number with its ten digits."""
        return f"{self.number:010d}"

    def __str__(self) -> str:
        return f"{self.code} {self.digits}"


class Sheet(BillNumber):
    """Code and number of a sheet of paper; never equal to those of a bill."""

    __slots__ = ()


class CheckCode(str):
    """The check code 校验码 of a document: six hexadecimal characters that nobody can guess from its number."""

    __slots__ = ()

    @classmethod
    def draw(cls) -> CheckCode:
        """Draw a new check code."""
        return cls(secrets.token_hex(3))
