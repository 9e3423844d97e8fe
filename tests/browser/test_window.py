"""A window by keyboard alone: log in, scan, read; at 1366×768, at 125 % and without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.console import PASSWORD
from tests.support.his import http, outpatient
from tests.support.processes.installation import Installation, running


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("console")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web",)) as started:
        assert http(started.base)("invoiceEBillOutpatient", outpatient("C1")).ok
        yield started


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == [], "neither scripts nor the content policy complain"


def sign_in(desk: Page, installation: Installation, username: str) -> None:
    """Name, Tab, password, Enter."""
    desk.goto(f"{installation.base}/console")
    desk.wait_for_function("document.activeElement.id === 'username'")
    desk.keyboard.type(username)
    desk.keyboard.press("Tab")
    desk.keyboard.type(PASSWORD)
    desk.keyboard.press("Enter")
    desk.wait_for_selector("nav.menu")
    desk.wait_for_load_state()  # the keys are the script's


def test_a_window_works_by_keyboard_alone(installation: Installation, desk: Page, tmp_path: Path) -> None:
    sign_in(desk, installation, "cashier")
    desk.keyboard.press("/")
    assert desk.evaluate("document.activeElement.id") == "find"
    desk.keyboard.type("C1")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("ol.track")
    assert "128.50 元" in desk.inner_text("main") and "林**" in desk.inner_text("main")
    desk.screenshot(path=tmp_path / "bill.png")
    desk.goto(f"{installation.base}/console/billing/bills")
    desk.keyboard.press("j")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("ol.track")


@pytest.mark.parametrize("width", [1366, 1093])
def test_pages_hold_at_this_width(installation: Installation, desk: Page, width: int, tmp_path: Path) -> None:
    """1093 is 1366 at 125 %: nothing but a table's own box scrolls sideways."""
    desk.set_viewport_size({"width": width, "height": 768 * width // 1366})
    pages = {
        "lead": ("/console/home", "/console/billing/bills", "/console/home/approvals", "/console/home/sessions"),
        "system": ("/console/system/users", "/console/system/parameters", "/console/system/roles"),
    }
    for username, paths in pages.items():
        desk.context.clear_cookies()
        sign_in(desk, installation, username)
        for path in paths:
            desk.goto(installation.base + path)
            wide = "document.documentElement.scrollWidth - innerWidth"
            assert (
                desk.evaluate(wide) <= 0
                and desk.evaluate("(m => m.scrollWidth - m.clientWidth)(document.querySelector('main'))") <= 0
            ), (path, width)
            desk.screenshot(path=tmp_path / f"{path.replace('/', '-')}.png")


def test_it_works_without_javascript(installation: Installation, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, installation, "cashier")
    page.fill("#find", "C1")
    page.press("#find", "Enter")
    page.wait_for_selector("ol.track")
    page.click("text=退出")
    assert "/console/login" in page.url
    context.close()
