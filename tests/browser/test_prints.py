"""What an office prints and files: a list stands on as many sheets as its pages say, a document on one; axe finds
nothing."""

from __future__ import annotations

import io
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.accessibility import AXE, RUN
from tests.browser.window import Window
from tests.support.his import http, outpatient
from tests.support.processes.installation import Installation, running

EMPLOYERS = ("演示单位", "演示市第一人民医院后勤服务与设备维护保障有限责任公司" * 3, "Demonstration WWWMMM Ltd " * 3)
COLUMNS = "".join(f"&cols={key}" for key in ("issued_at", "scene", "number", "payer", "total_fen"))


@pytest.fixture(scope="module")
def installation(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("prints")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    with running(folder, "", ("web",)) as started:
        call = http(started.base)
        for place in range(70):
            payer = {"payer": EMPLOYERS[place % 3], "payerType": "2", "idCardNo": ""}
            assert call("invoiceEBillOutpatient", outpatient(f"P{place}", **payer)).ok
        yield started


def sheets(page: Page, path: Path) -> list[str]:
    """Print the page as the browser does; returns the words of every sheet of paper.

    Out of a PDF some characters come as the radicals that look like them.
    """
    data = page.pdf(path=path, prefer_css_page_size=True)
    found = [sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(data)).pages]
    return [unicodedata.normalize("NFKC", text).replace("⻚", "页").replace(":", "：") for text in found]


def wrong(page: Page) -> list[str]:
    """What axe finds on the screen."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN, {})
    return found


def test_a_list_is_printed_on_the_pages_it_says(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    window = Window(browser, installation, "prints").sign_in("lead", "01")
    window.open(
        "/console/billing/bills?format=print&from=2020-01-01&cols=issued_at&cols=scene&cols=number&cols=payer&cols=total_fen"
    )
    said = re.findall(r"第 (\d+) 页，共 (\d+) 页", window.page.inner_text("main"))
    printed = sheets(window.page, tmp_path / "list.pdf")
    assert len(printed) == len(said) > 3 and {whole for _, whole in said} == {str(len(printed))}
    for place, words in enumerate(printed, 1):
        assert f"第 {place} 页,共 {len(printed)} 页" in words, "each page on a sheet of its own"
        assert "制表：" in words and "本页小计" in words and ("合计 70 条" in words) == (place == len(printed))
    text = re.sub(r"\s", "", "".join(printed))
    assert (text.count("勤"), text.count("障")) == (69, 69), "a name of any length is whole"
    assert wrong(window.page) == [] and window.faults == []


def test_documents_are_printed(installation: Installation, browser: Browser, tmp_path: Path) -> None:
    window = Window(browser, installation, "prints").sign_in("keeper")
    window.open("/console/stock/slips")
    window.page.locator("a.open").first.click()
    window.settled()
    window.open(f"{window.page.url}?format=print")
    [words] = sheets(window.page, tmp_path / "slip.pdf")
    assert all(word in words for word in ("分发单", "起始号", "制表：", "复核：", "签字："))
    assert wrong(window.page) == [] and window.faults == []
