"""The console by keyboard alone at 1366×768: where Tab goes, that one sees where one is, that Enter does the act."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.window import SCREEN, text_of
from tests.support.console import PASSWORD
from tests.support.his import http, outpatient
from tests.support.processes.installation import Installation, running
from tests.support.processes.services import wait_for

FOCUS = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const visible = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none";
  const over = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  return {
    place: at === document.body ? -1 : [...document.querySelectorAll("*")].indexOf(at),
    name: (at.id || at.name || at.innerText || at.tagName).trim().slice(0, 30),
    words: (at.innerText || at.value || "").trim(),
    seen: visible && box.width > 0 && !!over && (at.contains(over) || over.contains(at)),
  };
}"""
REACHABLE = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)
  .map((one) => [...document.querySelectorAll("*")].indexOf(one))"""


LARGE = {
    "totalAmt": 6000,
    "fundPay": 0,
    "ownPay": 0,
    "selfPayAmt": 6000,
    "selfCashPay": 6000,
    "payChannelDetail": [{"payChannelCode": "05", "payChannelValue": 6000}],
    "chargeDetail": [
        {"sortNo": 1, "chargeCode": "0105", "chargeName": "手术费", "std": 6000, "number": 1, "amt": 6000}
    ],
    "listDetail": [],
}
"""Over the line from which a reversal takes two."""


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("keyboard")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web",)) as started:
        call = http(started.base)
        assert call("invoiceEBillOutpatient", outpatient("C1", payer="林演安")).ok
        assert call("invoiceEBillOutpatient", outpatient("C2", payer="林演安")).ok
        assert call("invoiceEBillOutpatient", outpatient("KEYS")).ok
        assert call("invoiceEBillOutpatient", outpatient("BIG", **LARGE)).ok
        yield started


class Keys:
    """Somebody without a mouse."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self.page.keyboard.type(text)

    def tab(self) -> dict[str, object]:
        """One step on; what has the focus now, which must be seen."""
        self.page.keyboard.press("Tab")
        at: dict[str, object] = self.page.evaluate(FOCUS)
        assert at["seen"] or at["place"] == -1, f"{self.page.url}: one does not see the focus at {at}"
        return at

    def to(self, wanted: str, most: int = 60) -> None:
        """Tab until the element of this name or these words has the focus."""
        passed = []
        for _ in range(most):
            at = self.tab()
            if wanted in (at["name"], at["words"]):
                return
            passed.append(at["name"])
        raise AssertionError(f"{self.page.url}: {wanted} is not among {passed}")

    def reach(self, what: str, is_it: Callable[[dict[str, object]], bool], most: int = 80) -> None:
        """Tab until the focus is on what is sought."""
        passed = []
        for _ in range(most):
            at = self.tab()
            if is_it(at):
                return
            passed.append(at["words"])
        raise AssertionError(f"{self.page.url}: {what} is not among {passed}")

    def enter(self) -> None:
        """Enter, and the page that follows."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def content(self) -> None:
        """Past the bar and the menu by the skip link, the first stop of every page."""
        self.to("跳到内容", 1)
        self.page.keyboard.press("Enter")

    def sign_in(self, username: str) -> None:
        """The log-in form has the focus by itself."""
        self.page.goto(f"{self.base}/console")
        self.page.wait_for_function("document.activeElement.id === 'username'")
        self.type(username)
        self.to("password", 1)
        self.type(PASSWORD)
        self.enter()

    def at_window(self) -> None:
        """The cashier, at the first window."""
        self.sign_in("cashier")
        self.to("point", 4)
        self.type("01")
        self.to("选定", 1)
        self.enter()

    def find(self, serial: str) -> None:
        """From there to the bill of a serial."""
        self.to("find", 3)
        self.type(serial)
        self.enter()

    def round(self) -> None:
        """Tab through the whole page: every control once, in the order of the page, seen, and out again."""
        expected = self.page.evaluate(REACHABLE)
        self.page.evaluate("() => { document.activeElement.blur(); document.body.focus(); scrollTo(0, 0) }")
        visited: list[int] = []
        for _ in range(3 * len(expected) + 20):
            place = self.tab()["place"]
            if place in visited[:-1]:
                break
            if place == -1 or visited[-1:] == [place]:  # the browser's own bar; a date has three parts
                continue
            assert isinstance(place, int)
            visited.append(place)
        else:
            raise AssertionError(f"{self.page.url}: a trap")
        missing = set(expected) - set(visited)
        assert not missing, (self.page.url, self.page.evaluate(WHICH, sorted(missing)))
        first = visited.index(min(visited))
        assert visited[first:] + visited[:first] == sorted(visited), "in the order of the page"


WHICH = "(all) => all.map((one) => document.querySelectorAll('*')[one].outerHTML.slice(0, 120))"


@pytest.fixture
def keys(browser: Browser, installation: Installation) -> Iterator[Keys]:
    context = browser.new_context(viewport=SCREEN, locale="zh-CN")  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    yield Keys(context.new_page(), installation.base)
    context.close()


def test_the_cashiers_way_with_tab_and_enter_alone(keys: Keys) -> None:
    """Log in, choose the window, find, print the notice, exchange to paper."""
    page = keys.page
    keys.at_window()
    keys.find("C1")
    assert "128.50 元" in page.inner_text("main")
    keys.content()
    keys.to("打印告知单")
    caught: list[str] = []
    page.context.on("response", lambda answer: caught.append(answer.url) if ".pdf" in answer.url else None)
    page.keyboard.press("Enter")
    address = wait_for(lambda: page.wait_for_timeout(50) or "".join(caught[:1]), 20, "the slip")
    assert "告知单" in text_of(page.context.request.get(address).body())
    for tab in page.context.pages[1:]:
        tab.close()
    page.bring_to_front()
    keys.page.reload()
    keys.content()
    keys.to("换开")
    keys.enter()
    page.wait_for_function("document.activeElement.id === 'number'")
    following = re.search(r"下一纸质票号\s*(\d{10})", page.inner_text("main"))
    assert following
    keys.type(str(int(following[1]) + 3))
    keys.enter()
    assert "报损" in page.inner_text("main"), "the form that skips sheets asks why"
    keys.round()
    page.wait_for_function("document.querySelector('#number').autofocus")
    page.focus("#number")
    page.keyboard.press("ControlOrMeta+a")
    keys.type(following[1])
    keys.enter()
    assert "已换开" in page.inner_text("main") and following[1] in page.inner_text("main")


def test_single_keys_press_what_the_page_names(keys: Keys) -> None:
    """P prints, H exchanges, R reverses, N goes to the next person; typed into a field they are letters."""
    page = keys.page
    keys.at_window()
    keys.find("KEYS")
    bill = page.url
    for key, leads_to in (("h", "/exchange"), ("R", "/reverse")):
        page.goto(bill)
        with page.expect_navigation():
            page.keyboard.press(key)
        assert page.url.endswith(leads_to), key
    page.goto(bill)
    caught: list[str] = []
    page.context.on("response", lambda answer: caught.append(answer.url) if ".pdf" in answer.url else None)
    page.keyboard.press("p")
    assert wait_for(lambda: page.wait_for_timeout(50) or "".join(caught[:1]), 20, "the slip")
    for tab in page.context.pages[1:]:
        tab.close()
    page.bring_to_front()
    page.goto(bill)
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "find"
    keys.type("hrpn")
    assert page.input_value("#find") == "hrpn" and page.url == bill


def test_a_large_reversal_and_its_approval_by_keyboard(keys: Keys) -> None:
    """One asks, another one reads and agrees; the bill is reversed."""
    page = keys.page
    keys.at_window()
    keys.find("BIG")
    keys.content()
    keys.to("冲红")
    keys.enter()
    page.wait_for_function("document.activeElement.id === 'kind'")
    page.keyboard.press("ArrowDown")  # the first reason
    keys.to("reason", 1)
    keys.type("同一笔费用结算了两次")
    keys.to("提交复核", 1)
    keys.enter()
    assert "复核" in page.inner_text("main")
    page.context.clear_cookies()
    keys.sign_in("supervisor")
    keys.content()
    keys.reach("等我复核", lambda at: "等我复核" in str(at["words"]))
    keys.enter()
    keys.content()
    keys.reach("a row", lambda _: page.evaluate("!!document.activeElement.closest('tbody')"))
    keys.enter()
    assert "同一笔费用结算了两次" in page.inner_text("main")
    keys.content()
    keys.to("opinion")
    keys.type("已核对 HIS 退费单")
    keys.to("同意并办理", 1)
    keys.enter()
    assert re.search(r"已同意。红票 \d{8} \d{10} 已开具。", page.inner_text("body"))


ROUNDS = {
    "lead": ("/console/home", "/console/home/approvals", "/console/billing/desk", "/console/billing/paper"),
    "cashier": ("/console/billing/bills", "/console/delivery/notices", "/console/home/sessions"),
    "keeper": (
        "/console/stock/applications/new",
        "/console/stock/slips/new",
        "/console/stock/returns/new",
        "/console/stock/voids/new",
        "/console/stock/destructions/new",
        "/console/stock/openings/new",
    ),
    "auditor": ("/console/home", "/console/system/log"),
    "system": ("/console/system/users/new", "/console/basics/kiosks", "/console/system/parameters"),
}


@pytest.mark.parametrize("username", list(ROUNDS))
def test_tab_goes_round_every_page_and_is_seen(keys: Keys, username: str) -> None:
    keys.sign_in(username)
    for path in ROUNDS[username]:
        answer = keys.page.goto(keys.base + path)
        assert answer is not None and answer.status == 200, path
        keys.round()


def test_escape_closes_the_choice_of_columns(keys: Keys) -> None:
    keys.sign_in("lead")
    keys.page.goto(f"{keys.base}/console/billing/bills")
    keys.content()
    keys.to("列")
    keys.page.keyboard.press("Enter")
    assert keys.page.locator("details.columns[open]").count() == 1
    keys.tab()
    keys.page.keyboard.press("Escape")
    assert keys.page.locator("details.columns[open]").count() == 0
    assert keys.page.evaluate("document.activeElement.tagName") == "SUMMARY", "and one is where one was"


def test_enter_in_a_field_of_the_desk_previews(keys: Keys) -> None:
    keys.at_window()
    keys.page.goto(f"{keys.base}/console/billing/desk")
    keys.page.click(".kinds button")
    keys.page.focus("main [name=payer_name]")
    keys.enter()
    assert "需要更正" in keys.page.inner_text("main")
