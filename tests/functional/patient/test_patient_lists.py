"""Lists of bills: many of one person, their parts, a family member's; and what a slip alone does not show."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from flask import Flask
from pypdf import PdfReader

from tests.support.his import His, outpatient
from tests.support.pages import Pages, Rules
from tests.support.parameters import set_parameter
from tests.support.patients import MOTHER, MOTHER_NUMBER, MOTHER_PHONE, NAME, PERSONAL, first, identified, token_of
from tests.support.text_messages import deliver

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DRUGS = [{"chargeCode": "0109", "code": "YP1", "name": "示例药片", "std": 1, "number": 1, "amt": 1, "unit": "盒"}]


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def path(address: str) -> str:
    return re.sub(r"^https?://[^/]+", "", address)


def many(his: His, count: int) -> None:
    """Bills of one person: half of them in November, the others a few a month before."""
    for number in range(count):
        month = 11 if number % 2 else 1 + number % 9
        day = f"2026{month:02d}{1 + number % 27:02d}093000000"
        assert his.call("invoiceEBillOutpatient", outpatient(f"M{number}", busDateTime=day, busType="03")).ok


def test_many_bills_come_by_months_and_pages(pages: Pages, his: His, app: Flask) -> None:
    """219 bills: tools stand before them, one month is open, each bill is reached, no page is heavy (Pages weighs)."""
    many(his, 219)
    listed = identified(pages, app)
    assert listed.text.index("报销包") < listed.text.index("给窗口看") < listed.text.index('class="card bill"')
    assert listed.text.count('class="card bill"') == 40 and "这个月还有 69 张" in listed.text
    seen, todo = set(), [listed.url]
    while todo:
        page = pages.get(todo.pop())
        bills = set(re.findall(r'href="([^"]+/bills/\d+)"', page.text))
        if bills - seen:
            seen |= bills
            links = re.findall(r'href="(/h/pgzx/bills\?[^"]+)"', page.text)
            todo += [link.replace("&amp;", "&") for link in links]
    assert len(seen) == 219
    bundle = pages.get("/h/pgzx/bundle?first=2026-01-01&last=2026-12-31")
    ids = re.findall(r'name="bill" value="(\d+)" checked', bundle.text)
    assert len(ids) == 219 and "第 5 包（第 201 至 219 张）" in bundle.text
    form = {"csrf_token": token_of(bundle), "bill": ids, "first": "2026-01-01", "last": "2026-12-31"}
    part = pages.client.post("/h/pgzx/bundle", data=form | {"form": "zip-5"})
    assert len(zipfile.ZipFile(io.BytesIO(part.data)).namelist()) == 1 + 2 * 19


def test_the_list_is_narrowed_and_says_when_and_where(pages: Pages, his: His, app: Flask) -> None:
    """By kind and state; with the time and the department, a sensitive one by its general name."""
    at = {"busDateTime": "20261118092800000"}
    assert his.call("invoiceEBillOutpatient", outpatient("L1", patientCategory="内科", **at)).ok
    assert his.call("invEBillRegistration", outpatient("L2", busType="06", patientCategory="没有登记的科", **at)).ok
    listed = identified(pages, app)
    assert "09:28" in listed.text and "11 月 18 日" in listed.text and "共 2 张" in listed.text
    assert "内科" in listed.text and "没有登记的科" not in listed.text and "本次就诊" not in listed.text
    only = pages.get("/h/pgzx/bills?year=2026&scene=outpatient")
    assert only.text.count('class="card bill"') == 1 and "门诊收费" in only.text
    assert "没有这样的票据" in pages.get("/h/pgzx/bills?year=2026&state=reversed").text
    set_parameter(app, "patient.list-department", False)
    assert "内科" not in pages.get("/h/pgzx/bills").text


def test_a_slip_shows_no_drugs_and_no_whole_number(pages: Pages, his: His, app: Flask) -> None:
    """By slip and name: the face alone, and how to get the rest; by a code everything; or as the hospital decides."""
    answer = his.call("invoiceEBillOutpatient", outpatient("S1", listDetail=DRUGS)).payload
    link = pages.get(path(answer["pictureUrl"]))
    bill = pages.submit(link, {"name": NAME}, action=link.url)
    assert "只有票面" in bill.text and "einvoice.xml" not in bill.text
    for page in (f"{bill.url}/details", f"{bill.url}/einvoice.xml"):
        asked = pages.get(page)
        assert "要用验证码看" in asked.text and "示例药片" not in asked.text
    slip = PdfReader(io.BytesIO(pages.get(f"{bill.url}/bill.pdf").body))
    assert list(slip.attachments) == [] and len(slip.pages) == 1
    identified(pages, app)
    whole = PdfReader(io.BytesIO(pages.get(f"{bill.url}/bill.pdf").body))
    assert list(whole.attachments) == ["einvoice.xml"]
    assert "示例药片" in pages.get(f"{bill.url}/details").text
    assert pages.get(f"{bill.url}/einvoice.xml").body.startswith(b"<?xml")


def test_a_slip_stays_open_while_one_searches(pages: Pages, his: His, app: Flask) -> None:
    """Number and name are typed, the code has not come yet: the bill is still open, and nothing else is."""
    answer = his.call("invoiceEBillOutpatient", outpatient("S1")).payload
    assert his.call("invoiceEBillOutpatient", outpatient("S2")).ok
    link = pages.get(path(answer["pictureUrl"]))
    bill = pages.submit(link, {"name": NAME}, action=link.url)
    start = pages.get("/h/pgzx")
    pages.submit(start, {"number": "000000195203150010", "name": NAME}, action="/h/pgzx")
    assert "这次一共" in pages.get(bill.url).text
    assert pages.get("/h/pgzx/bills").text.count('class="card bill"') == 1, "what was typed proves nothing"
    assert pages.get(f"{bill.url}/revoke", 401)


def test_a_members_list_has_what_ones_own_has(pages: Pages, his: His, app: Flask) -> None:
    """报销包, year and window of a parent's bills; nobody else reaches them by the addresses."""
    assert his.call("invoiceEBillOutpatient", outpatient("F1")).ok
    mother = {"payer": MOTHER, "cardNo": MOTHER_NUMBER, "idCardNo": MOTHER_NUMBER, "tel": MOTHER_PHONE}
    assert his.call("invoiceEBillOutpatient", outpatient("F2", **mother, totalAmt=128.5)).ok
    identified(pages, app)
    deliver(app)
    asked = pages.submit(
        pages.get("/h/pgzx/family"), {"number": MOTHER_NUMBER, "name": MOTHER, "relation": "父母"}, action="/proxy"
    )
    [(_, _, params)] = deliver(app).sent
    family = pages.submit(asked, {"code": params["code"]}, action="/consent")
    listed = pages.get(first(family, r"/family/\d+"))
    bundle = pages.get(first(listed, "/bundle"))
    assert bundle.text.count('name="bill"') == 1
    assert "128.50" in pages.get(first(listed, r"/years/\d+")).text
    assert "<svg" in pages.submit(listed, {}, action="/window").text
    stranger = Pages(app.test_client())
    for address in (listed.url, bundle.url, f"{listed.url}/years/2026", f"{listed.url}/window"):
        stranger.get(address, 401)
