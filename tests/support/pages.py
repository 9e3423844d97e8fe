"""Fetches pages as a browser does and validates each one: markup, words for every control, headers, weight, addresses.

``Pages`` wraps a Flask test client; ``problems`` is the whole check for whoever fetches by other means. A test that
fetches an HTML page by ``Pages`` cannot pass with a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import html5lib
from flask.testing import FlaskClient
from lxml import etree

from portal.domain.identity import is_id_card

MOST_BYTES = 60_000
"""A page with its style sheets, scripts and the pictures that are not loaded lazily."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}
ADDRESSES = ("href", "src", "action", "formaction", "poster", "data", "srcset")
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
# Not within a word: a random token in hexadecimal has eleven digits in a row once in a few hundred runs.
_PHONE = re.compile(r"(?<![0-9A-Za-z])1\d{10}(?![0-9A-Za-z])")
_ID = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")


@dataclass(frozen=True)
class Fetched:
    """One answer: where from, its status, headers and body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def is_html(self) -> bool:
        """Whether it is a page."""
        return self.headers.get("Content-Type", "").startswith("text/html")


@dataclass(frozen=True)
class Rules:
    """What may differ between audiences: weight, words that no address may hold, whether forms carry a token."""

    most_bytes: int = MOST_BYTES
    personal: tuple[str, ...] = ()
    csrf: bool = True
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def problems(page: Fetched, asset: Callable[[str], bytes], rules: Rules) -> list[str]:
    """Everything that is wrong with an HTML page; ``asset`` fetches what it loads."""
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("lxml"), namespaceHTMLElements=False)
    root = parser.parse(page.body).getroot()
    found = [f"markup: {code} at {place} {values}" for place, code, values in parser.errors]
    found += _skeleton(root) + _words(root) + _code(root, page.headers, rules.csrf)
    found += [
        f"header {name} is {page.headers.get(name, 'absent')}"
        for name, value in rules.headers.items()
        if value not in page.headers.get(name, "")
    ]
    found += _addresses(root, page.url, rules.personal)
    weight = len(page.body) + sum(len(asset(url)) for url in sorted(_loaded(root)))
    if weight > rules.most_bytes:
        found.append(f"weighs {weight} bytes")
    return found


def _skeleton(root: Any) -> Iterable[str]:
    found = []
    if root.get("lang") not in ("zh-CN", "en"):
        found.append("no lang")
    if not "".join(root.xpath("/html/head/title//text()")).strip():
        found.append("no title")
    if len(root.xpath("//h1")) != 1 or not "".join(root.xpath("//h1//text()")).strip():
        found.append("not exactly one h1 with words")
    if len(root.xpath("//main")) != 1:
        found.append("not exactly one main")
    if not root.xpath("//meta[@name='viewport']"):
        found.append("no viewport")
    ids = root.xpath("//@id")
    found += [f"id {name} twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    levels = [int(tag[1]) for element in root.iter() if (tag := str(element.tag)) in ("h1", "h2", "h3", "h4", "h5")]
    found += ["a heading skips a level" for one, two in pairwise(levels) if two > one + 1]
    return found


def _words(root: Any) -> Iterable[str]:
    found = []
    for control in root.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        name = control.get("id")
        labelled = control.get("aria-label") or control.xpath("ancestor::label")
        if not labelled and not (name and root.xpath("//label[@for=$name]", name=name)):
            found.append(f"no label for {control.get('name')}")
    for act in root.xpath("//button | //a[@href]"):
        if not ("".join(act.itertext()).strip() or act.get("aria-label") or act.xpath(".//img[@alt!='']")):
            found.append(f"no word on {etree.tostring(act)[:80]!r}")
    found += ["an img without alt" for _ in root.xpath("//img[not(@alt)]")]
    found += [
        f"label for nothing: {name}" for name in root.xpath("//label/@for") if not root.xpath("//*[@id=$n]", n=name)
    ]
    described = " ".join(root.xpath("//@aria-describedby | //@aria-labelledby")).split()
    found += [f"described by nothing: {name}" for name in described if not root.xpath("//*[@id=$n]", n=name)]
    return found


def _code(root: Any, headers: Mapping[str, str], csrf: bool) -> Iterable[str]:
    found = []
    nonces = re.findall(r"'nonce-([^']+)'", headers.get("Content-Security-Policy", ""))
    for element in root.xpath("//style | //script[not(@src)]"):
        if element.get("nonce") not in nonces:
            found.append(f"{element.tag} without the nonce")
    for element in root.iter(etree.Element):
        found += [f"{name} on {element.tag}" for name in element.attrib if name == "style" or name.startswith("on")]
    for form in root.xpath("//form"):
        method = form.get("method", "get").lower()
        if csrf and method == "post" and not form.xpath(".//input[@name='csrf_token']"):
            found.append(f"form to {form.get('action')} without its token")
    return found


def _addresses(root: Any, url: str, personal: tuple[str, ...]) -> Iterable[str]:
    found = [f"{problem} in {url}" for problem in personal_in(url, personal)]
    for name in ADDRESSES:
        for value in root.xpath(f"//@{name}"):
            found += [f"{problem} in {name} {value}" for problem in personal_in(value, personal)]
            if value.lower().startswith(("javascript:", "vbscript:")):
                found.append(f"code in {name}")
    here = urlsplit(url)
    for tag, name in LOADED.items():
        for value in root.xpath(f"//{tag}/@{name}"):
            target = urlsplit(urljoin(url, value))
            if target.scheme != "data" and target.netloc != here.netloc:
                found.append(f"loads from elsewhere: {value}")
    return found


def personal_in(address: str, personal: tuple[str, ...]) -> list[str]:
    """What an address holds that it must not: a phone or ID number, or one of these words, encoded or not."""
    text = unquote(address)
    found = [word for word in personal if word in text]
    found += [f"phone {match}" for match in _PHONE.findall(text)]
    return found + [f"ID {match}" for match in _ID.findall(text) if is_id_card(match)]


def _loaded(root: Any) -> set[str]:
    eager = "//link[@rel='stylesheet']/@href | //script/@src | //img[not(@loading='lazy')]/@src"
    return {value for value in root.xpath(eager) if not value.startswith("data:")}


class Pages:
    """A browser for tests: follows redirects one by one, and fails on any page or address that breaks a rule."""

    def __init__(self, client: FlaskClient, rules: Rules | None = None) -> None:
        self.client = client
        self.rules = rules or Rules()
        self.visited: set[str] = set()
        """Endpoints that answered with a page."""

    def get(self, url: str, status: int = 200) -> Fetched:
        """GET, redirects followed; the page at the end has this status and no problem."""
        return self._arrive(self.client.get(url), url, status)

    def submit(self, page: Fetched, values: Mapping[str, str], status: int = 200, action: str = "") -> Fetched:
        """Fill the (first) form of ``page`` whose action ends in ``action``, hidden fields included, and send it."""
        root = html5lib.parse(page.body, treebuilder="lxml", namespaceHTMLElements=False).getroot()
        forms = [form for form in root.xpath("//main//form | //header//form") if form.get("action").endswith(action)]
        form = forms[-1] if not action else forms[0]
        hidden = {field.get("name"): field.get("value", "") for field in form.xpath(".//input[@type='hidden']")}
        url = form.get("action")
        return self._arrive(self.client.post(url, data=hidden | dict(values)), url, status)

    def _arrive(self, response: Any, url: str, status: int) -> Fetched:
        for _ in range(5):
            assert not personal_in(url, self.rules.personal), url
            if response.status_code not in (302, 303):
                break
            url = response.headers["Location"]
            response = self.client.get(url)
        assert response.status_code == status, f"{url} answered {response.status_code}"
        page = Fetched(url, response.status_code, response.headers, response.data)
        if page.is_html:
            found = problems(page, self._asset, self.rules)
            assert not found, f"{url}: {found}"
            self.visited.add(str(response.request.path))
        return page

    def _asset(self, url: str) -> bytes:
        response = self.client.get(url)
        assert response.status_code == 200, url
        return response.data
