"""The main path in English: every text has one, nothing Chinese is left but names, the switch stays and leads back."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import html5lib
import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po
from flask import Flask, g
from jinja2.ext import babel_extract

from portal.blueprints.patient import english
from portal.core.clock import now
from portal.domain.documents.settlement import Scene
from portal.domain.errors import CATALOGUE
from portal.domain.identity import Kind
from tests.support.his import DAY, His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL, first, sent_code
from tests.support.window import Window

CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
TERMS = re.compile("取票码|待监制|个人自付|个人自费|中文")
"""Words that a reader meets on papers, and the switch."""
ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "portal" / "templates" / "patient"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CODES = ("NOT_MATCHED", "TRY_LATER", "LINK_INVALID", "BILL_NOT_FOUND", "SESSION_OVER", "INTERNAL")


CATALOG = ROOT / "portal" / "translations" / "en" / "LC_MESSAGES" / "patient.po"
Key = str | tuple[str, ...]


@pytest.fixture(scope="module")
def messages() -> dict[Key, Message]:
    """The entries of the catalogue by their Chinese; those in two numbers have it twice."""
    with CATALOG.open("rb") as file:
        found = {message.id: message for message in read_po(file, abort_invalid=True) if message.id}
    return {tuple(key) if isinstance(key, list) else key: message for key, message in found.items()}


def of_template(path: Path) -> set[Key]:
    """The texts of a template's gettext calls."""
    with path.open("rb") as file:
        return {text for _, text, _, _ in extract(babel_extract, file, options={"silent": "false"})}


def of_code(path: Path) -> set[Key]:
    """The texts that a module marks."""
    with path.open("rb") as file:
        return {text for _, text, _, _ in extract("python", file, keywords={"said_later": None})}


def used() -> set[Key]:
    """The texts of the main path: of its templates, of code, of scenes, kinds of numbers and refusals."""
    pages = english.PAGES | {"base.html", "state.html", "code_entry.html"}
    texts = set(chain.from_iterable(of_template(FOLDER / name) for name in pages))
    texts |= set(chain.from_iterable(map(of_code, (ROOT / "portal").rglob("*.py"))))
    texts |= {scene.charged for scene in Scene} | {kind.title for kind in Kind}
    texts |= {text for code in CODES for text in (CATALOGUE[code].what, CATALOGUE[code].why, CATALOGUE[code].remedy)}
    return texts


def test_every_text_has_its_english_and_every_english_its_text(messages: dict[Key, Message]) -> None:
    texts = used()
    assert len(texts) > 180, "the extraction must see something"
    assert texts - set(messages) == set(), "without English"
    assert set(messages) - texts == set(), "of texts that no page has"


def test_the_extraction_sees_calls_and_marks(tmp_path: Path) -> None:
    page, module = tmp_path / "a.html", tmp_path / "a.py"
    page.write_text("{{ _('甲%(x)s', x=1) }}{{ ngettext('乙', '乙', 2) }}{% trans %}丙{% endtrans %}", "utf-8")
    module.write_text("x = said_later('丁' '戊') if y else said_later('己')", "utf-8")
    assert of_template(page) == {"甲%(x)s", ("乙", "乙"), "丙"}
    assert of_code(module) == {"丁戊", "己"}


def test_the_catalogue_is_finished_and_keeps_placeholders_and_tags(messages: dict[Key, Message]) -> None:
    hole = re.compile(r"%\(\w+\)s|\{\w+\}")
    for key, message in messages.items():
        text = key if isinstance(key, str) else key[0]
        strings = message.string if isinstance(message.string, list | tuple) else (message.string,)
        assert not message.fuzzy and len(strings) == (1 if isinstance(key, str) else 2), text
        for translated in strings:
            assert translated and translated != text
            assert set(hole.findall(translated)) <= set(hole.findall(text)), text
            assert text.count("<b>") == translated.count("<b>") and not CHINESE.search(TERMS.sub("", translated)), text


def test_a_broken_catalogue_stops_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "patient.po"
    broken.write_text('msgid "甲"\nmsgid "a', "utf-8")
    with pytest.raises(PoFileError):
        english.read_catalogue(broken)


def test_one_and_many(app: Flask) -> None:
    text = "{{ ngettext('共 %(num)s 张', '共 %(num)s 张', count) }}"
    with app.test_request_context():
        template = app.jinja_env.from_string(text)
        assert template.render(count=1) == "共 1 张"
        g.english = True
        assert template.render(count=1) == "1 bill"
        assert template.render(count=2) == "2 bills"
        assert english.said("") == "" and not english.known("没有的")


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
    seen.append(pages.submit(seen[-1], {"code": "1"}, action="/code"))
    listed = pages.submit(seen[-1], {"code": sent_code(app)}, action="/code")
    assert "Searching by ID card." in seen[-1].text and "Bills of" in listed.text
    years = {2025, DAY.year, now().year}
    seen += [listed, *(pages.get(f"/h/pgzx/bills?year={year}") for year in sorted(years))]
    bills = set(re.findall(r'href="([^"]*/bills/\d+)"', "".join(page.text for page in seen[-len(years) :])))
    assert len(bills) == 5
    for bill in sorted(bills):
        seen += [pages.get(bill), pages.get(f"{bill}/details"), pages.get(f"{bill}/share")]
    seen += [pages.submit(seen[-1], {}, action="/share"), pages.get("/h/pgzx/reimbursement")]
    pages.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 MicroMessenger/8.0"
    seen.append(pages.submit(pages.get(bill), {}, action="/browser"))
    other = Pages(app.test_client(), Rules(personal=PERSONAL))
    other.submit(other.get("/h/pgzx"), {}, action="/language")
    seen.append(other.get(seen[-1].url))
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    seen.append(pages.get(link))
    stranger = Pages(app.test_client(), Rules(personal=PERSONAL))
    stranger.submit(stranger.get("/h/pgzx"), {}, action="/language")
    seen.append(stranger.get(link))
    seen.append(stranger.submit(seen[-1], {"name": "x"}, 422, action=link))
    seen.append(stranger.submit(seen[-1], {"name": "QPAAAABBBB"}, 422, action=link))
    seen += [stranger.get("/h/pgzx/bills", 401), stranger.get("/b/AAAA", 404), stranger.get("/nowhere", 404)]
    assert [(page.url, words) for page in seen if (words := left(page))] == []
    text = " ".join(page.text for page in seen)
    for word in (
        "Cancelled",
        "This is a cancellation record",
        "Exchanged for paper bill",
        "In total",
        "¥ 20.00",
        "Save (PDF)",
    ):
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
