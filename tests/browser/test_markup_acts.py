"""Hostile names in a real browser: on patients' and staff's pages nothing of them runs or is asked for."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, BrowserContext, Request
from sqlalchemy import create_engine, insert

from portal.core.clock import now
from portal.demo.settings import DemoSettings
from portal.models.tables import PARAMETER
from tests.support.console import PASSWORD
from tests.support.his import http, outpatient
from tests.support.length import SOAK
from tests.support.markup import MARK, PAYLOADS
from tests.support.phone import WIDTH
from tests.support.processes.installation import Installation

CAUGHT = f"window.{MARK} = () => {{ window.ran = (window.ran || 0) + 1 }}; window.onerror = window.{MARK};"
PAYER = f"林{PAYLOADS[3]}"
EACH = 25
"""Names of one bill."""


class Watch:
    """A browser in which the payloads' function is there and counts its calls."""

    def __init__(self, context: BrowserContext) -> None:
        self.page, self.found = context.new_page(), list[str]()
        self.page.add_init_script(CAUGHT)
        self.page.on("dialog", lambda dialog: (self.found.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("console", lambda message: self.found.append(message.text) if "Refused" in message.text else None)
        self.page.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        """What was typed into a filter stands in the address of its list; no other address may hold a payload."""
        if MARK in request.url and "/console/billing/bills?serial=" not in request.url:
            self.found.append(request.url)

    def look(self, address: str = "") -> str:
        """The page's HTML, after it has had all the time it needs to misbehave."""
        if address:
            self.page.goto(address)
        self.page.wait_for_load_state("networkidle")
        if ran := self.page.evaluate("() => window.ran || 0"):
            self.found.append(f"{self.page.url} ran {ran} times")
        return self.page.content()


def bills(installation: Installation) -> list[str]:
    """The links of bills whose lines are named by all payloads, which a slip shows here."""
    call, links = http(installation.base), []
    shown = {"unit_id": 1, "key": "patient.slip-details", "value": True, "changed_by": "test", "changed_at": now()}
    with create_engine(DemoSettings(data_dir=installation.data_dir).database).begin() as connection:
        connection.execute(insert(PARAMETER), shown)
    for place in range(0, len(PAYLOADS) if SOAK else EACH, EACH):
        values = outpatient(f"W{place}", payer=PAYER, payee=PAYLOADS[1][:20], patientCategory=PAYLOADS[2][:40])
        first, second = values["listDetail"]
        named = [
            second | {"name": one[:100], "number": 1, "std": 0, "amt": 0} for one in PAYLOADS[place : place + EACH]
        ]
        answer = call("invoiceEBillOutpatient", values | {"listDetail": [first, *named, second]})
        assert answer.ok, answer.message
        links.append(installation.base + re.sub(r"^https?://[^/]+", "", answer.payload["pictureUrl"]))
    return links


def test_the_watch_sees_what_runs(browser: Browser) -> None:
    """The control: the same payloads in a page without our care."""
    watch = Watch(browser.new_context())
    for payload in PAYLOADS[:6]:
        watch.page.goto("about:blank")
        watch.page.set_content(payload)
        watch.look()
    assert len(watch.found) >= 3, watch.found


def test_nothing_runs_on_any_page(installation: Installation, browser: Browser) -> None:
    links, shown = bills(installation), 0
    patient = Watch(browser.new_context(viewport={"width": WIDTH, "height": 740}))
    for link in links:
        patient.look(link)
        patient.page.fill("[name=name]", PAYLOADS[0])
        patient.page.click("main form button")
        patient.look()
        patient.page.fill("[name=name]", PAYER)
        patient.page.click("main form button")
        shown += MARK in patient.look()
        patient.look(f"{patient.page.url}/details")
        shown += patient.page.inner_text("main").count(MARK) >= EACH - 8
    staff = Watch(browser.new_context(viewport={"width": 1366, "height": 768}))
    staff.look(f"{installation.base}/console/login")
    staff.page.fill("[name=username]", "lead")
    staff.page.fill("[name=password]", PASSWORD)
    staff.page.keyboard.press("Enter")
    staff.page.wait_for_selector("nav.menu")
    staff.look(f"{installation.base}/console/billing/bills?serial={PAYLOADS[0].replace('<', '%3C')}")
    staff.look(f"{installation.base}/console/billing/bills?format=print")
    staff.look(f"{installation.base}/console/billing/bills")
    pages = [one.get_attribute("href") for one in staff.page.query_selector_all("td a[href*='/bills/']")]
    for address in pages[: len(links)]:
        shown += MARK in staff.look(f"{installation.base}{address}")
    staff.page.fill("#find", PAYLOADS[5])
    with staff.page.expect_navigation():
        staff.page.keyboard.press("Enter")
    staff.look()
    assert (patient.found, staff.found) == ([], [])
    assert shown == 3 * len(links)
