"""``python -m bench [PART …] [--rounds N]``: measure in turns, print ratios. Parts stand alone; none means all."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time

from bench import issue, lookup, pages, where
from bench.site import Site, sites

PARTS = {
    "issue": issue.run,
    "where": where.run,
    "pages": pages.run,
    "lookup": lookup.run,
}
"""What can be measured, in the order of a whole run; each is called for every kind of database."""


def main() -> int:
    """Entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bench", description="Ratios against floors, taken in turns in one run.")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 31), metavar="N", help="rounds (default 3)")
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"), help="one kind only (default: both)")
    chosen = parser.parse_args()
    started = time.monotonic()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; {chosen.rounds} rounds in turns")
    print("Ratios are median (least–most) of the rounds.", flush=True)
    with sites((chosen.database,) if chosen.database else ("SQLite", "PostgreSQL")) as made:
        for part in chosen.parts or PARTS:
            _run(part, made, chosen.rounds)
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


def _run(part: str, made: list[Site], rounds: int) -> None:
    for site in made:
        PARTS[part](site, rounds)


if __name__ == "__main__":
    sys.exit(main())
