"""The main path in English: every text has one, nothing Chinese is left but names, the switch stays and leads back."""

from __future__ import annotations

import re
from itertools import chain

import html5lib
import pytest
from flask import Flask
from jinja2 import Environment

from portal.blueprints.patient import english
from portal.core.clock import now
from portal.domain.documents.settlement import Scene
from portal.domain.errors import CATALOGUE
from portal.domain.identity import Kind
from tests.functional.test_paper import Window
from tests.functional.test_patient_pages import NAME, NUMBER, PERSONAL, ROOT, first, sent_code
from tests.his import DAY, His, outpatient
from tests.pages import Fetched, Pages, Rules

CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
TERMS = re.compile("取票码|待监制|个人自付|个人自费|中文")
"""Words that a reader meets on papers, and the switch."""
FOLDER = ROOT / "portal" / "templates" / "patient"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CODES = ("NOT_MATCHED", "TRY_LATER", "LINK_INVALID", "BILL_NOT_FOUND", "SESSION_OVER", "INTERNAL")


def constants(name: str) -> set[str]:
    """The texts of a template's gettext calls."""
    found = Environment(extensions=["jinja2.ext.i18n"]).extract_translations((FOLDER / name).read_text("utf-8"))
    return {text for _, _, text in found if isinstance(text, str)}


def test_every_text_has_its_english() -> None:
    """Those of the templates, of states, scenes, kinds and refusals; and no entry is left of a text that is gone."""
    pages = english.PAGES | {"base.html", "state.html"}
    texts = set(chain.from_iterable(map(constants, pages)))
    texts |= {scene.charged for scene in Scene} | {kind.title for kind in Kind}
    texts |= {text for code in CODES for text in (CATALOGUE[code].what, CATALOGUE[code].why, CATALOGUE[code].remedy)}
    assert len(texts) > 140, "the extraction must see something"
    assert texts - set(english.TEXTS) == set()
    code = "".join(path.read_text("utf-8") for path in (ROOT / "portal").rglob("*.py") if path.name != "english.py")
    code += "".join(path.read_text("utf-8") for path in FOLDER.glob("*.html"))
    unused = {text for text in set(english.TEXTS) - texts if not all(part in code for part in text.split("。") if part)}
    assert unused == set()


def test_placeholders_are_those_of_the_chinese() -> None:
    hole = re.compile(r"%\(\w+\)s|\{\w+\}")
    for text, translated in english.TEXTS.items():
        assert set(hole.findall(translated)) <= set(hole.findall(text)), text
        assert text.count("<b>") == translated.count("<b>") and not CHINESE.search(TERMS.sub("", translated)), text


def left(page: Fetched) -> list[str]:
    """Chinese words of a page's body that are not marked as Chinese."""
    root = html5lib.parse(page.body, treebuilder="lxml", namespaceHTMLElements=False).getroot()
    assert root.get("lang") == "en"
    texts = root.xpath("//body//text()[not(ancestor::*[@lang='zh-CN'])]")
    texts += root.xpath("//body//@aria-label | //body//@alt | //body//@title")
    return [text.strip() for text in texts if CHINESE.search(TERMS.sub("", text))]


def token_of(page: Fetched) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)  # type: ignore[union-attr]


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A browser that has asked for English on the first page."""
    found = Pages(app.test_client(), Rules(personal=PERSONAL))
    page = found.submit(found.get("/h/pgzx"), {}, action="/language")
    assert page.url == "/h/pgzx" and "Find my bills" in page.text
    return found


@SQLITE
def test_the_whole_way_in_english(pages: Pages, his: His, app: Flask) -> None:
    """Look-up, refusals, code, list, bill with all its states, list lines, link: Chinese are names only."""
    window = Window(his)
    window.red(window.issue("P1"))
    window.issue("P2", totalAmt=20, chargeDetail=[{"chargeCode": "0101", "chargeName": "诊查费", "amt": 20}])
    window.turn(window.issue("P3", busType="03"), window.next())
    answer = his.call("invoiceEBillOutpatient", outpatient("P4", busDateTime="20250105080000000")).payload
    seen = [pages.get("/h/pgzx")]
    seen.append(pages.submit(seen[0], {"number": "12", "name": ""}, 422, action="/h/pgzx"))
    seen.append(pages.submit(seen[0], {"number": "QPAAAABBBB", "name": "x"}, 422, action="/h/pgzx"))
    seen.append(pages.submit(seen[0], {"number": NUMBER, "name": NAME}, action="/h/pgzx"))
    seen.append(pages.submit(seen[-1], {"code": "1"}, 422, action="/code"))
    listed = pages.submit(seen[-1], {"code": sent_code(app)}, action="/code")
    assert "Searching by ID card." in seen[-1].text and "Bills of" in listed.text
    years = {2025, DAY.year, now().year}
    seen += [listed, *(pages.get(f"/h/pgzx/bills?year={year}") for year in sorted(years))]
    bills = set(re.findall(r'href="([^"]*/bills/\d+)"', "".join(page.text for page in seen[-len(years) :])))
    assert len(bills) == 5
    for bill in sorted(bills):
        seen += [pages.get(bill), pages.get(f"{bill}/details")]
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    seen.append(pages.get(link))
    stranger = Pages(app.test_client(), Rules(personal=PERSONAL))
    stranger.submit(stranger.get("/h/pgzx"), {}, action="/language")
    seen.append(stranger.get(link))
    seen.append(stranger.submit(seen[-1], {"name": "x"}, 422, action=link))
    seen += [stranger.get("/h/pgzx/bills", 401), stranger.get("/b/AAAA", 404), stranger.get("/nowhere", 404)]
    assert [(page.url, words) for page in seen if (words := left(page))] == []
    text = " ".join(page.text for page in seen)
    for word in ("Reversed", "This is a reversal", "Exchanged for paper bill", "In total", "¥ 20.00", "Save (PDF)"):
        assert word in text


@SQLITE
def test_the_switch_stays_and_leads_back(pages: Pages, his: His, app: Flask) -> None:
    """A page without English says so; a refusal without one is whole in Chinese; 中文 ends it where one was."""
    assert 'lang="en"' in pages.get("/h/pgzx").text
    why = pages.get("/h/pgzx/why")
    assert 'lang="zh-CN"' in why.text and "in Chinese only" in why.text
    back = pages.submit(why, {}, action="/language")
    assert back.url == "/h/pgzx/why" and "in Chinese only" not in back.text and "English" not in back.text
    assert "查我的票据" in pages.get("/h/pgzx").text
    for away in ("//evil.example", "https://evil.example/x", "\\\\evil.example"):
        form = {"csrf_token": token_of(pages.get("/h/pgzx")), "back": away}
        assert pages.client.post("/language", data=form).location in ("/", "/x"), away


@SQLITE
def test_the_chinese_pages_are_as_they_were(app: Flask, his: His) -> None:
    """Without the wish no English word is on a page, but the switch."""
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    assert his.call("invoiceEBillOutpatient", outpatient("P1")).ok
    page = pages.submit(pages.get("/h/pgzx"), {"number": NUMBER, "name": NAME}, action="/h/pgzx")
    listed = pages.submit(page, {"code": sent_code(app)}, action="/code")
    bill = pages.get(first(listed, r"/bills/\d+"))
    for words, one in (("按居民身份证查询", page), ("您付 48.50", listed), ("这次一共 <b>128.50</b> 元", bill)):
        assert words in one.text and 'lang="zh-CN"' in one.text
        assert one.text.count("English") == 1
