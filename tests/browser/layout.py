"""What is wrong with the layout of a page: cut, covered, too small, too wide (layout.js), at every size of letters."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SIZES = {"": (17.0, 23.8, 29.75), "care": (23.0, 32.2, 40.25)}
"""Root size in px by mode: 100 %, 140 %, 175 %."""
FAULTS = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands, at every size."""
    found = []
    for mode, sizes in SIZES.items():
        for size in sizes:
            page.evaluate(
                "([mode, size]) => { const root = document.documentElement; root.className = mode; "
                "root.style.fontSize = `${size}px` }",
                [mode, size],
            )
            found += [f"{mode or 'normal'} {size} px: {fault}" for fault in page.evaluate(FAULTS, size)]
    page.evaluate("() => { document.documentElement.className = ''; document.documentElement.style.fontSize = '' }")
    return found
