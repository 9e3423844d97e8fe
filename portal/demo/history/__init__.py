"""What happened in the invented hospital besides issuing: red bills, paper, requests, approvals, stock documents.

Each part is done by the same services as in production, by the invented staff. Acts on bills fall on the bill's own
day; documents and requests are of today. It goes on beside the running installation, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from portal.demo.history import office, paper, patients, stock
from portal.runtime import Runtime

PARTS: dict[str, Callable[[Runtime], None]] = {
    "stock": stock.write,
    "office": office.write,
    "patients": patients.write,
    "paper": paper.write,
    "approvals": paper.ask_for_large,
}
"""In this order: pages that need few rows are filled first."""


def write(runtime: Runtime, done: Path) -> int:
    """Write every part that the file ``done`` does not name yet, and name it there; return how many were written."""
    before = done.read_text(encoding="ascii").split() if done.exists() else []
    missing = [name for name in PARTS if name not in before]
    for name in missing:
        PARTS[name](runtime)
        with done.open("a", encoding="ascii") as written:
            written.write(f"{name}\n")
    return len(missing)
