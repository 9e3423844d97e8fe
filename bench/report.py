"""Figures of a run: samples taken in turns, their ratios by round, and the tables that are printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Samples:
    """Values by name, one a round; a ratio compares two names round by round, so that a slow minute hits both."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """One more round of ``name``."""
        self.values.setdefault(name, []).append(value)

    def ratio(self, name: str, floor: str) -> list[float]:
        """``name`` divided by ``floor``, one a round."""
        return [a / b for a, b in zip(self.values[name], self.values[floor], strict=True)]

    def middle(self, name: str) -> float:
        """Return the median of ``name``."""
        return median(self.values[name])


def in_turns(rounds: int, measures: Mapping[str, Callable[[], float]]) -> Samples:
    """Every measure once a round; each round begins with another one, so that none is always the first."""
    samples, names = Samples(), list(measures)
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            samples.add(name, measures[name]())
    return samples


def spread(values: Sequence[float], digits: int = 2) -> str:
    """``median (least–most)``."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    lines = [list(head), *map(list, rows)]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        cells = [line[0] + " " * (widths[0] - _width(line[0]))]
        cells += [" " * (width - _width(cell)) + cell for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells).rstrip(), flush=True)
