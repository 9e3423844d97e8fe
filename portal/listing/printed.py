"""A list on paper: its rows on pages of A4 across, each with its sum, so that ``n / m`` is known before it is printed.

Browsers number pages in ways of their own, or not at all. Here a page takes as many rows as surely stand on it: widths
of texts are counted in halves of a Chinese character, and every cell breaks wherever its column ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.listing.columns import Column
from portal.listing.lists import Listing

WIDTH = 165
"""So many halves of a character stand in a line: 273 mm in 9 points, less a little for the lines."""
ROOM = 372.0
"""Points of height for rows on a page, beside head, sums and signatures."""
LINE, AROUND = 12.0, 5.0
"""Points of height of a line, and of what is around the lines of a row."""
PADDING = 3
"""What the edges of a cell take, in halves of a character."""
LATIN, CAPITAL, WIDE = 1.25, 1.6, 2.0
"""So many halves of a Chinese character take a digit or small letter, a capital, and the widest."""
WIDEST = frozenset("MWmw@%")
LEAST = 6


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """Rows of one page as texts; ``sums`` by column key, of this page alone."""

    number: int
    rows: list[list[str]]
    sums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Printed:
    """A list on paper. ``shares``: the width of each column in hundredths of the page; ``lead``: so many columns stand
    before the first that is summed; ``whole``: the sums of all pages by column key."""

    shares: list[float]
    pages: list[PrintedPage]
    lead: int
    whole: dict[str, str]


def printed(listing: Listing) -> Printed:
    """Divide the rows of a list into pages; an empty list has one."""
    columns = listing.columns
    texts = [[column.text(row) for column in columns] for row in listing.rows]
    widths = _widths(columns, texts)
    pages: list[PrintedPage] = []
    begin, room = 0, ROOM
    for place, row in enumerate(texts):
        height = AROUND + LINE * max(_lines(text, width) for text, width in zip(row, widths, strict=True))
        if height > room and place > begin:
            pages.append(_page(listing, texts, len(pages) + 1, begin, place))
            begin, room = place, ROOM
        room -= height
    pages.append(_page(listing, texts, len(pages) + 1, begin, len(texts)))
    shares = [round(100 * width / sum(widths), 2) for width in widths]
    summed = [place for place, column in enumerate(columns) if column.key in listing.totals]
    return Printed(shares, pages, summed[0] if summed else 0, _sums(listing, listing.rows))


def _page(listing: Listing, texts: list[list[str]], number: int, begin: int, end: int) -> PrintedPage:
    return PrintedPage(number, texts[begin:end], _sums(listing, listing.rows[begin:end]))


def _sums(listing: Listing, rows: Sequence[Any]) -> dict[str, str]:
    shapes = {column.key: column.shape for column in listing.columns}
    return {key: shapes[key](value) for key, value in listing.sums(rows).items()}


def _units(text: str) -> float:
    return sum(WIDE if ord(char) >= 0x2000 or char in WIDEST else CAPITAL if char.isupper() else LATIN for char in text)


def _lines(text: str, width: float) -> int:
    """Count the lines of a text in a column; a line may end one character early."""
    room = max(width - PADDING, 2)
    return 1 if _units(text) <= room else int(_units(text) / max(room - 2, 2)) + 1


def _widths(columns: Sequence[Column], texts: list[list[str]]) -> list[float]:
    """Give every column the room that its longest text needs; what is left over or wanting is the long ones'."""
    wanted = [
        PADDING
        + max([_units(column.title) + 4 * (column.kind in ("money", "price")), *(_units(row[at]) for row in texts)])
        for at, column in enumerate(columns)
    ]
    wanted = [max(width, LEAST) for width in wanted]
    cap = max(wanted)
    while sum(min(width, cap) for width in wanted) > WIDTH and cap > LEAST:
        cap -= 1
    kept = [min(width, cap) for width in wanted]
    return [width * WIDTH / sum(kept) for width in kept]
