"""The kiosk on its own screen, upright and lying: card → list → print, out of paper, staff called; then the simulators'
pages on a phone and on a window's screen. axe finds nothing, nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select, update

from portal.app import create_app
from portal.core.clock import now, stamp17
from portal.core.services import Services
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.issuing.paper import kiosk as device
from portal.models import KioskDevice, Point
from tests.browser.accessibility import AXE, RUN
from tests.support.his import http, outpatient
from tests.support.length import SOAK
from tests.support.processes.installation import Installation

SCREENS = {"upright": (1080, 1920), "lying": (1280, 1024)}
SIMULATORS = ("", "/finance", "/finance/stock", "/wechat", "/alipay", "/bureau", "/sms", "/mail", "/push", "/desk")
CARD = "000000195203150010"


@pytest.fixture
def services(installation: Installation) -> Iterator[Services]:
    """The installation's database, from beside."""
    found: Services = create_app(DemoSettings(data_dir=installation.data_dir)).extensions["qupiao"].services
    yield found
    found.database.engine.dispose()


def wrong(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than the screen. A kiosk that shows somebody's bills goes back to
    its start by itself: the next person stands there."""
    page.wait_for_load_state("load")
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN, {"rules": {"meta-refresh": {"enabled": False}}})
    cut = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    return found + [f"{cut} px too wide"] * (cut > 0)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_kiosk(
    installation: Installation,
    services: Services,
    browser: Browser,
    tmp_path: Path,
    screen: str,
) -> None:
    call, found = http(installation.base), {}
    assert call("invoiceEBillOutpatient", outpatient(f"K{screen}", busDateTime=stamp17(now()))).ok
    with services.database.read() as connection:
        place = connection.scalar(select(Point.id).where(Point.code == "07"))
    token = device.enrol(services, Actor("staff:system", "吴某", 1), screen, place, None, 9)
    width, height = SCREENS[screen]
    page = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN").new_page()

    def look(name: str) -> None:
        found[name] = wrong(page)
        page.screenshot(path=tmp_path / f"{screen}-{name}.png")

    def read(what: str) -> None:
        """A reader types like a keyboard, into the field that has the focus when the page is there."""
        page.goto(f"{installation.base}/kiosk")
        page.wait_for_function("() => document.activeElement?.name === 'read'")
        page.keyboard.type(what)
        page.keyboard.press("Enter")

    page.goto(f"{installation.base}/kiosk")
    look("setup")
    page.fill("[name=token]", token)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=请刷就诊卡")
    look("start")
    read("nothing that is known")
    page.wait_for_selector("text=没有可以打印的票据")
    look("none")
    read(CARD)
    page.wait_for_selector("[name=bill]")
    look("bills")
    page.click("main form button")
    page.wait_for_selector("text=还没有选择票据")
    look("nothing-chosen")
    page.check("[name=bill]")
    # The sheets print themselves as soon as their frame shows them, and a browser without a screen has no printing.
    page.route("**/kiosk/sheets.pdf*", lambda route: route.fulfill(body="", content_type="text/plain"))
    page.click("main form button")
    page.wait_for_selector("text=正在打印")
    look("done")
    page.click("footer button")
    page.wait_for_selector("text=已呼叫工作人员")
    look("called")
    with services.database.write() as connection:
        connection.execute(update(KioskDevice.__table__).where(KioskDevice.name == screen).values(sheets=0))
    page.goto(f"{installation.base}/kiosk")
    page.wait_for_selector("text=票纸已用完")
    look("out-of-paper")
    assert {name: some for name, some in found.items() if some} == {}
    assert len(found) == 8


@pytest.mark.parametrize("width", [360, 1366] if SOAK else [360])
def test_the_simulators(installation: Installation, browser: Browser, tmp_path: Path, width: int) -> None:
    assert http(installation.base)("invoiceEBillOutpatient", outpatient(f"S{width}")).ok
    page, found = browser.new_context(viewport={"width": width, "height": 740}, locale="zh-CN").new_page(), {}
    for path in SIMULATORS:
        answer = page.goto(installation.simulators + path)
        assert answer is not None and answer.status == 200, path
        found[path] = wrong(page)
        page.screenshot(path=tmp_path / f"{width}{path.replace('/', '-')}.png", full_page=True)
    assert {path: some for path, some in found.items() if some} == {}
