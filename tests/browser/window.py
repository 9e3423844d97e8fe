"""A member of staff at a window PC, and the books that must agree after whatever they did."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page
from sqlalchemy import select

from portal.core.database import Database
from portal.models import NumberSegment
from portal.stock.books import fates
from tests.support import ledger
from tests.support.console import PASSWORD
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

SCREEN = {"width": 1366, "height": 768}
PICTURES = os.environ.get("QUPIAO_SCREENSHOTS", "")
"""The folder for screenshots; none are taken without one."""


class Window:
    """One browser of one person. ``clicks`` counts what the hand does: a click or an Enter; typing is not counted."""

    def __init__(self, browser: Browser, installation: Installation, story: str, scripts: bool = True) -> None:
        self.base, self.story, self.clicks, self._shots = installation.base, story, 0, 0
        context = browser.new_context(
            viewport=SCREEN,
            locale="zh-CN",
            java_script_enabled=scripts,
            accept_downloads=True,  # type: ignore[arg-type]
        )
        context.set_default_timeout(20_000)
        self.page: Page = context.new_page()
        self.scripts = scripts
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._complaint)

    def _complaint(self, said: ConsoleMessage) -> None:
        if said.type == "error" and "status of 4" not in said.text:  # a form that is refused answers 422
            self.faults.append(said.text)

    def sign_in(self, username: str, point: str = "") -> Window:
        """Log in; choose the point by its code where one is named."""
        self.open("/console/login")
        self.page.fill("[name=username]", username)
        self.page.fill("[name=password]", PASSWORD)
        self.press("登录")
        if point:
            option = self.page.locator("header select[name=point] option", has_text=re.compile(f"^{point} "))
            self.page.select_option("header select[name=point]", value=option.get_attribute("value"))
            self.page.click("header form:has(select[name=point]) button")
            self.clicks += 1
            self.settled()
        return self

    def open(self, path: str) -> None:
        """Go to an address, as somebody who has it among the bookmarks."""
        answer = self.page.goto(path if path.startswith("http") else self.base + path)
        assert answer is not None and answer.status == 200, (path, answer and answer.status)

    def button(self, words: str) -> Locator:
        """The button or link of the page, or the menu's, by its exact words."""
        exact = re.compile(f"^\\s*{re.escape(words)}\\s*$")
        inside = self.page.locator("main button:visible, main a:visible").filter(has_text=exact)
        return (inside if inside.count() else self.page.locator("nav a, header button").filter(has_text=exact)).first

    def press(self, words: str) -> None:
        """Click it; the page after it must be whole."""
        self.button(words).click()
        self.clicks += 1
        self.settled()

    def fill(self, **values: str) -> None:
        """Type into fields by name."""
        for name, value in values.items():
            self.page.fill(f"main [name='{name}']", value)

    def choose(self, **values: str) -> None:
        """Choose in select boxes by name and the words shown."""
        for name, words in values.items():
            self.page.select_option(f"main select[name='{name}']", label=words)

    def find(self, text: str) -> None:
        """Scan or type into the search box of the bar."""
        self.page.fill("#find", text)
        self.page.press("#find", "Enter")
        self.clicks += 1
        self.settled()

    def settled(self) -> None:
        """The page has loaded, does not scroll sideways, and no script failed."""
        self.page.wait_for_load_state("load")
        assert self.faults == [], self.faults
        if self.scripts:
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= SCREEN["width"], f"{self.page.url} is {width} px wide"

    def says(self, *words: str) -> str:
        """The text of the page, which contains these words and nobody's whole ID or phone."""
        text = self.page.inner_text("main")
        for word in words:
            assert word in text, f"{self.page.url} does not say {word}: {text[:600]}"
        return text

    def shot(self, name: str) -> None:
        """Keep a picture, where pictures were asked for."""
        self._shots += 1
        if PICTURES:
            path = Path(PICTURES) / f"{self.story}-{self._shots:02d}-{name.replace(' ', '-')}.png"
            self.page.screenshot(path=path, full_page=True)

    def prints(self, words: str) -> str:
        """Press a button that answers a PDF; its text."""
        caught: list[str] = []
        context, here = self.page.context, self.page.url
        context.on("response", lambda answer: caught.append(answer.url) if ".pdf" in answer.url else None)
        self.button(words).click()
        self.clicks += 1
        address = wait_for(lambda: self._idle() or "".join(caught[:1]), 20, "the PDF")
        answer = context.request.get(address)
        assert answer.ok and answer.headers["content-type"] == "application/pdf"
        for tab in context.pages[1:]:
            tab.close()
        assert self.page.url == here, "a print opens in a tab of its own"
        return text_of(answer.body())

    def _idle(self) -> None:
        self.page.wait_for_timeout(50)

    def close(self) -> None:
        """Go home."""
        self.page.context.close()


def books_agree(database: Database) -> int:
    """Stock identity, number maps and ledger at one moment; returns how many bills there are."""
    with database.read() as connection:
        found = fates.identity(connection)
        assert found.holds, [str(difference) for difference in found.differences]
        assert found.balances and all(balance.holds for balance in found.balances)
        for segment in connection.execute(select(NumberSegment.id, NumberSegment.first, NumberSegment.last)):
            expected = segment.first
            for run in fates.fate_map(connection, segment.id):
                assert run.first == expected, f"segment {segment.id} has a hole or a double at {expected}"
                expected = run.last + 1
            assert expected == segment.last + 1
        return ledger.check(connection)


def text_of(pdf: bytes) -> str:
    """What a PDF says."""
    return subprocess.run(["pdftotext", "-", "-"], input=pdf, check=True, capture_output=True).stdout.decode()
