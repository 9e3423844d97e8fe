"""A patient on a phone: scan page → number and name → code → list → bill → PDF saved (the main job's last mile).

And somebody who fetches for another with nothing but the slip: its link, or the code printed on it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from portal.app import create_app
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.issuing.paper import notice_slips
from portal.models.tables import BILL
from portal.rendering.papers.slip import Paper
from tests.browser.errand import Errand
from tests.support.his import http, outpatient
from tests.support.phone import WIDTH, last_code
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for


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
    return "财政盖章了" in page.inner_text(".steps")


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
    assert "示例药片" not in phone.inner_text("main") and "用验证码查" in phone.inner_text("main")


def test_the_desk_pushes_every_scene(installation: Installation, phone: Page) -> None:
    phone.goto(f"{installation.simulators}/desk")
    for scene in range(phone.locator("button[name=scene]").count()):
        phone.locator("button[name=scene]").nth(scene).click()
        assert "已开票" in phone.inner_text("main")
    phone.click("text=打开患者看到的票据")
    assert "收费票据" in phone.inner_text("h1")


def slip_of(installation: Installation, answer: dict[str, str], folder: Path) -> tuple[str, str]:
    """A slip that a window prints for a bill: the address in its QR, and the fetch code as it stands on the paper."""
    app = create_app(DemoSettings(data_dir=installation.data_dir))
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        wanted = select(BILL.c.id, BILL.c.unit_id).where(BILL.c.number == int(answer["billNo"]))
        row = connection.execute(wanted).one()
    actor = Actor("staff:desk", "收费员甲", row.unit_id)
    job = notice_slips.start(services, actor, notice_slips.BILLS, [row.id], Paper.ROLL)
    (folder / "slip.pdf").write_bytes(notice_slips.job_pdf(services, row.unit_id, job))
    services.database.engine.dispose()
    text = subprocess.run(["pdftotext", folder / "slip.pdf", "-"], check=True, capture_output=True, text=True).stdout
    code = re.search(r"取票码\s*(QP[\w\s]+?)\s*和", text)
    assert code, text
    return installation.base + re.sub(r"^https?://[^/]+", "", answer["pictureUrl"]), code.group(1)


def test_a_proxy_holds_the_slip(installation: Installation, phone: Page, tmp_path: Path) -> None:
    """The spouse of a migrant worker scans the slip and types the code beside the QR, or the name: that one bill.

    Two screens, one field; nothing else of the patient is open, and the code opens nothing for the next finder.
    """
    call = http(installation.base)
    other = call("invoiceEBillOutpatient", outpatient("P1", payer="王样务", patientNo="MZ0000011", busType="06"))
    answer = call("invoiceEBillOutpatient", outpatient("P2", payer="王样务", patientNo="MZ0000011"))
    assert other.ok and answer.ok
    link, code = slip_of(installation, answer.payload, tmp_path)
    errand = Errand(phone, tmp_path)
    assert "王**" in errand.go(link)
    text = errand.send(name=code)
    assert "这次一共 128.50 元" in text and "王样务" in text
    assert (len(errand.screens), errand.typed) == (2, ["name"])
    bill = phone.url.removeprefix(f"{installation.base}/h/pgzx")
    assert re.fullmatch(r"/bills/\d+", bill)
    with phone.expect_download() as saved:
        phone.click("text=存到手机")
    assert Path(saved.value.path()).read_bytes().startswith(b"%PDF")
    assert phone.goto(f"{installation.base}/h/pgzx/bills")
    assert phone.locator("a.bill").count() == 1
    for closed in ("/family", "/years/2026", bill + "/revoke"):
        answered = phone.goto(f"{installation.base}/h/pgzx{closed}")
        assert answered and answered.status == 401
    finder = Errand(phone, tmp_path)
    phone.context.clear_cookies()
    finder.go(link)
    assert "已经用过" in finder.send(name=code), "a code is used once"


def test_a_proxy_was_told_the_code(installation: Installation, phone: Page, tmp_path: Path) -> None:
    """The slip is elsewhere: code and name told by telephone, typed at the hospital's page. Two screens, two fields."""
    answer = http(installation.base)("invoiceEBillOutpatient", outpatient("P3", payer="王样务", patientNo="MZ0000011"))
    _, code = slip_of(installation, answer.payload, tmp_path)
    misheard, errand = Errand(phone, tmp_path), Errand(phone, tmp_path)
    misheard.go(f"{installation.base}/h/pgzx")
    assert "取票码或姓名不对" in misheard.send(number=code.lower(), name="王样错")
    errand.go(f"{installation.base}/h/pgzx")
    assert "这次一共 128.50 元" in errand.send(number=code.lower(), name="王样务")
    assert (len(errand.screens), errand.typed) == (2, ["number", "name"])
    phone.click("text=发到邮箱")
    assert "spouse@example.com" in errand.send(address="spouse@example.com")
    phone.click("main form button")
    mails = f"{installation.simulators}/mail/messages"
    mail = wait_for(lambda: httpx.get(mails, trust_env=False).json(), 60, "the e-mail")[0]
    assert mail["to"] == "spouse@example.com" and "王样务" not in mail["subject"] + mail["text"]
