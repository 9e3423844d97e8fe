"""Figures of a run of mutation testing by package, from the lines of ``mutmut results --all true`` on standard input.

A mutant is killed when a test fails on it (or hangs, which is noticed as well), survives when all pass, and has no test
when none runs the changed function. Ends with an error when a package, or all of it, is below the floor.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

FLOOR = 85.0
"""Per cent killed, of everything that was changed."""
WORDS = {"killed": "killed", "timeout": "killed", "survived": "survived", "no tests": "without test"}
COLUMNS = ("killed", "survived", "without test", "other")


def counted(lines: Iterable[str]) -> dict[str, Counter[str]]:
    """Count the mutants by package (``portal/domain``) and by how they ended."""
    figures: dict[str, Counter[str]] = {}
    for line in lines:
        name, colon, status = line.strip().rpartition(": ")
        if colon and "__mutmut_" in name:
            package = "/".join(name.split(".")[:2])
            figures.setdefault(package, Counter())[WORDS.get(status, "other")] += 1
    return figures


def share(figures: Counter[str]) -> float:
    """Return how many per cent are killed."""
    return 100 * figures["killed"] / figures.total()


def main() -> int:
    """Print a line for each package and one for all of them."""
    figures = counted(sys.stdin)
    if not figures:
        sys.stdout.write("no mutants: the run has failed, see var/mutants.log\n")
        return 2
    rows = [*sorted(figures.items()), ("all", sum(figures.values(), Counter[str]()))]
    sys.stdout.write(f"{'':16}" + "".join(f"{column:>14}" for column in COLUMNS) + f"{'killed':>10}\n")
    for package, row in rows:
        cells = "".join(f"{row[column]:>14,}" for column in COLUMNS)
        sys.stdout.write(f"{package:16}{cells}{share(row):>8.1f} %\n")
    return int(any(share(row) < FLOOR for _, row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
