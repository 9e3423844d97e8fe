"""The page fixture can fail: each planted fault is found, and the page without any is not blamed."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response

from tests.support.pages import HEADERS, Fetched, Pages, Rules, problems

POLICY = "default-src 'none'; script-src 'nonce-abc'"
GOOD = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>页</title><link rel="stylesheet" href="/static/a.css"><style nonce="abc">p{margin:0}</style></head>
<body><main><h1>题</h1><h2>节</h2>
<form method="post" action="/send"><input type="hidden" name="csrf_token" value="x">
<label for="a">名</label><input id="a" name="a"><button>送</button></form>
<img src="/a.png" alt="图"><a href="/next">下一页</a></main></body></html>"""
RULES = Rules(personal=("林演安", "MZ0000001"))


def check(html: str = GOOD, url: str = "/page", rules: Rules = RULES, **headers: str) -> list[str]:
    """What the fixture says about a page."""
    whole: dict[str, str] = dict(HEADERS) | {"Content-Security-Policy": POLICY} | headers
    return problems(Fetched(url, 200, whole, html.encode()), lambda _: b"x" * 100, rules)


def test_a_good_page_has_no_problem() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<!doctype html>\n", "", "markup"),
        ("<h2>节</h2>", "<h2>节", "markup"),
        ("<h2>节</h2>", "<p><div>x</div></p>", "markup"),
        ("<h1>题", '<h1 class="a" class="b">题', "markup"),
        (' lang="zh-CN"', "", "no lang"),
        ("<title>页</title>", "<title> </title>", "no title"),
        ("<h1>题</h1>", "", "one h1"),
        ("<h2>节</h2>", "<h1>二</h1>", "one h1"),
        ("<h2>节</h2>", "<h3>节</h3>", "skips a level"),
        ('<meta name="viewport" content="width=device-width">', "", "no viewport"),
        ('<label for="a">名</label>', "", "no label for a"),
        ('<label for="a">', '<label for="b">', "label for nothing"),
        ("<h2>节</h2>", '<h2 id="a">节</h2>', "id a twice"),
        ("<button>送", "<button>", "no word"),
        (' alt="图"', "", "without alt"),
        (' nonce="abc"', "", "style without the nonce"),
        ("<h2>节</h2>", "<script>1</script>", "script without the nonce"),
        ("<h2>节</h2>", '<script nonce="old">1</script>', "script without the nonce"),
        ("<h2>", '<h2 style="color:red">', "style on h2"),
        ("<h2>", '<h2 onclick="x()">', "onclick on h2"),
        ('href="/next"', 'href="JavaScript:x()"', "code in href"),
        ("/static/a.css", "//cdn.example/a.css", "loads from elsewhere"),
        ("/a.png", "https://cdn.example/a.png", "loads from elsewhere"),
        ('<input type="hidden" name="csrf_token" value="x">', "", "without its token"),
        ("/next", "/next/10000000001", "phone"),
        ("/next", "/next?id=000000195203150010", "ID"),
        ("/next", "/next?name=%E6%9E%97%E6%BC%94%E5%AE%89", "林演安"),
        ("/send", "/send/MZ0000001", "MZ0000001"),
        ("节", "节" * 30_000, "weighs"),
    ],
)
def test_a_planted_fault_is_found(old: str, new: str, says: str) -> None:
    assert old in GOOD
    found = check(GOOD.replace(old, new, 1))
    assert any(says in problem for problem in found), found


@pytest.mark.parametrize("name", HEADERS)
def test_a_missing_header_is_found(name: str) -> None:
    assert any(name in problem for problem in check(**{name: ""}))


def test_the_address_of_the_page_itself_and_what_it_loads_count() -> None:
    assert check(url="/find/10000000001")
    assert check(rules=Rules(most_bytes=len(GOOD.encode()) + 150))
    assert not check(rules=Rules(most_bytes=len(GOOD.encode()) + 200))


def test_the_fixture_raises() -> None:
    """Fetching a broken page, or being sent to a bad address, fails the test that does it."""
    app = Flask("planted")
    pages: dict[str, Any] = {"/bad": lambda: "<p>x", "/away": lambda: Response("", 302, {"Location": "/of/林演安"})}
    for address, view in pages.items():
        app.add_url_rule(address, address, view)
    for address in pages:
        with pytest.raises(AssertionError):
            Pages(app.test_client(), RULES).get(address)
