"""Every page that a patient can meet, fetched and validated by ``tests/support/pages.py`` in normal and care mode."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update

from portal.core.clock import now
from portal.demo.accounts import DEMO_APPID
from portal.domain.link import token
from portal.domain.states.bills import BillState
from portal.models import Bill, Booking, Unit
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
    assert "这些内容要用验证码看" in either.get(first(bill, "/details")).text
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


def bill_pages(pages: Pages, listed: Fetched) -> dict[str, str]:
    return {address: pages.get(address).text for address in re.findall(r'href="([^"]*/bills/\d+)"', listed.text)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reversed_bill_names_no_bill_as_its_replacement_by_guessing(either: Pages, his: His, app: Flask) -> None:
    """Valid bills of the same day are called that and no more; the exchanged one and other people's are not named."""
    window = Window(his)
    bill = window.issue("P1")
    red = window.red(bill).payload
    window.issue("P2", totalAmt=20, chargeDetail=[{"chargeCode": "0101", "chargeName": "诊查费", "amt": 20}])
    window.issue("P3", payer="陈样英", cardNo="000000194809060023", tel="")
    window.turn(window.issue("P4", busType="03"), window.next())
    listed = identified(either, app)
    for words in ("作废凭证", "已作废", "已打印成纸质", "财政处理中", "<s>128.50 元</s>"):
        assert words in listed.text
    assert "可报销" not in listed.text
    pages = bill_pages(either, listed)
    [original] = [page for page in pages.values() if "这张票已作废" in page]
    assert red["eScarletBillNo"] in original.replace(" ", "") and "新票" not in original
    named = re.findall(r'href="([^"]+)">\s*门诊收费 ([\d.]+) 元', original.partition("同一天您还有这些有效的票")[2])
    assert [amount for _, amount in named] == ["20.00"] and "这次一共 <b>20.00</b>" in pages[named[0][0]]
    [page] = [page for page in pages.values() if "这张是作废凭证" in page]
    assert bill["billNo"] in page.replace(" ", "") and "看原票" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_replacement_is_what_the_his_has_stated(pages: Pages, his: His, app: Flask) -> None:
    """Tomorrow's bill as well as today's; a statement about another person's bill is none."""
    window = Window(his)
    window.red(window.issue("P1"))
    window.red(window.issue("P2", payer="陈样英", cardNo="000000194809060023", tel=""))
    window.issue("P3", replacedBusNo="P1", busDateTime="20261230080000000")
    window.issue("P4", replacedBusNo="P2")
    listed = identified(pages, app)
    [original] = [page for page in bill_pages(pages, listed).values() if "这张票已作废" in page]
    [new] = re.findall(r'href="[^"]+/(\d+)">\s*门诊收费', original.partition("医院换开了新票")[2])
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(BILL.c.serial).where(BILL.c.id == int(new))) == "P3"
    assert "同一天您还有" not in original


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_bill_is_good_for_is_said_everywhere_alike(pages: Pages, his: His, app: Flask) -> None:
    """Exchanged, booked and waiting are never simply 有效: in the list and behind the link."""
    window = Window(his)
    answer = his.call("invoiceEBillOutpatient", outpatient("P1")).payload
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    tag = '<span class="tag{}">{}</span>'
    assert tag.format(" wait", "财政处理中") in pages.get(link).text
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(BILL).values(state=BillState.SUPERVISED.value))
        bill_id = connection.scalar(select(BILL.c.id))
    assert tag.format("", "有效") in pages.get(link).text
    with app.extensions["qupiao"].services.database.write() as connection:
        booked = {"bill_id": bill_id, "booked_by": "某单位", "amount_fen": 100, "voucher_no": "1"}
        connection.execute(insert(Booking), booked | {"booked_at": now(), "recorded_at": now()})
    assert tag.format(" wait", "单位已报销") in pages.get(link).text
    window.turn({name: answer[name] for name in ("billBatchCode", "billNo")}, window.next())
    for page in (pages.get(link), identified(pages, app)):
        assert tag.format(" wait", "已打印成纸质") in page.text and ">有效<" not in page.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_bill_on_paper_says_which_sheet(pages: Pages, his: His, app: Flask) -> None:
    window = Window(his)
    bill = window.issue("P1")
    window.turn(bill, window.next())
    listed = identified(pages, app)
    page = pages.get(first(listed, r"/bills/\d+")).text
    assert f'已打印成纸质票，编号 <span class="mono">{codes.PAPER} 0000100001' in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_link_opened_before_its_bill(either: Pages, app: Flask, his: His) -> None:
    """What the page says before, with a wrong phone, and when a phone was noted."""
    key = app.extensions["qupiao"].services.keyring.link_key("A", DEMO_APPID)
    link = f"/b/{token(key, 'A', 'pgzx', 'EARLY')}"
    early = either.get(link)
    assert "现在还看不到这张票" in early.text and "会自己再看一次" in early.text
    assert f'content="60;url={link}?n=1"' in early.text and 'data-look="15"' in early.text
    later = either.get(f"{link}?n=3")
    assert f'content="480;url={link}?n=4"' in later.text and 'data-look="120"' in later.text
    assert "自己再看" not in either.get(f"{link}?n=10").text and "再打开看看" in either.get(f"{link}?n=99").text
    assert "11 位" in either.submit(early, {"phone": "12345"}, 422, action="/watch").text
    told = either.submit(early, {"phone": PHONE}, action="/watch")
    assert "记下了" in told.text and PHONE not in told.text
    [onward] = re.findall(r'content="60;url=([^"]+)"', told.text)
    assert "记下了" in either.get(onward.replace("&amp;", "&")).text, "looking again forgets nothing"
    assert his.call("invoiceEBillOutpatient", outpatient("EARLY")).ok
    assert "打开这张票" in either.get(onward.replace("&amp;", "&")).text, "and shows the bill once it is there"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_link_of_a_voucher(either: Pages, his: His) -> None:
    either.rules = Rules(personal=("谭例霞", "000000196506300084", "10000000008", "ZY000008", "谭"))
    made = paid_in(his)
    link = either.get(re.sub(r"^https?://[^/]+", "", made["pictureUrl"]))
    assert "谭**" in link.text and "查余额" in link.text
    assert "不一致" in either.submit(link, {"name": "陈样英"}, 422, action="/voucher").text
    opened = either.submit(link, {"name": "谭例霞"}, action="/voucher")
    assert "余额 1000.00 元" in opened.text and "余额 1000.00 元" in either.get(opened.url).text, (
        "it may be loaded again"
    )


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
    monkeypatch.setattr("portal.blueprints.patient.pages.proof.find.unit_of", None)
    assert "编号" in pages.get("/h/pgzx", 500).text


def test_every_template_was_among_them() -> None:
    """A new patient page joins the tests above, or this fails."""
    templates = {path.name for path in (ROOT / "portal" / "templates" / "patient").glob("*.html")}
    parts = {"base.html", "state.html", "code_entry.html"}
    elsewhere = {"answer", "bundle", "consent", "correction", "elsewhere", "family", "not_me", "pass", "revoke"}
    elsewhere |= {"mail", "statement", "stop", "why", "window"} | {"cards", "binding", "verify", "notices"}
    elsewhere |= {"company", "company_bills", "company_code", "phones", "phone_change", "share", "shared"}
    elsewhere |= {"reimbursement"}
    """Fetched in test_patient_ways.py, test_cards.py, test_verify.py, test_patient_notices.py,
    test_remembered.py, test_changed_phone.py, test_sharing.py and test_company.py."""
    assert templates - parts - {f"{name}.html" for name in elsewhere} == {
        "bill.html",
        "code.html",
        "details.html",
        "error.html",
        "find.html",
        "home.html",
        "link.html",
        "list.html",
        "more_proof.html",
        "voucher.html",
        "voucher_link.html",
        "waiting.html",
    }
