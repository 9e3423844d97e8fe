"""Family and proxies, ways to get a bill, help: every page is fetched and validated as in test_patient_pages.py."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import Table, select, update

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import id_check_character
from portal.issuing.paper import notice_slips, slip_codes
from portal.ledger import search
from portal.models import Bill, FamilyLink, OutboxTask, PatientPass, Unit
from portal.models.tables import DELIVERY, PATIENT_REQUEST
from portal.rendering.papers.slip import Paper
from portal.retrieval import family, patient_requests
from portal.retrieval.family import Ground, Person
from portal.retrieval.proof import passes, sessions
from tests.support.console import Console
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import (
    MOTHER,
    MOTHER_NUMBER,
    MOTHER_PHONE,
    NAME,
    NUMBER,
    PERSONAL,
    first,
    identified,
    person,
    token_of,
)
from tests.support.text_messages import Inbox, deliver

BILL: Table = Bill.__table__  # type: ignore[assignment]
LINK: Table = FamilyLink.__table__  # type: ignore[assignment]
PASS: Table = PatientPass.__table__  # type: ignore[assignment]
UNIT: Table = Unit.__table__  # type: ignore[assignment]
TASK: Table = OutboxTask.__table__  # type: ignore[assignment]


def _id(first17: str) -> str:
    return first17 + id_check_character(first17)


CHILD, CHILD_NUMBER = "林小验", _id("00000020200303001")
GROWN = _id("00000019900101001")


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def actor(app: Flask) -> Actor:
    with app.extensions["qupiao"].services.database.read() as connection:
        return Actor("staff:desk", "收费员甲", connection.scalar(select(UNIT.c.id)) or 0)


def bills_of(his: His) -> None:
    """A mother, a child with the father's phone, the father."""
    assert his.call("invoiceEBillOutpatient", outpatient("F1")).ok
    child = outpatient("F2", payer=CHILD, cardNo=CHILD_NUMBER, patientNo="MZ0000009")
    assert his.call("invoiceEBillOutpatient", child).ok
    mother = outpatient("F3", payer=MOTHER, cardNo=MOTHER_NUMBER, tel=MOTHER_PHONE, patientNo="MZ0000003")
    assert his.call("invoiceEBillOutpatient", mother).ok


def test_guardian_and_proxy_by_consent(pages: Pages, his: His, app: Flask) -> None:
    """One phone for several people lists only who was proved; a child needs no code, a mother gives and ends hers."""
    bills_of(his)
    listed = person(pages, app)
    assert len(re.findall(r"/bills/\d+", listed.text)) == 1, "phone and name never list the others"
    page = pages.get("/h/pgzx/family")
    typed = {"number": CHILD_NUMBER, "name": CHILD, "relation": "子女"}
    found = send(pages, page, "/family/child", typed)
    assert CHILD in found.text
    child = pages.get(first(found, r"/family/\d+"))
    assert "林** 的票据（监护的孩子）" in child.text
    assert "这次一共" in pages.get(first(child, r"/bills/\d+")).text
    asked = send(pages, page, "/family/proxy", {"number": MOTHER_NUMBER, "name": MOTHER, "relation": "父母"})
    assert "家人收到的验证码" in asked.text
    [(phone, template, params)] = deliver(app).sent
    assert (phone, template, params["who"]) == (MOTHER_PHONE, "consent", "林**")
    assert "验证码" in pages.submit(asked, {"code": "x"}, action="/consent").text
    found = pages.submit(asked, {"code": params["code"]}, action="/consent")
    assert MOTHER in found.text
    address = re.findall(r'href="([^"]+/family/\d+)"', found.text)[1]
    mothers = pages.get(address)
    bill = first(mothers, r"/bills/\d+")
    assert MOTHER in pages.get(bill).text
    services, inbox = app.extensions["qupiao"].services, Inbox().work(app)
    assert [(phone, template) for phone, template, _ in inbox.sent] == [(MOTHER_PHONE, "family")], "the child has none"
    other = Pages(app.test_client(), Rules(personal=(MOTHER, MOTHER_NUMBER)))
    person(other, app, MOTHER_NUMBER, MOTHER)
    seen = other.get("/h/pgzx/family")
    assert NAME in seen.text
    assert "没有人能看" in other.submit(seen, {}, action="/revoke").text
    pages.get(address, 404)
    pages.get(bill, 404)
    with services.database.write() as connection:
        connection.execute(update(LINK).values(valid_until=now() - timedelta(seconds=1)))
    pages.get(child.url, 404)


def send(pages: Pages, page: Fetched, path: str, values: dict[str, str], status: int = 200) -> Fetched:
    """Post with the token of a page to an address of ``formaction``."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text).group(1)  # type: ignore[union-attr]
    url = f"/h/pgzx{path}"
    return pages._arrive(pages.client.post(url, data={"csrf_token": token, **values}), url, status)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_child_is_bound_only_by_the_same_phone_and_age(pages: Pages, his: His, app: Flask) -> None:
    """Wrong name, another's phone, a grown-up: one answer; nothing without the code's own phone."""
    bills_of(his)
    person(pages, app)
    page = pages.get("/h/pgzx/family")
    grown = outpatient("F4", payer="林大验", cardNo=GROWN, patientNo="MZ0000010")
    assert his.call("invoiceEBillOutpatient", grown).ok
    answers = {
        re.sub(r'value="[^"]*"', "", send(pages, page, "/family/child", {"number": number, "name": name}, 422).text)
        for number, name in (
            (CHILD_NUMBER, "林错验"),
            (MOTHER_NUMBER, MOTHER),
            (GROWN, "林大验"),
            (_id("00000020200303099"), CHILD),
        )
    }
    assert len({re.sub(r'nonce="[^"]*"', "", answer) for answer in answers}) == 1
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalars(select(LINK.c.id)).all() == []


def test_guardian_bound_at_the_desk(pages: Pages, his: His, app: Flask) -> None:
    """A guardian who was never a patient gets the code on the phone that the desk noted."""
    bills_of(his)
    services = app.extensions["qupiao"].services
    guardian = Person("王护验", "000000198005050018", "10000000088")
    child = Person(CHILD, CHILD_NUMBER, "")
    with pytest.raises(Refusal, match="证件"):
        family.bind_at_desk(services, actor(app), guardian, child, Ground("guardian", "子女", ""))
    link_id = family.bind_at_desk(services, actor(app), guardian, child, Ground("guardian", "子女", "户口本"))
    page = pages.submit(pages.get("/h/pgzx"), {"number": guardian.number, "name": guardian.name}, action="/h/pgzx")
    [(phone, _, params)] = deliver(app).sent
    assert phone == guardian.phone
    pages.submit(page, {"code": params["code"]}, action="/code")
    child_page = pages.get(first(pages.get("/h/pgzx/family"), r"/family/\d+"))
    assert "128.50" in child_page.text
    family.revoke_at_desk(services, actor(app), link_id)
    pages.get(child_page.url, 404)


def test_fetch_code_of_a_slip_opens_once(pages: Pages, his: His, app: Flask) -> None:
    """Proxy by slip: code and name, once; wrong code and wrong name look the same; a revoked link ends both."""
    services = app.extensions["qupiao"].services
    answer = his.call("invoiceEBillOutpatient", outpatient("S1")).payload
    with services.database.read() as connection:
        bill_id = connection.scalar(select(BILL.c.id)) or 0
    for _ in range(2):
        notice_slips.start(services, actor(app), notice_slips.BILLS, [bill_id], Paper.ROLL)
    code = slip_codes.of_print(services, bill_id, 1)
    spoken = f"{code[:2]} {code[2:6].lower()}-{code[6:]}"
    start = pages.get("/h/pgzx")
    wrong = [
        re.sub(r'value="[^"]*"|nonce="[^"]*"', "", pages.submit(start, typed, 422, action="/h/pgzx").text)
        for typed in ({"number": spoken, "name": "王测错"}, {"number": "QP23456789", "name": NAME})
    ]
    assert wrong[0] == wrong[1]
    assert NAME in pages.submit(start, {"number": spoken, "name": NAME}, action="/h/pgzx").text
    other = Pages(app.test_client())
    other.submit(other.get("/h/pgzx"), {"number": code, "name": NAME}, 422, action="/h/pgzx")
    third = slip_codes.of_print(services, bill_id, 2)[2:].lower()
    bare = other.submit(other.get("/h/pgzx"), {"number": third, "name": "王测错"}, action="/h/pgzx")
    assert "验证码" in bare.text, "eight letters may be a card's number as well"
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    second = slip_codes.of_print(services, bill_id, 2)
    assert "这次一共" in other.submit(other.get(link), {"name": second[2:].lower()}, action=link).text, "without QP"
    address = first(pages.get("/h/pgzx/bills"), r"/bills/\d+")
    pages.get(f"{address}/revoke", 401)
    assert "财政盖章后才能放入" in pages.get(f"{address}/cards").text
    person(pages, app)
    asked = pages.get(f"{address}/revoke")
    assert (
        "已作废"
        in pages._arrive(
            pages.client.post(f"{address}/revoke", data={"csrf_token": token_of(asked)}), address, 200
        ).text
    )
    assert "旧链接可能已经作废" in Pages(app.test_client()).get(link).text, "as if there had never been a bill"


def test_a_window_sees_what_the_phone_shows_for_a_minute(pages: Pages, his: His, app: Flask) -> None:
    bills_of(his)
    services = app.extensions["qupiao"].services
    listed = person(pages, app)
    shown = pages.submit(listed, {}, action="/window")
    assert "<svg" in shown.text and "以前有效" in shown.text
    with services.database.read() as connection:
        session = sessions.read(services, connection, pages.client.get_cookie("qp_session").value)
    code, unit_id = passes.for_window(services, session), actor(app).unit_id
    with services.database.read() as connection:
        found = search.find(services, connection, unit_id, code.lower())
        serials = connection.scalars(select(BILL.c.serial).where(BILL.c.id.in_(found.ids))).all()
        assert (found.how, serials, found.personal) == ("shown", ["F1"], True)
        assert search.find(services, connection, unit_id, "QPW" + "2" * 26).ids == []
    with services.database.write() as connection:
        connection.execute(update(PASS).values(expires_at=now() - timedelta(seconds=1)))
    with services.database.read() as connection:
        assert search.find(services, connection, unit_id, code).ids == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_getting_it_elsewhere(pages: Pages, his: His, app: Flask) -> None:
    """Inside WeChat a way to the browser; there the name again; elements to copy; bundle and yearly statement."""
    assert his.call("invoiceEBillOutpatient", outpatient("P1")).ok
    assert his.call("invEBillRegistration", outpatient("P2", busType="06")).ok
    listed = identified(pages, app)
    assert "共 2 张" in listed.text
    address = first(listed, r"/bills/\d+")
    pages.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 MicroMessenger/8.0"
    bill = pages.get(address)
    assert "微信里存不了 PDF" in bill.text and "bill.pdf" not in bill.text
    landing = pages.submit(bill, {}, action="/browser")
    assert "在浏览器打开" in landing.text and "不用再填姓名" in landing.text
    fresh = Pages(app.test_client())
    assert "林**" in fresh.get(landing.url).text and "在浏览器打开" not in fresh.get(landing.url).text
    fresh.get("/t/AAAA", 404)
    elsewhere = pages.get(f"{address}/elsewhere")
    assert elsewhere.text.count("data-copy") == 5 and "pjcy.mof.gov.cn" in elsewhere.text
    chooser = pages.get("/h/pgzx/bundle")
    ids = re.findall(r'name="bill" value="(\d+)"', chooser.text)
    data = {"csrf_token": token_of(chooser), "bill": ids}
    pdf = pages.client.post("/h/pgzx/bundle", data=data | {"form": "pdf"})
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.data)).pages)
    assert len(ids) == 2 and "报销包" in text and "257.00" in text
    packed = zipfile.ZipFile(io.BytesIO(pages.client.post("/h/pgzx/bundle", data=data | {"form": "zip"}).data))
    assert len(packed.namelist()) == 5 and sum(name.endswith(".xml") for name in packed.namelist()) == 2
    form = {"csrf_token": data["csrf_token"], "form": "pdf"}
    refused = pages.client.post("/h/pgzx/bundle", data=form, follow_redirects=True)
    assert refused.status_code == 422 and "一张也没有选" in refused.text
    earlier = pages.get("/h/pgzx/bundle?first=2020-01-01&last=2020-12-31")
    assert "没有可以报销的票据" in earlier.text and "最近一天 · 2 张" in earlier.text
    assert "日期写错了" in pages.get("/h/pgzx/bundle?first=gestern", 422).text
    year = pages.get(first(listed, r"/years/\d+"))
    assert "2 张" in year.text and "257.00" in year.text
    statement = PdfReader(io.BytesIO(pages.get(first(year, r"self-pay\.pdf")).body))
    assert "只包含本院" in statement.pages[0].extract_text()


WECHAT = {"HTTP_USER_AGENT": "Mozilla/5.0 MicroMessenger/8.0"}


def pdf_of(pages: Pages, page: Fetched) -> PdfReader:
    """The file behind 存到手机 of a pass's page."""
    form = {"csrf_token": token_of(page), "to": "pdf"}
    answer = pages.client.post(f"{page.url}/take", data=form, follow_redirects=True)
    assert answer.status_code == 200 and answer.mimetype == "application/pdf"
    return PdfReader(io.BytesIO(answer.data))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_way_out_of_wechat_carries_the_proof(pages: Pages, his: His, app: Flask) -> None:
    """Slip, name, 存到手机, the browser: the file, without the name again; to one browser, once."""
    answer = his.call("invoiceEBillOutpatient", outpatient("W1")).payload
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    pages.client.environ_base |= WECHAT
    landing = pages.submit(pages.get(link), {"name": NAME, "to": "browser"}, action=link)
    assert "点“存到手机”，不用再填姓名" in landing.text and 'name="name"' not in landing.text
    fresh, other = Pages(app.test_client()), Pages(app.test_client())
    for browser in (fresh, other, other):
        assert "存到手机（PDF）" in browser.get(landing.url).text, "looking uses nothing up"
    waited, mine = other.get(landing.url), fresh.get(landing.url)
    file = pdf_of(fresh, mine)
    assert len(file.pages) == 1 and dict(file.attachments) == {}, "a slip opens the face alone"
    assert "看这张票" in fresh.get(landing.url).text and pdf_of(fresh, mine), "pressed twice"
    asked = other.submit(waited, {"to": "pdf"}, action="/take")
    assert "交款人姓名（全名）" in asked.text, "used up: the name opens it"
    assert "不一致" in other.submit(asked, {"name": "王"}, 422).text
    assert "存到手机（PDF）" in other.submit(asked, {"name": NAME}).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_pass_ends_and_brings_what_its_maker_may_have(pages: Pages, his: His, app: Flask) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("W2")).ok
    address = first(identified(pages, app), r"/bills/\d+")
    pages.client.environ_base |= WECHAT
    landing = pages.submit(pages.get(address), {}, action="/browser")
    fresh = Pages(app.test_client())
    file = pdf_of(fresh, fresh.get(landing.url))
    assert set(file.attachments) == {"einvoice.xml"}, "a person proved by a code takes the whole bill along"
    assert "只有用告知单打开" in fresh.get("/h/pgzx/bills").text, "and no other bill"
    fresh.get(f"{address}/revoke", 401)
    second = pages.submit(pages.get(address), {}, action="/browser")
    late = Pages(app.test_client())
    page = late.get(second.url)
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(PASS).values(created_at=now() - passes.PROOF_LIVES))
    assert "交款人姓名（全名）" in late.submit(page, {"to": "bill"}, action="/take").text
    late.get(address, 401)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_help_reaches_the_desk_and_comes_back(pages: Pages, his: His, app: Flask) -> None:
    """Why page, correction, not mine: the desk gets them sealed, the answer shows under the number and on the bill."""
    answer = his.call("invoiceEBillOutpatient", outpatient("H1")).payload
    services = app.extensions["qupiao"].services
    page = pages.get("/h/pgzx/why")
    assert "写成" in pages.submit(page, {"day": "昨天"}, 422, action="/why").text
    unknown = pages.submit(page, {"day": "2026-11-18", "amount": "128.50"}, action="/why").text
    assert "名下的票据" not in unknown, "nobody identified learns nothing"
    assert "先要知道是谁在问" in unknown and 'value="2026-11-18"' in unknown and 'value="128.50"' in unknown
    assert "手机号" in pages.submit(page, {"ask": "1", "person": NAME, "phone": "123"}, 422, action="/why").text
    asked = pages.submit(page, {"ask": "1", "person": NAME, "phone": "10000000001", "card": NUMBER}, action="/why")
    number = re.search(r'sum mono">([A-Z0-9 ]+)<', asked.text).group(1)  # type: ignore[union-attr]
    listed = identified(pages, app)
    assert "正在等财政盖章" in pages.submit(pages.get("/h/pgzx/why"), {"amount": "128.50"}, action="/why").text
    nothing = pages.submit(pages.get("/h/pgzx/why"), {}, action="/why").text
    assert "填上日期或金额" in nothing and "128.50 元" in nothing and "您名下没有" not in nothing
    assert "您名下没有" in pages.submit(pages.get("/h/pgzx/why"), {"amount": "1.00"}, action="/why").text
    address = first(listed, r"/bills/\d+")
    correction = pages.get(f"{address}/correction")
    token = token_of(correction)
    form = {"csrf_token": token, "wrong": "name", "right": "林演按"}
    sent = [pages.client.post(f"{address}/correction", data=form, follow_redirects=True) for _ in range(2)]
    numbers = [re.search(r'sum mono">([A-Z0-9 ]+)<', one.text).group(1) for one in sent]  # type: ignore[union-attr]
    assert numbers[0] == numbers[1], "sent twice within minutes, it is one request"
    assert numbers[0] in pages.get(sent[1].request.full_path).text, "and stays after a reload"
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    assert "请收费窗口核对" in pages.submit(pages.get(f"{link}/not-me"), {}, action="/not-me").text
    with services.database.read() as connection:
        rows = connection.execute(select(PATIENT_REQUEST).order_by(PATIENT_REQUEST.c.id)).all()
    assert [row.kind for row in rows] == ["missing", "correction", "not_me"]
    assert NAME.encode() not in rows[0].content and json.dumps(NAME).encode() not in rows[0].content
    for row in rows[:2]:
        patient_requests.answer(services, actor(app), row.id, "done", "已核实，新票已开")
    with pytest.raises(Refusal, match="已经答复"):
        patient_requests.answer(services, actor(app), rows[0].id, "done", "再答一次")
    assert "新票已开" in pages.submit(pages.get("/h/pgzx/answer"), {"number": number}, action="/h/pgzx/answer").text
    wrong = pages.submit(pages.get("/h/pgzx/answer"), {"number": "SQ222"}, 404, action="/h/pgzx/answer")
    assert "编号不对" in wrong.text
    assert "更正申请：已办理" in pages.get(address).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_to_an_address_that_was_shown_back(pages: Pages, his: His, app: Flask) -> None:
    """A slip of the finger is questioned, nothing goes without a second look, the bill's page says how far it is."""
    assert his.call("invoiceEBillOutpatient", outpatient("M1")).ok
    address = first(identified(pages, app), r"/bills/\d+")
    page = pages.get(f"{address}/mail")
    assert "不完整" in pages.submit(page, {"address": "lin@"}, 422).text
    shown = pages.submit(page, {"address": "lin＠ｑｑ.con"})
    assert "lin@qq.com" in shown.text and "lin@qq.con" in shown.text
    assert "送到哪里了" not in pages.get(address).text, "nothing is sent by looking"
    sent = pages.submit(shown, {"sure": "1"})
    assert "邮箱" in sent.text and "正在发送" in sent.text and "lin@qq.con" not in sent.text
    known, unknown = pages.get("/n/whatever"), pages.get("/n/else")
    assert "不会再往您这里发" in pages.submit(known, {}).text
    assert token_of(unknown)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_asked_for_by_slip_is_for_the_face_alone(pages: Pages, his: His, app: Flask) -> None:
    answer = his.call("invoiceEBillOutpatient", outpatient("M2")).payload
    link = re.sub(r"^https?://[^/]+", "", answer["pictureUrl"])
    bill = pages.submit(pages.get(link), {"name": NAME}, action=link)
    page = pages.get(first(bill, "/mail"))
    assert "凭告知单发出的 PDF 只有票面" in page.text
    pages.submit(pages.submit(page, {"address": "lin@example.com"}), {"sure": "1"})
    person(pages, app)
    page = pages.get(page.url)
    assert "只有票面" not in page.text
    pages.submit(pages.submit(page, {"address": "an@example.com"}), {"sure": "1"})
    with app.extensions["qupiao"].services.database.read() as connection:
        found = select(DELIVERY.c.whole).where(DELIVERY.c.purpose == "requested").order_by(DELIVERY.c.id)
        assert list(connection.scalars(found)) == [False, True]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_desk_binds_and_answers(pages: Pages, his: His, app: Flask) -> None:
    """At the console: bind a guardian, end it, answer a request that was read with a trace, print the poster."""
    bills_of(his)
    desk = Console(app, "cashier")
    values = {"kind": "guardian", "holder_name": "王护验", "holder_number": _id("00000019800505001")}
    values |= {"holder_phone": "10000000088", "subject_name": CHILD, "subject_number": CHILD_NUMBER}
    values |= {"relation": "子女", "document": "户口本"}
    wrong = desk.send("/console/delivery/family/new", **values | {"holder_phone": "1"})
    assert "手机号" in wrong.text
    listed = desk.follow(desk.send("/console/delivery/family/new", **values))
    assert "王**" in listed and "王护验" not in listed and "窗口核对证件" in listed
    end = re.search(r'href="([^"]+/family/\d+/end)"', listed).group(1)  # type: ignore[union-attr]
    assert "已撤销" in desk.follow(desk.send(end))
    page = pages.get("/h/pgzx/why")
    pages.submit(page, {"ask": "1", "person": NAME, "phone": "10000000001"}, action="/why")
    listed = desk.get("/console/delivery/requests").text
    one = re.search(r'href="([^"]+/requests/\d+)"', listed).group(1)  # type: ignore[union-attr]
    assert NAME in desk.get(one).text
    assert "已答复" in desk.follow(desk.send(one, answer="已找到，已补登记"))
    keeper = Console(app, "keeper")
    assert keeper.client.get("/console/basics/unit/poster/a3").data.startswith(b"%PDF")
    keeper.get("/console/basics/unit/poster/a5", 404)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_small_things_of_the_pages(pages: Pages, his: His, app: Flask) -> None:
    """The desk's phone dials, on refusals as well; one main button on a bill; a sum and its unit stay in one line; the
    year says what was paid; nothing is chosen for a relative; a kind of number is said once."""
    assert his.call("invoiceEBillOutpatient", outpatient("L1")).ok
    code = pages.submit(pages.get("/h/pgzx"), {"number": "1234567890", "name": NAME}, action="/h/pgzx")
    assert "按台湾居民来往大陆通行证，或医保卡、就诊卡、社保卡查询。" in code.text
    listed = identified(pages, app)
    bill = pages.get(first(listed, r"/bills/\d+"))
    for page in (listed, bill, pages.get("/h/pgzx/bills/1", 404), pages.get("/h/pgzx/why")):
        assert re.search(r'<a href="tel:\d+">[\d-]+</a>', page.text), page.url
    assert len(re.findall(r'class="btn"', bill.text)) == 1
    assert '<span class="clause">您付了 <b>48.50</b> 元。</span>' in bill.text
    year = pages.get(first(listed, r"/years/\d+"))
    assert re.search(r"<b>自己付的现金</b></dt><dd><b>48.50</b>", year.text)
    assert " selected" not in pages.get("/h/pgzx/family").text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_slip_names_the_page_for_its_code_in_the_groups_of_the_page(pages: Pages, his: His, app: Flask) -> None:
    services = app.extensions["qupiao"].services
    assert his.call("invoiceEBillOutpatient", outpatient("L2")).ok
    with services.database.read() as connection:
        bill_id = connection.scalar(select(BILL.c.id)) or 0
    job = notice_slips.start(services, actor(app), notice_slips.BILLS, [bill_id], Paper.ROLL)
    text = PdfReader(io.BytesIO(notice_slips.job_pdf(services, actor(app).unit_id, job))).pages[0].extract_text()
    printed = re.sub(r"\s+", "", text)
    assert "在取票页面127.0.0.1:18000输入取票码QP" in printed
    page = person(pages, app)
    number = re.search(r'票据号码</dt><dd class="mono">([\d ]+)<', pages.get(first(page, r"/bills/\d+")).text)
    assert number and number[1] in text
