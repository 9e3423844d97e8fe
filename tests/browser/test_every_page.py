"""Every page of the patients' later ways, on a phone of 360 px: axe finds nothing, nothing is cut, it weighs little.

One walk in one installation: in normal and in care mode, at 100 %, 140 % and 175 % type; WCAG 2.2 A and AA and axe's
best practices. Stories of the way: proxy by slip, a child's vaccine bill by its guardian, a bill by e-mail asked for.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pypdfium2
from playwright.sync_api import Browser, Page

from portal.core.clock import local, now, stamp17
from portal.demo.hospital import COMPANY_PHONE
from portal.demo.settlements import EMPLOYER
from portal.domain.identity import id_check_character
from tests.browser.accessibility import AXE, RUN
from tests.browser.layout import SIZES, faults
from tests.support import vouchers
from tests.support.his import Answer, http, outpatient
from tests.support.length import SOAK
from tests.support.phone import WIDTH, last_code
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

BY_SIZE = {"runOnly": {"type": "rule", "values": ["target-size", "scrollable-region-focusable", "meta-viewport"]}}
"""What may differ by the size of letters; the rest is asked once a mode."""
MOST_BYTES = 60_000
NUMBER = "000000202003030017"[:17] + id_check_character("00000020200303001")


PHONE = "10000000001"
SECRETS = ("000000195203150010", NUMBER, "林演安", "林小验", "MZ0000001", "示例药片", "内科", PHONE, COMPANY_PHONE)
"""Nothing of these stands in an address, a referer, a log or a message (the receiver's own number apart)."""


class Walk:
    """One phone; looks at each page that it meets."""

    def __init__(self, page: Page, installation: Installation, pictures: Path) -> None:
        self.page, self.base, self.pictures = page, installation.base, pictures
        self.found: dict[str, list[str]] = {}
        self.addresses: dict[str, str] = {}
        self.sent: list[str] = []
        page.on("request", lambda request: self.sent.append(f"{request.url} {request.headers.get('referer', '')}"))

    def go(self, path: str) -> None:
        """Open an address of the installation."""
        self.page.goto(path if path.startswith("http") else self.base + path)

    def look(self, name: str, layout: bool = True) -> None:
        """Everything that is wrong with the page as it stands; ``layout`` off where test_layout.py looks already."""
        page = self.page
        page.wait_for_load_state("load")
        if SOAK:
            page.screenshot(path=self.pictures / f"{name}.png", full_page=True)
        page.evaluate(AXE)
        wrong = faults(page) if layout else []
        for mode, (first, *larger) in SIZES.items():
            for size in (first, *(larger if SOAK else larger[-1:])):
                page.evaluate(
                    "([mode, size]) => { document.documentElement.className = mode; "
                    "document.documentElement.style.fontSize = `${size}px` }",
                    [mode, size],
                )
                wrong += [
                    f"{mode or 'normal'} {size} px, axe {one}"
                    for one in page.evaluate(RUN, {} if size == first else BY_SIZE)
                ]
            if mode and SOAK:
                page.screenshot(path=self.pictures / f"{name}-care.png", full_page=True)
        page.evaluate("() => { document.documentElement.className = ''; document.documentElement.style.fontSize = '' }")
        self.found[name] = wrong
        if not name.endswith(", English"):
            self.addresses[name] = page.url

    def look_in_english(self, name: str) -> None:
        """The same page after its switch, and back to Chinese."""
        self.page.click("text=English")
        self.look(f"{name}, English")
        self.page.click("text=中文")
        self.page.wait_for_load_state("load")

    def submit(self, **typed: str) -> None:
        """Fill the page's fields and press its first button in a form of main."""
        for name, value in typed.items():
            self.page.fill(f"#{name}", value)
        self.page.click("main form button")
        self.page.wait_for_load_state("load")


def inbox(installation: Installation) -> dict[str, Any] | None:
    """The newest e-mail in the simulator's mailbox."""
    messages: list[dict[str, Any]] = httpx.get(f"{installation.simulators}/mail/messages", trust_env=False).json()
    return messages[0] if messages else None


def taken_back(issued: dict[str, Any]) -> dict[str, Any]:
    """writeOffEBill of an issue answer."""
    return {
        "billBatchCode": issued["billBatchCode"],
        "billNo": issued["billNo"],
        "reason": "退费",
        "operator": "收费员甲",
        "busDateTime": stamp17(now()),
        "placeCode": "01",
    }


def into_the_card_pack(walk: Walk, bill: str, take_back: Callable[[], Answer]) -> None:
    """Agree, take the card in WeChat, see it there; the bill's reversal cancels it."""

    def shows(words: str) -> bool:
        walk.go(f"{bill}/cards")
        return words in walk.page.inner_text("main")

    page = walk.page
    wait_for(lambda: shows("我同意把这张票交给微信"), 60, "the bill's supervision")
    walk.look("cards")
    page.check("[name=agree]")
    page.click("text=放入微信卡包")
    walk.look("cards, agreed")
    page.click("text=去微信领取")
    page.click("main button")
    wait_for(lambda: shows("已放入"), 60, "the card")
    walk.look("cards, inserted")
    assert take_back().ok
    wait_for(lambda: shows("已撤销"), 60, "the card's end")
    walk.go(bill)
    walk.look("bill, reversed")


def verified(walk: Walk, issued: dict[str, Any]) -> None:
    """What a stranger sees who holds the bill: the form, an answer without a match, one with."""
    page = walk.page
    page.click("text=查验一张票据")
    walk.look("verify")
    typed = {"code": issued["billBatchCode"], "number": issued["billNo"], "check": issued["random"]}
    typed["day"] = f"{local(now()):%Y-%m-%d}"
    walk.submit(amount="1.00", **typed)
    walk.look("verify, no match")
    walk.submit(amount="128.50", **typed)
    assert "对上了" in page.inner_text("main")
    walk.look("verify, a match")


def for_a_company(installation: Installation, started: Browser, pictures: Path) -> Walk:
    """A company's contact: phone, code, the list, a package."""
    call, (name, code) = http(installation.base), EMPLOYER
    company = {"payerType": "2", "payer": name, "idCardNo": code, "cardNo": "-", "cardType": "999999", "sex": "未知"}
    for serial in ("E5", "E6"):
        body = outpatient(serial, busType="05", placeCode="05", tel="", **company)
        assert call("invEBillCheckUp", body).ok
    messages = httpx.get(f"{installation.simulators}/sms/messages", trust_env=False).json()
    context = started.new_context(viewport={"width": WIDTH, "height": 740}, locale="zh-CN")
    walk = Walk(context.new_page(), installation, pictures)
    walk.go("/h/pgzx")
    walk.page.click("text=单位取票")
    walk.look("company")
    walk.submit(phone=COMPANY_PHONE)
    walk.look("company, code")
    walk.submit(code=last_code(installation, len(messages["messages"] if isinstance(messages, dict) else messages)))
    walk.look("company's bills")
    with walk.page.expect_download() as download:
        walk.page.click("text=下载勾选的 PDF")
    with pypdfium2.PdfDocument(download.value.path()) as document:
        assert len(document) == 3, "the cover and two bills"
    return walk


def weight(walk: Walk, path: str) -> int:
    """What a fresh browser loads for a page, everything in it."""
    fresh = walk.page.context.new_page()
    sizes: dict[str, int] = {}
    fresh.on("response", lambda response: sizes.update({response.url: len(response.body())}))
    fresh.goto(walk.base + path if path.startswith("/") else path)
    fresh.mouse.wheel(0, 5000)
    fresh.wait_for_load_state("networkidle")
    fresh.close()
    return sum(sizes.values())


def test_every_page(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    call = http(installation.base)
    own = call("invoiceEBillOutpatient", outpatient("E1")).payload
    vaccine = outpatient("E2", payer="林小验", cardNo=NUMBER, busType="06", patientNo="MZ0000009")
    assert call("invEBillRegistration", vaccine).ok
    context = browser.new_context(viewport={"width": WIDTH, "height": 740}, locale="zh-CN")
    walk = Walk(context.new_page(), installation, tmp_path)
    page = walk.page
    walk.go("/h/pgzx")
    walk.look("find", False)
    walk.look_in_english("find")
    verified(walk, own)
    walk.go("/h/pgzx")
    walk.submit(number="000000195203150010", name="林演安")
    walk.look("code", False)
    walk.look_in_english("code")
    walk.submit(code=last_code(installation, 0))
    walk.look("list")
    walk.look_in_english("list")
    page.click("a.bill")
    bill = page.url
    walk.look("bill", False)
    walk.look_in_english("bill")
    for name in ("details", "elsewhere", "mail", "share", "correction", "revoke"):
        walk.go(f"{bill}/{name}")
        walk.look(name)
    walk.go(f"{bill}/share")
    walk.submit()
    walk.look("share, a link")
    walk.go(page.inner_text(".mono.address"))
    walk.look("shared")
    walk.go("/h/pgzx/reimbursement")
    walk.look("reimbursement")
    walk.go(f"{bill}/mail")
    walk.submit(address="lin@")
    walk.look("mail, mistaken")
    walk.submit(address="lin@qq.con")
    walk.look("mail, shown back")
    page.click("main form button")
    page.wait_for_selector("#sent")
    walk.look("bill, sent", False)
    mail = wait_for(lambda: inbox(installation), 60, "the e-mail")
    assert mail["to"] == "lin@qq.com" and "林" not in mail["subject"] + mail["text"]
    pdf = httpx.get(f"{installation.simulators}/mail/messages/{mail['id']}/0", trust_env=False).content
    with pypdfium2.PdfDocument(io.BytesIO(pdf)) as document:
        assert "林演安" in document[0].get_textpage().get_text_range()
    stop = re.search(r"/n/[\w-]+", mail["text"])
    assert stop
    for name in ("bundle", f"years/{local(now()):%Y}", "family", "why", "answer", "notices"):
        walk.go(f"/h/pgzx/{name}")
        walk.look(name.replace("/", "-"))
    page.click("text=不是我的 >> nth=0")
    walk.look("not mine, of a notice")
    walk.go("/h/pgzx/family")
    page.fill("#number", NUMBER)
    page.fill("#name", "林小验")
    page.click("text=是我的孩子")
    page.wait_for_selector("text=看林小验的票据")
    walk.look("family with a child")
    page.click("text=看林小验的票据")
    assert "监护的孩子" in page.inner_text("h1")
    walk.look("list of a child")
    page.click("a.bill")
    assert "这次一共" in page.inner_text("main")
    walk.go("/h/pgzx/family/consent")
    walk.look("consent")
    into_the_card_pack(walk, bill, lambda: call("writeOffEBill", taken_back(own)))
    for name in ("wechat", "alipay"):
        walk.go(f"/h/pgzx/{name}")
        walk.look(f"told over {name}")
    page.click("text=绑定我的支付宝")
    page.click("text=2088DEMO00000001")
    page.wait_for_selector("text=不再用支付宝通知我")
    walk.look("bound to Alipay")
    deposit = call("invoicePayMentVoucher", vouchers.deposit("E3")).payload
    walk.go(re.sub(r"^https?://[^/]+", "", deposit["pictureUrl"]))
    walk.look("voucher's link")
    coming = call("getEBillUrlByBusNo", {"busNo": "E4"}).payload
    walk.go(re.sub(r"^https?://[^/]+", "", coming["pictureUrl"]))
    walk.look("bill to come")
    walk.go("/b/nothing-like-a-link")
    walk.look("no such link")
    walk.go("/h/pgzx/bills")
    page.click("text=给窗口看")
    walk.look("window")
    walk.go(stop.group())
    walk.look("stop")
    link = installation.base + re.sub(r"^https?://[^/]+", "", own["pictureUrl"])
    walk.go(link)
    walk.look("link")
    walk.go(f"{link}/not-me")
    walk.look("not me")
    accountant = for_a_company(installation, browser, tmp_path)
    inside = browser.new_context(
        viewport={"width": WIDTH, "height": 740}, user_agent="Mozilla/5.0 (iPhone) MicroMessenger/8.0.40"
    )
    wechat = Walk(inside.new_page(), installation, tmp_path)
    wechat.go(link)
    wechat.submit(name="林演安")
    wechat.look("bill in WeChat")
    wechat.page.click("text=换浏览器打开")
    wechat.look("pass in WeChat")
    walk.found |= wechat.found | accountant.found
    walk.addresses |= wechat.addresses
    weights = {path: weight(walk, path) for path in (bill, f"{installation.base}/h/pgzx", f"{bill}/elsewhere")}
    weights |= {name: weight(accountant, address) for name, address in accountant.addresses.items()}
    if SOAK:
        weights |= {name: weight(walk, address) for name, address in walk.addresses.items()}
        rows = [
            f"| {name} | {weights[name] / 1000:.1f} | {len(some)} |"
            for name, some in walk.found.items()
            if name in weights
        ]
        (tmp_path / "pages.md").write_text("\n".join(rows), encoding="utf-8")
    assert {name: some for name, some in walk.found.items() if some} == {}
    assert len(walk.found) >= 49
    assert all(size <= MOST_BYTES for size in weights.values()), weights
    at_home = (installation.base, installation.simulators, "data:")
    assert all(line.startswith(at_home) for line in walk.sent + wechat.sent + accountant.sent)
    texts = {"addresses and referers": "\n".join(walk.sent + wechat.sent + accountant.sent)}
    texts |= {log.name: log.read_text(encoding="utf-8") for log in installation.data_dir.glob("*.log")}
    texts["messages"] = httpx.get(f"{installation.simulators}/sms/messages", trust_env=False).text
    texts["messages"] = texts["messages"].replace(PHONE, "").replace(COMPANY_PHONE, "")
    assert {"web.log", "worker.log"} < set(texts)
    for place, text in texts.items():
        for secret in SECRETS:
            assert secret not in unquote(text), (place, secret)
