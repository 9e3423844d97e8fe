"""Every page that a patient can meet, fetched and validated by ``tests/support/pages.py`` in normal and care mode."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update

from portal.demo.accounts import DEMO_APPID
from portal.domain.link import token
from portal.domain.states.bills import BillState
from portal.models import Bill, Unit
from tests.support import codes
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL, PHONE, first, identified
from tests.support.vouchers import paid_in
from tests.support.window import Window

ROOT = Path(__file__).resolve().parents[3]
BILL: Table = Bill.__table__  # type: ignore[assignment]


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


@pytest.fixture(params=["normal", "care"])
def either(request: pytest.FixtureRequest, pages: Pages) -> Pages:
    """The same, with large type switched on by its button."""
    if request.param == "care":
        page = pages.submit(pages.get("/h/pgzx"), {}, action="/care")
        assert 'class="care"' in page.text
    return pages


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_whole_way(either: Pages, his: His, app: Flask) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("P1")).ok
    assert his.call("invEBillRegistration", outpatient("P2", busType="06", busDateTime="20251118092800000")).ok
    listed = identified(either, app)
    assert "林**" in listed.text
    assert "2025 年" in either.get("/h/pgzx/bills?year=2025").text
    assert "没有票据" in either.get("/h/pgzx/bills?year=2019").text
    bill = either.get(first(listed, r"/bills/\d+"))
    assert bill.text.index("这次一共") < bill.text.index("<dt>")
    assert "示例药片" in either.get(first(bill, "/details")).text
    assert either.get(first(bill, r"einvoice\.xml")).body.startswith(b"<?xml")
    assert "查我的票据" in either.submit(listed, {}, action="/leave").text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_by_slip(either: Pages, his: His) -> None:
    answer = his.call("invoiceEBillOutpatient", outpatient("P1", listDetail=[])).payload
    link = either.get(re.sub(r"^https?://[^/]+", "", answer["pictureUrl"]))
    assert "林**" in link.text and NAME not in link.text
    assert "不一致" in either.submit(link, {"name": "林演"}, 422, action=link.url).text
    bill = either.submit(link, {"name": NAME}, action=link.url)
    assert NAME in bill.text
    assert "没有随这张票上传" in either.get(first(bill, "/details")).text
    assert "只有用告知单打开" in either.get("/h/pgzx/bills").text
    assert "打开这张票" in either.get(link.url).text
    assert "已通过验证" in either.get("/h/pgzx").text


@pytest.mark.parametrize("state", [BillState.UPLOADED, BillState.SUPERVISED, BillState.REFUSED])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_state_of_a_bill(pages: Pages, his: His, app: Flask, state: BillState) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("P1")).ok
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).values(state=state.value))
    listed = identified(pages, app)
    assert "128.50" in listed.text
    assert "这次一共" in pages.get(first(listed, r"/bills/\d+")).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reversed_bill_points_to_what_counts(either: Pages, his: His, app: Flask) -> None:
    """The original says 已冲红 and leads to the bill issued instead; the red one leads back; nobody else's is named."""
    window = Window(his)
    bill = window.issue("P1")
    red = window.red(bill).payload
    window.issue("P2", totalAmt=20, chargeDetail=[{"chargeCode": "0101", "chargeName": "诊查费", "amt": 20}])
    window.issue("P3", payer="陈样英", cardNo="000000194809060023", tel="")
    window.issue("P4", busType="03")
    listed = identified(either, app)
    assert "红票" in listed.text and "已冲红" in listed.text and "<s>128.50 元</s>" in listed.text
    pages = {address: either.get(address).text for address in re.findall(r'href="([^"]*/bills/\d+)"', listed.text)}
    [original] = [page for page in pages.values() if "这张票已冲红" in page]
    assert red["eScarletBillNo"] in original.replace(" ", "")
    counting = re.findall(r'href="([^"]+)">现在有效的票：([\d.]+) 元', original)
    assert [amount for _, amount in counting] == ["20.00"]
    assert "这次一共 <b>20.00</b>" in pages[counting[0][0]]
    [page] = [page for page in pages.values() if "这是红票" in page]
    assert bill["billNo"] in page.replace(" ", "") and "看原票" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_bill_on_paper_says_which_sheet(pages: Pages, his: His, app: Flask) -> None:
    window = Window(his)
    bill = window.issue("P1")
    window.turn(bill, window.next())
    listed = identified(pages, app)
    page = pages.get(first(listed, r"/bills/\d+")).text
    assert f'已换开纸质票据，编号 <span class="mono">{codes.PAPER} 0000100001' in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_link_opened_before_its_bill(either: Pages, app: Flask) -> None:
    """What the page says before, with a wrong phone, and when a phone was noted."""
    key = app.extensions["qupiao"].services.keyring.link_key("A", DEMO_APPID)
    link = f"/b/{token(key, 'A', 'pgzx', 'EARLY')}"
    early = either.get(link)
    assert "正在生成" in early.text
    assert "11 位" in either.submit(early, {"phone": "12345"}, 422, action="/watch").text
    told = either.submit(early, {"phone": PHONE}, action="/watch")
    assert "记下了" in told.text and PHONE not in told.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_link_of_a_voucher(either: Pages, his: His) -> None:
    either.rules = Rules(personal=("谭例霞", "000000196506300084", "10000000008", "ZY000008", "谭"))
    made = paid_in(his)
    link = either.get(re.sub(r"^https?://[^/]+", "", made["pictureUrl"]))
    assert "谭**" in link.text and "查余额" in link.text
    assert "不一致" in either.submit(link, {"name": "陈样英"}, 422, action="/voucher").text
    assert "余额 1000.00 元" in either.submit(link, {"name": "谭例霞"}, action="/voucher").text


Refused = Callable[[Pages, Flask], Fetched]
REFUSED: dict[str, tuple[str, Refused]] = {
    "nothing typed": (
        "两项都需要",
        lambda pages, _: pages.submit(pages.get("/h/pgzx"), {"number": "12", "name": ""}, 422, action="/h/pgzx"),
    ),
    "unknown person": (
        "验证码",
        lambda pages, _: pages.submit(
            pages.submit(pages.get("/h/pgzx"), {"number": NUMBER, "name": "王测错"}, action="/h/pgzx"),
            {"code": "000000"},
            action="/code",
        ),
    ),
    "no session": ("", lambda pages, _: pages.get("/h/pgzx/bills", 401)),
    "no session for a bill": ("", lambda pages, _: pages.get("/h/pgzx/bills/1", 401)),
    "unknown hospital": ("", lambda pages, _: pages.get("/h/nowhere", 404)),
    "unknown address": ("", lambda pages, _: pages.get("/nowhere", 404)),
    "unknown link": ("", lambda pages, _: pages.get("/b/AAAA", 404)),
    "wrong method": ("", lambda pages, _: pages.get("/care", 405)),
    "form without its token": ("", lambda pages, _: pages._arrive(pages.client.post("/care"), "/care", 400)),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_refusals_are_whole_pages(either: Pages, app: Flask, case: str) -> None:
    """Each says what, why and what next."""
    says, fetch = REFUSED[case]
    assert says in fetch(either, app).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_too_often(app: Flask) -> None:
    for status in (200, 200, 200, 200, 200, 429):
        pages = Pages(app.test_client())
        refused = pages.submit(pages.get("/h/pgzx"), {"number": NUMBER, "name": NAME}, status, action="/h/pgzx")
    assert re.search(r"请\d+分钟后再试", refused.text) and 0 < int(refused.headers["Retry-After"]) <= 1800


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_something_broken_and_several_hospitals(pages: Pages, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        one = dict(connection.execute(select(Unit.__table__)).mappings().one())
        one |= {"id": one["id"] + 1, "code": "second", "name": "第二医院"}
        connection.execute(insert(Unit), one)
    assert "第二医院" in pages.get("/").text
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("portal.blueprints.patient.pages.find.unit_of", None)
    assert "编号" in pages.get("/h/pgzx", 500).text


def test_every_template_was_among_them() -> None:
    """A new patient page joins the tests above, or this fails."""
    templates = {path.name for path in (ROOT / "portal" / "templates" / "patient").glob("*.html")}
    parts = {"base.html", "state.html", "code_entry.html"}
    elsewhere = {"answer", "bundle", "consent", "correction", "elsewhere", "family", "not_me", "pass", "revoke"}
    elsewhere |= {"mail", "statement", "stop", "why", "window"} | {"cards", "binding", "verify", "notices"}
    elsewhere |= {"company", "company_bills", "company_code"}
    """Fetched in test_patient_ways.py, test_cards.py, test_verify.py, test_patient_notices.py and test_company.py."""
    assert templates - parts - {f"{name}.html" for name in elsewhere} == {
        "bill.html",
        "code.html",
        "details.html",
        "error.html",
        "find.html",
        "home.html",
        "link.html",
        "list.html",
        "voucher.html",
        "waiting.html",
    }
