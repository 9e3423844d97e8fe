"""How short the ways are: screens and typed fields from a message, inside WeChat, on coming back; Back and reload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from portal.blueprints.patient.pages.lists import MOST
from tests.browser.errand import Errand
from tests.browser.layout import faults
from tests.support.his import http, outpatient
from tests.support.phone import WIDTH, last_code
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

NAME, NUMBER = "林演安", "000000195203150010"
WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50"
VIEW = {"width": WIDTH, "height": 740}


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEW, locale="zh-CN", java_script_enabled=False)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def saved(page: Page, words: str) -> bytes:
    """The file that a press on these words brings."""
    with page.expect_download() as download:
        page.click(words)
    return Path(download.value.path()).read_bytes()


def here(installation: Installation, address: str) -> str:
    return installation.base + re.sub(r"^https?://[^/]+", "", address)


def messages(installation: Installation) -> int:
    """How many text messages there have been."""
    return len(httpx.get(f"{installation.simulators}/sms/messages", trust_env=False).json())


def test_a_text_message_brings_the_file_in_two_screens(installation: Installation, phone: Page, tmp_path: Path) -> None:
    assert http(installation.base)("invoiceEBillOutpatient", outpatient("SW1", tel="10000000021")).ok

    def told() -> str:
        sent = httpx.get(f"{installation.simulators}/sms/messages", trust_env=False).text
        found = re.findall(r"/b/[A-Za-z0-9_-]+", sent.partition("10000000021")[2])
        return found[0] if found else ""

    link, errand = wait_for(told, 60, "the message"), Errand(phone, tmp_path)
    errand.go(installation.base + link)
    assert "这次一共" in errand.send(name=NAME)
    assert saved(phone, "text=存到手机（PDF）").startswith(b"%PDF")
    assert (len(errand.screens), errand.typed) == (2, ["name"])


def test_inside_wechat_three_screens_and_one_name(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    """Slip, name, 存到手机; the browser that WeChat's menu opens has the file; and no log has the way's address."""
    answer = http(installation.base)("invoiceEBillOutpatient", outpatient("SW2"))
    inside = browser.new_context(viewport=VIEW, locale="zh-CN", user_agent=WECHAT, java_script_enabled=False)  # type: ignore[arg-type]
    errand = Errand(inside.new_page(), tmp_path)
    errand.go(here(installation, answer.payload["pictureUrl"]))
    errand.page.fill("#name", NAME)
    errand.typed.append("name")
    errand.page.click("text=存到手机（换浏览器打开）")
    assert "在浏览器打开" in errand.look()
    outside = browser.new_context(viewport=VIEW, locale="zh-CN", java_script_enabled=False)  # type: ignore[arg-type]
    way, errand.page = errand.page.url, outside.new_page()
    errand.go(way)
    assert saved(errand.page, "text=存到手机（PDF）").startswith(b"%PDF")
    assert (len(errand.screens), errand.typed) == (3, ["name"])
    for log in installation.data_dir.glob("*.log"):
        assert way.rpartition("/")[2] not in log.read_text(encoding="utf-8"), log.name
    for context in (inside, outside):
        context.close()


def test_whoever_comes_back_taps_once(installation: Installation, phone: Page, tmp_path: Path) -> None:
    """Remembered after one proof; then the list is one tap away. Back and reload after every form on the way."""
    call, errand = http(installation.base), Errand(phone, tmp_path)
    assert call("invoiceEBillOutpatient", outpatient("SW3")).ok
    before = messages(installation)
    errand.go(f"{installation.base}/h/pgzx")
    errand.send(number=NUMBER, name=NAME)
    errand.send(code=last_code(installation, before))
    phone.goto(f"{installation.base}/h/pgzx/phones")
    errand.send()
    phone.goto(f"{installation.base}/h/pgzx/bills")
    phone.click("text=看完了，退出")
    back = Errand(phone, tmp_path)
    back.go(f"{installation.base}/h/pgzx")
    back.send()
    assert "林** 的票据" in phone.inner_text("h1")
    assert (len(back.screens), back.typed) == (2, [])
    phone.click("a.bill >> nth=0")
    bill = phone.url
    for form, typed in FORMS.items():
        assert_back_and_reload(phone, f"{bill}/{form}", typed)


FORMS = {"mail": {"address": "lin@"}, "correction": {}, "share": {}, "cards": {}, "revoke": {}}
"""Forms below a bill, with what is typed before their button is pressed."""


def assert_back_and_reload(page: Page, address: str, typed: dict[str, str]) -> None:
    """Press the button; what comes can be reloaded and left by Back, to a page and not to the browser's error."""
    page.goto(address)
    for name, text in typed.items():
        page.fill(f"#{name}", text)
    for field in page.locator("main [required]").all():
        field.evaluate("element => element.removeAttribute('required')")
    if page.locator("main form button").count():
        page.click("main form button >> nth=0")
        page.wait_for_load_state("load")
    words = page.inner_text("h1")
    answered = page.reload()
    assert answered is not None and answered.request.method == "GET" and page.inner_text("h1") == words, address
    page.go_back()
    assert page.inner_text("h1") and page.url.startswith("http"), address


def test_219_bills_of_one_person(installation: Installation, phone: Page, tmp_path: Path) -> None:
    """The list is short, has its tools on top, and nothing of it runs out, be the letters as large as they may."""
    call, name, number = http(installation.base), "陈样英", "000000194809060023"
    for count in range(219):
        body = outpatient(f"M{count}", payer=name, cardNo=number, idCardNo=number, tel="10000000002", patientNo="MZ02")
        day = f"2026{1 + count % 11:02d}{1 + count % 28:02d}080000000"
        assert call("invoiceEBillOutpatient", body | {"busDateTime": day}).ok
    before = messages(installation)
    errand = Errand(phone, tmp_path)
    errand.go(f"{installation.base}/h/pgzx")
    errand.send(number=number, name=name)
    text = errand.send(code=last_code(installation, before))
    assert text.index("报销包（一次下载）") < text.index("128.50 元")
    rest = map(int, re.findall(r"2026-\d\d · (\d+) 张", text))
    assert sum(rest) + phone.locator("a.bill").count() == 219
    assert phone.locator("a.bill").count() <= MOST and phone.evaluate("document.documentElement.scrollHeight") < 9000
    assert faults(phone) == []
