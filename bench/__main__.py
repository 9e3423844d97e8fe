"""``python -m bench [PART …] [--rounds N]``: measure in turns, print ratios. Parts stand alone; none means all."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from itertools import product

from bench import face, issue, lookup, pages, where
from bench.amounts import TINY, Amounts
from bench.site import sites

PARTS = {
    "pages": pages.run,
    "lookup": lookup.run,
    "where": where.run,
    "issue": issue.run,
}
"""What is measured on every kind of database, in the order of a whole run: the floor of ``issue`` leaves copies of
people's rows that no page can open."""
ALL = (*PARTS, "face")


def _leave(_signal: int, _frame: object) -> None:
    """Leave as if by an error, so that servers are stopped and folders removed on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """Entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bench", description="Ratios against floors, taken in turns in one run.")
    parser.add_argument("parts", nargs="*", choices=[[], *ALL], metavar="PART", help=f"of: {', '.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 31), metavar="N", help="rounds (default 3)")
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"), help="one kind only (default: both)")
    parser.add_argument("--tiny", action="store_true", help="see that everything runs: one round of very little")
    chosen = parser.parse_args()
    amounts = TINY if chosen.tiny else Amounts(rounds=chosen.rounds)
    signal.signal(signal.SIGTERM, _leave)
    started = time.monotonic()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; {amounts.rounds} rounds in turns")
    print("Ratios are median (least–most) of the rounds.", flush=True)
    parts = chosen.parts or ALL
    if set(parts) & set(PARTS):
        with sites((chosen.database,) if chosen.database else ("SQLite", "PostgreSQL")) as made:
            for part, site in product([part for part in PARTS if part in parts], made):
                PARTS[part](site, amounts)
    if "face" in parts:
        face.run(amounts)
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
