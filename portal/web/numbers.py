"""Numbers that somebody sent in a form or an address: what no row can have as its id names no row."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 2**63 - 1
"""The largest number that the databases hold."""


def row_id(text: str) -> int:
    """Return the id or count that a text is. Raises ValueError for what is none, and for one that no row can have."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST):
        raise ValueError(text[:20])
    return int(text)


def row_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids among some texts, in their order; the others are left out."""
    found = []
    for text in texts:
        try:
            found.append(row_id(text))
        except ValueError:
            continue
    return found
