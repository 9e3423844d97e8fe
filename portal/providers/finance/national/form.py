"""The national form of one kind of message: its number, its fields, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from portal.providers.finance.messages import FinanceRequest
from portal.providers.finance.national.envelope import EnvelopeError, Fields, Parsed, text_of

Sent = TypeVar("Sent")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class MessageForm(Generic[Sent, Answered]):
    """``number`` of the message, or how it follows from the message; ``read`` gets the fields and the result code of
    an answer that says "done", and raises EnvelopeError."""

    number: str | Callable[[Sent], str]
    write: Callable[[Sent], Fields]
    read: Callable[[Parsed, str], Answered]


Forms = Mapping[type[FinanceRequest[Any]], MessageForm[Any, Any]]
"""The form of each kind of message; a form reads what its kind of message asks for."""


def nothing(_fields: Parsed, _code: str) -> None:
    """Read an answer that holds nothing but its code."""


def lines(rows: list[dict[str, str]]) -> dict[str, str | dict[str, str]]:
    """Write a list: a voucher has no repeated elements, so its lines are groups ``Line1`` … with their ``Count``."""
    groups: dict[str, str | dict[str, str]] = {f"Line{place}": row for place, row in enumerate(rows, 1)}
    return {"Count": str(len(rows))} | groups


def read_lines(fields: Parsed) -> list[dict[str, str]]:
    """Read the groups of a list. Raises EnvelopeError."""
    rows = []
    for place in range(1, integer(text_of(fields, "Count")) + 1):
        line = fields.get(f"Line{place}")
        if not isinstance(line, dict):
            raise EnvelopeError(f"缺少明细 Line{place}")
        rows.append(line)
    return rows


def integer(text: str) -> int:
    """Read a count or bill number. Raises EnvelopeError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise EnvelopeError("数量或号码不是整数")
    return int(text)
