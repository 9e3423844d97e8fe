"""Every patient page on a phone of 360 px, JavaScript off, at 100 %, 140 % and 175 % type, in normal and in care mode.

Nothing scrolls sideways, is cut or covered; every target is at least 48 px; letters are as large as promised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.layout import FAULTS, faults
from tests.support.his import http, outpatient
from tests.support.phone import WIDTH, last_code, launched
from tests.support.processes.installation import Installation
from tests.support.vouchers import deposit


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as started:
        yield started


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": 740}, locale="zh-CN", java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_every_page_at_every_size(installation: Installation, phone: Page) -> None:
    call = http(installation.base)
    last = call("invoiceEBillOutpatient", outpatient("L1", payer="欧阳演安", listDetail=LINES)).payload
    assert call("invEBillRegistration", outpatient("L2", payer="欧阳演安", busType="06")).ok
    assert call("invEBillRegistration", outpatient("L3", payer="欧阳演安", busDateTime="20250101080000000")).ok
    link = installation.base + re.sub(r"^https?://[^/]+", "", last["pictureUrl"])
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        phone.wait_for_load_state("load")
        found[name] = faults(phone)

    phone.goto(f"{installation.base}/h/pgzx")
    look("find")
    phone.fill("#number", "12345")
    phone.fill("#name", "欧阳演安")
    phone.locator("#number").evaluate("e => e.value = '1'")
    phone.click("main form button")
    look("find, nothing typed")
    phone.fill("#number", "000000195203150010")
    phone.click("main form button")
    look("code")
    phone.fill("#code", "1")
    phone.click("main form button")
    look("code, wrong")
    phone.fill("#code", last_code(installation, 0))
    phone.click("main form button")
    assert "欧" in phone.inner_text("h1")
    look("list")
    address = phone.locator("a.bill").first.get_attribute("href")
    phone.goto(f"{installation.base}{address}")
    look("bill")
    phone.click("text=看费用清单")
    look("details")
    phone.goto(f"{installation.base}/h/pgzx")
    look("find, known already")
    phone.goto(link)
    look("link, mine")
    phone.context.clear_cookies()
    phone.goto(link)
    look("link")
    phone.fill("#name", "欧阳")
    phone.click("main form button")
    look("link, wrong name")
    phone.fill("#name", "欧阳演安")
    phone.click("main form button")
    phone.goto(f"{installation.base}/h/pgzx/bills")
    look("list by slip")
    phone.goto(early_link(installation, link))
    look("waiting")
    phone.fill("#phone", "1")
    phone.click("main form button")
    look("waiting, wrong phone")
    phone.fill("#phone", "10000000001")
    phone.click("main form button")
    assert "记下了" in phone.inner_text("main")
    look("waiting, phone noted")
    voucher = call("invoicePayMentVoucher", deposit("L4")).payload["pictureUrl"]
    phone.goto(installation.base + re.sub(r"^https?://[^/]+", "", voucher))
    look("voucher")
    phone.fill("#name", "谭例")
    phone.click("main form button")
    look("voucher, wrong name")
    phone.fill("#name", "谭例霞")
    phone.click("main form button")
    assert "余额" in phone.inner_text("main")
    look("voucher, opened")
    phone.goto(f"{installation.base}/nowhere")
    look("error")
    assert {name: some for name, some in found.items() if some} == {}
    assert len(found) == 19


def early_link(installation: Installation, link: str) -> str:
    """A link of the right shape whose bill does not exist; it looks like one that was opened too early."""
    token = link.rsplit("/", 1)[1]
    return f"{installation.base}/b/{token[0]}{token[:0:-1]}"


LINES = [
    {"chargeCode": "0109", "code": f"YP{n}", "name": name, "std": 12.85, "number": 1, "amt": 12.85, "unit": "盒"}
    for n, name in enumerate(
        ["示例药片", "注射用头孢哌酮钠舒巴坦钠（示例长名）2.0g:1.0g×10瓶", "Amoxicillin-Clavulanate-Potassium"]
    )
]


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        ("<p><b>" + "9" * 60 + "</b></p>", "sideways"),
        ('<a href="/x">甲</a>', "is small"),
        ('<div class="a"><a href="/x">甲乙丙丁</a></div><div class="b"><a href="/y">甲乙丙丁</a></div>', "overlap"),
        ('<p class="cut">甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁甲乙丙丁</p>', "is cut"),
        ('<p class="tiny">小</p>', "letters"),
        ('<div class="a"><a href="/x">甲乙丙丁</a></div><div class="b cover"></div>', "covered"),
    ],
)
def test_the_check_can_fail(phone: Page, planted: str, says: str) -> None:
    style = (
        "html{font-size:17px}body{margin:0}.a,.b{height:60px}.b{margin-top:-40px;position:relative}"
        ".a a,.b a{display:block;height:60px}"
        ".cut{overflow:hidden;white-space:nowrap;width:100px}.tiny{font-size:9px}.cover{background:red}"
    )
    phone.set_content(f"<!doctype html><style>{style}</style><main>{planted}</main>")
    found = phone.evaluate(FAULTS, 17)
    assert any(says in fault for fault in found), found
    phone.set_content(f"<!doctype html><style>{style}</style><main><p>好</p></main>")
    assert phone.evaluate(FAULTS, 17) == []


def test_the_type_size_of_the_phone_is_followed(installation: Installation, playwright: Playwright) -> None:
    """Somebody who has set 175 % in the browser gets 175 % here, in both modes."""
    with launched(playwright, "--blink-settings=defaultFontSize=28") as browser:
        page = browser.new_context(viewport={"width": WIDTH, "height": 740}, java_script_enabled=False).new_page()
        page.goto(f"{installation.base}/h/pgzx")
        size = "() => parseFloat(getComputedStyle(document.body).fontSize)"
        assert page.evaluate(size) == 29.75
        with page.expect_navigation():
            page.click("header button")
        assert page.evaluate(size) == 40.25
