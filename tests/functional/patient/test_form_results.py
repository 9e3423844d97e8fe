"""After a form: a page of its own, so that Back, reload and the switches of the head repeat and lose nothing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL, first, identified, token_of
from tests.support.vouchers import paid_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def posted_forms(pages: Pages, app: Flask, his: His) -> list[tuple[str, dict[str, str]]]:
    """Every form of the patients' pages that does not lead on to another page or a file, with what one types."""
    answer = his.call("invoiceEBillOutpatient", outpatient("F1")).payload
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    voucher = re.sub(r"^https?://[^/]+", "", paid_in(his)["pictureUrl"])
    bill = first(identified(pages, app), r"/bills/\d+")
    face = {"code": answer["billBatchCode"], "number": answer["billNo"], "check": answer["random"]}
    return [
        ("/h/pgzx", {"number": "1", "name": NAME}),
        ("/h/pgzx", {"number": "QPAAAABBBB", "name": NAME}),
        ("/h/pgzx/verify", face | {"day": "2026-12-01", "amount": "128.50"}),
        ("/h/pgzx/verify", {"code": "1"}),
        ("/h/pgzx/why", {"amount": "128.50"}),
        ("/h/pgzx/why", {"day": "gestern"}),
        ("/h/pgzx/answer", {"number": "SQ1"}),
        ("/h/pgzx/window", {}),
        ("/h/pgzx/bundle", {}),
        ("/h/pgzx/family/proxy", {"number": "1", "name": ""}),
        ("/h/pgzx/family/child", {"number": NUMBER, "name": NAME}),
        ("/h/pgzx/family/consent", {"code": "1"}),
        ("/h/pgzx/company", {"phone": "1"}),
        (f"{bill}/mail", {"address": "lin@qq.con"}),
        (f"{bill}/mail", {"address": "lin"}),
        (f"{bill}/correction", {"wrong": "name", "right": "林"}),
        (f"{bill}/correction", {"wrong": "name"}),
        (f"{bill}/cards", {"platform": "wechat"}),
        (f"{bill}/revoke", {}),
        (f"{voucher}/voucher", {"name": "谭例霞"}),
        (f"{voucher}/voucher", {"name": "谁"}),
        (f"{link}/not-me", {}),
        ("/n/whatever", {}),
        ("/h/pgzx/notices/1/not-me", {}),
    ]


def switch(pages: Pages, page: Fetched, action: str) -> Fetched:
    form = {"csrf_token": token_of(page)}
    form["back"] = unescape(re.search(r'name="back" value="([^"]+)"', page.text).group(1))  # type: ignore[union-attr]
    return pages._arrive(pages.client.post(action, data=form), action, page.status)


def test_every_form_leads_to_a_page_that_may_be_reloaded_and_switched(pages: Pages, app: Flask, his: His) -> None:
    for address, typed in posted_forms(pages, app, his):
        data = typed | {"csrf_token": token_of(pages.get("/h/pgzx/verify"))}
        sent = pages.client.post(address, data=data)
        assert sent.status_code == 303, (address, typed)
        page = pages._arrive(sent, address, pages.client.get(sent.location).status_code)
        again = pages.get(sent.location, page.status)
        said = [re.sub(r'(nonce|value)="[^"]*"|还有.{1,6}秒|data-count="\d+"', "", one.text) for one in (page, again)]
        assert said[0] == said[1], address
        assert "大字版" in page.text and page.text.count("标准版") == 0
        large = switch(pages, page, "/care")
        assert 'class="care"' in large.text and "这一页打不开" not in large.text, address
        assert switch(pages, large, "/care").url == sent.location, address


def test_what_was_typed_stays_and_is_nowhere_in_the_open(pages: Pages) -> None:
    """In the form after a refusal; in the cookie it is sealed, and the cookie opens nothing at another address."""
    start = pages.get("/h/pgzx")
    refused = pages.submit(start, {"number": "１２", "name": NAME}, 422, action="/h/pgzx")
    assert 'value="１２"' in refused.text and f'value="{NAME}"' in refused.text
    assert "<title>有误：" in refused.text and 'aria-invalid="true"' in refused.text and "autofocus" in refused.text
    [cookie] = [one for one in pages.client._cookies.values() if one.key == "qp_shown"]
    assert cookie.http_only and NAME.encode() not in cookie.value.encode()
    assert NAME not in pages.get("/h/pgzx").text, "the page asked for anew is empty"
    number = refused.url.partition("=")[2]
    assert NAME not in pages.get(f"/h/pgzx/why?f={number}").text
    assert NAME not in pages.get("/h/pgzx?f=AAAAAAAA").text


def test_a_switch_keeps_the_year_and_what_is_being_typed(pages: Pages, app: Flask, his: His) -> None:
    assert his.call("invEBillRegistration", outpatient("Y1", busType="06", busDateTime="20250101080000000")).ok
    identified(pages, app)
    assert switch(pages, pages.get("/h/pgzx/bills?year=2025"), "/language").url == "/h/pgzx/bills?year=2025"
    page = pages.get("/h/pgzx/why")
    assert re.search(
        r'<button name="back" value="/h/pgzx/why" formaction="/care" form="typed"[^>]*formnovalidate', page.text
    )
    sent = pages.client.post("/care", data={"csrf_token": token_of(page), "back": "/h/pgzx/why", "amount": "12.3"})
    kept = pages.get(sent.location)
    assert 'value="12.3"' in kept.text and 'class="care"' in kept.text
