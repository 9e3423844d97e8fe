"""Enumerations whose members carry the word that people read on screen."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Titled(StrEnum):
    """Base of enumerations written as ``NAME = "code", "word on screen"``; a member is its code everywhere else."""

    title: str  # type: ignore[assignment]  # instead of str.title, which has no use for codes

    def __new__(cls, code: str, title: str = "") -> Self:
        """Make the member of a code and its title, which may be left out only where a member is looked up."""
        if not title:
            raise TypeError(f"{cls.__name__} {code} has no title")
        member = str.__new__(cls, code)
        member._value_ = code
        member.title = title
        return member
