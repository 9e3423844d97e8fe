"""An errand of a patient in a browser, whose screens and typed fields are counted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page


class Errand:
    """What an errand costs its runner: every screen that comes up, every field that is typed into."""

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page, self.pictures = page, pictures
        self.screens: list[str] = []
        self.typed: list[str] = []

    def look(self) -> str:
        """The text of the screen that is there now; kept as a picture."""
        self.page.wait_for_load_state("load")
        self.screens.append(self.page.inner_text("h1"))
        place = sum(1 for _ in self.pictures.glob("*.png"))
        self.page.screenshot(path=self.pictures / f"{place}.png", full_page=True)
        return self.page.inner_text("main")

    def go(self, address: str) -> str:
        """Scan or open an address."""
        self.page.goto(address)
        return self.look()

    def send(self, **typed: str) -> str:
        """Type and press the form's button."""
        for name, value in typed.items():
            self.page.fill(f"#{name}", value)
            self.typed.append(name)
        self.page.click("main form button")
        return self.look()
