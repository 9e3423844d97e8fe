"""Sets of numbers as sorted runs: the arithmetic of balances and of the number map."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of integers kept as disjoint runs ``(first, last)`` in order; neighbouring runs are joined."""

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._runs: list[tuple[int, int]] = []
        for first, last in runs:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._runs)

    def __len__(self) -> int:
        """How many runs."""
        return len(self._runs)

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and self._runs == other._runs

    def __repr__(self) -> str:
        return f"Intervals({self._runs})"

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(last - first + 1 for first, last in self._runs)

    def has(self, first: int, last: int) -> bool:
        """Return whether all of ``first``…``last`` are in the set."""
        place = bisect_right(self._runs, (first, float("inf"))) - 1
        return place >= 0 and self._runs[place][0] <= first and last <= self._runs[place][1]

    def overlap(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the parts of ``first``…``last`` that are in the set."""
        return [(max(low, first), min(high, last)) for low, high in self._runs if low <= last and first <= high]

    def add(self, first: int, last: int) -> None:
        """Add ``first``…``last``. Raises ValueError when one of them is in the set already."""
        if self.overlap(first, last):
            raise ValueError(f"{first}–{last} 已有")
        place = bisect_right(self._runs, (first, last))
        if place < len(self._runs) and self._runs[place][0] == last + 1:
            last = self._runs.pop(place)[1]
        if place and self._runs[place - 1][1] == first - 1:
            place -= 1
            first = self._runs.pop(place)[0]
        self._runs.insert(place, (first, last))

    def remove(self, first: int, last: int) -> None:
        """Remove ``first``…``last``. Raises ValueError when one of them is not in the set."""
        if not self.has(first, last):
            raise ValueError(f"{first}–{last} 不在")
        place = bisect_right(self._runs, (first, float("inf"))) - 1
        low, high = self._runs.pop(place)
        rest = [(low, first - 1)] if low < first else []
        rest += [(last + 1, high)] if last < high else []
        self._runs[place:place] = rest

    def lowest(self, count: int) -> list[tuple[int, int]]:
        """Return the runs of the ``count`` lowest numbers, fewer when there are fewer."""
        runs = []
        for first, last in self._runs:
            if count <= 0:
                break
            runs.append((first, min(last, first + count - 1)))
            count -= last - first + 1
        return runs
