"""A patient on a phone: scan page → number and name → code → list → bill → PDF saved (the main job's last mile)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.phone import WIDTH, last_code, launched
from tests.his import http, outpatient
from tests.installation import Installation, running
from tests.services import wait_for


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web", "simulators", "worker")) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright) as started:
        yield started


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": 740}, locale="zh-CN", java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_from_scan_to_saved_pdf(installation: Installation, phone: Page, tmp_path: Path) -> None:
    answer = http(installation.base)("invoiceEBillOutpatient", outpatient("B1", payer="林演𬭎"))
    assert answer.ok
    phone.goto(f"{installation.base}/h/pgzx")
    phone.fill("#number", " ００００００19520315001０ ")
    phone.fill("#name", "林演 𬭎")
    phone.screenshot(path=tmp_path / "find.png")
    phone.click("main form button")
    assert "验证码" in phone.inner_text("h1")
    phone.fill("#code", last_code(installation, 0))
    phone.click("main form button")
    assert "林**" in phone.inner_text("h1")
    assert "128.50 元" in phone.inner_text("main")
    phone.click("a.bill")
    assert "这次一共 128.50 元" in phone.inner_text("main")
    assert "000000195203150010" not in phone.url
    wait_for(lambda: supervised(phone), 30, "supervision")
    with phone.expect_download() as saved:
        phone.click("text=存到手机")
    pdf = tmp_path / "bill.pdf"
    saved.value.save_as(pdf)
    text = subprocess.run(["pdftotext", pdf, "-"], check=True, capture_output=True, text=True).stdout
    assert "林演𬭎" in text and "128.50" in text and "壹佰贰拾捌元伍角整" in text
    names = subprocess.run(["pdfdetach", "-list", pdf], check=True, capture_output=True, text=True).stdout
    assert "einvoice.xml" in names


def supervised(page: Page) -> bool:
    """Whether the bill's page, loaded again, says that finance has supervised it."""
    page.reload()
    return page.locator(".steps li.done").count() == 3


def test_a_wrong_name_and_an_unknown_number_look_the_same(installation: Installation, phone: Page) -> None:
    http(installation.base)("invoiceEBillOutpatient", outpatient("B2", tel="10000000002"))
    shown = []
    for number, name in (("000000195203150010", "王测错"), ("000000194809060023", "林演安")):
        phone.goto(f"{installation.base}/h/pgzx")
        phone.fill("#number", number)
        phone.fill("#name", name)
        phone.click("main form button")
        body = re.sub(r'value="[^"]+"', "", phone.content())
        phone.fill("#code", "123456")
        phone.click("main form button")
        shown.append((phone.url, body, re.sub(r'value="[^"]+"', "", phone.content())))
    assert shown[0] == shown[1]


def test_the_link_of_a_slip_opens_one_bill_by_name(installation: Installation, phone: Page) -> None:
    answer = http(installation.base)("invEBillRegistration", outpatient("B3", busType="06", payer="陈样英"))
    address = answer.payload["pictureUrl"]
    assert "B3" not in address and "陈" not in address
    phone.goto(address.replace(re.match(r"https?://[^/]+", address).group(), installation.base))  # type: ignore[union-attr]
    text = phone.inner_text("main")
    assert "陈**" in text and "陈样英" not in text
    phone.fill("#name", "陈样")
    phone.click("main form button")
    assert "不一致" in phone.inner_text("main")
    phone.fill("#name", "陈样英")
    phone.click("main form button")
    assert "交款人" in phone.inner_text("main") and "陈样英" in phone.inner_text("main")
    phone.click("text=看费用清单")
    assert "示例药片" in phone.inner_text("main")


def test_the_desk_pushes_every_scene(installation: Installation, phone: Page) -> None:
    phone.goto(f"{installation.simulators}/desk")
    for scene in range(phone.locator("button[name=scene]").count()):
        phone.locator("button[name=scene]").nth(scene).click()
        assert "已开票" in phone.inner_text("main")
    phone.click("text=打开患者看到的票据")
    assert "收费票据" in phone.inner_text("h1")
