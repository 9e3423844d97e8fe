"""What the mini-program's API does besides log-in and list: the same services as the pages, the same rules."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.app import create_app
from portal.core.clock import business_day, now
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.issuing.paper import notice_slips, slip_codes
from portal.ledger import bills as ledger_bills
from portal.models.tables import DELIVERY_STOP, PATIENT_REQUEST
from portal.rendering.papers.slip import Paper
from tests.support import platforms
from tests.support.channels import Bench, Scripted
from tests.support.his import His, outpatient
from tests.support.mini import NAME, NUMBER, OTHER, PHONE, Phone, check
from tests.support.patients import MOTHER, MOTHER_NUMBER, MOTHER_PHONE
from tests.support.processes.simulators import Simulators, running_simulators
from tests.support.text_messages import deliver
from tests.support.window import Window

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CHILD, CHILD_NUMBER = "林小验", "000000202003030017"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("mini-more")) as simulators:
        yield simulators


@pytest.fixture
def app(settings: DemoSettings, process: Simulators) -> Iterator[Flask]:
    process.faults("wechat")
    made = create_app(platforms.connected(settings, process))
    assert His(made).call("invoiceEBillOutpatient", outpatient("MORE-1")).ok
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


def proved(app: Flask, process: Simulators, number: str = NUMBER, name: str = NAME) -> Phone:
    """A phone at level 2 by the code that was sent."""
    phone = Phone(app, process)
    phone.log_in()
    phone.call("post", "/identify", number=number, name=name)
    [(_, _, params)] = deliver(app).sent
    phone.call("post", "/confirm", code=params["code"])
    return phone


def bill_of(app: Flask, serial: str) -> Any:
    """The bill of a serial."""
    with app.extensions["qupiao"].services.database.read() as connection:
        found = ledger_bills.by_serial(connection, 1, serial)
    assert found is not None
    return found


def test_a_slip_opens_its_bill_and_no_other(app: Flask, process: Simulators) -> None:
    """Level 1 by fetch code or by the QR's content with the name: that bill, its face alone, no lines."""
    his, services = His(app), app.extensions["qupiao"].services
    link = his.call("invoiceEBillOutpatient", outpatient("SLIP-1")).payload["pictureUrl"]
    bill = bill_of(app, "MORE-1")
    notice_slips.start(services, Actor("staff:li", "李", 1), notice_slips.BILLS, [bill.bill_id], Paper.ROLL)
    code = slip_codes.of_print(services, bill.bill_id, 1)
    phone = Phone(app, process, OTHER)
    assert phone.log_in() == 0
    assert phone.call("post", "/slip", 404, slip=code, name="林演错")["code"] == "NOT_MATCHED"
    opened = phone.call("post", "/slip", slip=code, name=NAME)
    assert (opened["level"], opened["bill"]) == (1, str(bill.bill_id))
    phone.call("post", "/slip", 404, slip=code, name=NAME)
    assert [one["id"] for one in phone.call("get", "/bills")["bills"]] == [opened["bill"]]
    told = phone.call("get", f"/bills/{opened['bill']}")
    assert (told["payer"], told["details"], told["department"]) == (NAME, False, "")
    assert phone.call("get", f"/bills/{opened['bill']}/lines", 403)["code"] == "LEVEL_TOO_LOW"
    offers = phone.call("get", f"/bills/{opened['bill']}/cards")["offers"]
    assert [offer["platform"] for offer in offers] == ["wechat"], "a slip's card is the face alone, and WeChat's only"
    with pypdfium2.PdfDocument(io.BytesIO(phone.call("get", f"/bills/{opened['bill']}/file.pdf").data)) as document:
        assert len(document) == 1
    other = bill_of(app, "SLIP-1")
    phone.call("get", f"/bills/{other.bill_id}", 404)
    assert phone.call("post", "/slip", 404, slip="https://x.example/h/pgzx", name=NAME)["code"] == "LINK_INVALID"
    assert phone.call("post", "/slip", slip=link, name=NAME)["bill"] == str(other.bill_id)
    assert phone.call("get", "/bills")["count"] == 2
    assert phone.call("post", "/identify", number=NUMBER, name=NAME)["level"] == 1, "what a slip opened stays open"
    assert phone.call("get", "/bills")["count"] == 2
    for _ in range(5):
        phone.call("post", "/slip", 404, slip=link, name="林演错")
    late = phone.raw("post", "/slip", json.dumps({"slip": link, "name": "林演错"}).encode())
    assert late.status_code == 429 and int(late.headers["Retry-After"]) > 0


def test_dates_paper_and_what_belongs_to_a_bill(app: Flask, process: Simulators) -> None:
    """The issue date is what verification wants; red and original, steps; all of it as the document says."""
    his = His(app)
    earlier = outpatient("EARLY", busDateTime=f"{business_day(now()).replace(day=1):%Y%m%d}000100000")
    assert his.call("invoiceEBillOutpatient", earlier).ok
    phone, bill = proved(app, process), bill_of(app, "EARLY")
    told = phone.call("get", f"/bills/{bill.bill_id}")
    check({"$ref": "#/components/schemas/BillDetail"}, told)
    assert told["issued_on"] == f"{business_day(now())}" and told["day"] == f"{business_day(bill.business_at)}"
    face = {"code": told["code"], "number": told["number"], "check": told["check_code"], "amount": "128.50"}
    assert phone.call("post", "/verify", **face, day=told["issued_on"])["matched"]
    assert [step["title"] for step in told["steps"][:2]] == ["医院开好了", "等财政盖章"]
    assert phone.call("get", f"/bills/{bill.bill_id}")["verified"] == 1
    pair = {"billBatchCode": bill.code, "billNo": bill.number}
    assert Window(his).red(pair).ok
    told = phone.call("get", f"/bills/{bill.bill_id}")
    (red,) = told["red"]
    assert (told["standing"], told["standing_title"], red["total_fen"]) == ("reversed", "已作废", -12850)
    of_red = phone.call("get", f"/bills/{red['id']}")
    assert of_red["standing"] == "red" and of_red["original"][0]["id"] == str(bill.bill_id)
    raw = phone.raw("get", f"/bills/{bill.bill_id}", b"").data
    assert "已作废".encode() in raw and b"\\u" not in raw


def test_the_list_by_years_and_pages(app: Flask, process: Simulators) -> None:
    his = His(app)
    assert all(his.call("invoiceEBillOutpatient", outpatient(f"PAGE-{place}")).ok for place in range(52))
    phone = proved(app, process)
    whole = phone.call("get", "/bills")
    assert (len(whole["bills"]), whole["page"], whole["pages"]) == (50, 1, -(-whole["count"] // 50))
    rest = phone.call("get", "/bills?page=2")
    assert len(rest["bills"]) == min(whole["count"] - 50, 50)
    assert not {one["id"] for one in whole["bills"]} & {one["id"] for one in rest["bills"]}
    this = business_day(now()).year
    of_year = phone.call("get", f"/bills?year={this}")
    assert of_year["count"] == next(one["count"] for one in whole["years"] if one["year"] == this)
    assert phone.call("get", "/bills?year=2001")["bills"] == []
    for wrong in ("year=abc", "page=0", f"page={2**64}", "year=1"):
        assert phone.call("get", f"/bills?{wrong}", 422)["code"] == "ENTRY_INVALID"


def test_lines_bundle_year_and_window(app: Flask, process: Simulators) -> None:
    phone, bill = proved(app, process), bill_of(app, "MORE-1")
    told = phone.call("get", f"/bills/{bill.bill_id}/lines")
    check({"$ref": "#/components/schemas/Lines"}, told)
    assert told["lines"] and told["lines"][0]["amount"]
    bundle = phone.call("get", "/bundle")
    check({"$ref": "#/components/schemas/Bundle"}, bundle)
    assert str(bill.bill_id) in {one["id"] for one in bundle["bills"]} and bundle["parts"] == 1
    days = f"first={bundle['first']}&last={bundle['last']}"
    pdf = phone.call("get", f"/bundle/file?{days}&bills={bill.bill_id}")
    with pypdfium2.PdfDocument(io.BytesIO(pdf.data)) as document:
        assert len(document) >= 2, "a cover and the bill"
    zipped = phone.call("get", f"/bundle/file?{days}&form=zip")
    with zipfile.ZipFile(io.BytesIO(zipped.data)) as archive:
        assert "00-cover.pdf" in archive.namelist()
    phone.call("get", "/bundle/file?first=2001-01-01&last=2001-01-02", 422)
    phone.call("get", "/bundle?first=2026-02-31", 422)
    phone.call("get", "/bundle?first=2026-W01-1", 422)
    year = business_day(bill.business_at).year
    sums = phone.call("get", f"/years/{year}")
    check({"$ref": "#/components/schemas/Statement"}, sums)
    assert sums["count"] >= 1 and sums["own_cash_fen"] >= 4850
    assert phone.call("get", f"/years/{year}/self-pay.pdf").data.startswith(b"%PDF")
    assert phone.call("get", "/years/2001")["count"] == 0
    window = phone.call("post", "/window")
    assert window["code"].startswith("QPW") and window["seconds"] == 60
    assert base64.b64decode(window["image"].partition(",")[2]).startswith(b"\x89PNG")


def test_deliver_asks_back_and_tells_how_far_it_got(app: Flask, process: Simulators) -> None:
    phone, bill = proved(app, process), bill_of(app, "MORE-1")
    asked = phone.call("post", f"/bills/{bill.bill_id}/deliver", address="zhang@qq.con")
    assert (asked["sent"], asked["meant"]) == (False, "zhang@qq.com")
    assert not any(one["way"].startswith("邮箱") for one in phone.call("get", f"/bills/{bill.bill_id}")["sent"])
    sent = phone.call("post", f"/bills/{bill.bill_id}/deliver", address="zhang@qq.con", sure=True)
    assert (sent["sent"], sent["new"]) == (True, True) and "还不能报销" in sent["note"]
    ways = phone.call("get", f"/bills/{bill.bill_id}")["sent"]
    assert any(one["way"].startswith("邮箱") and one["words"] == "正在发送" for one in ways)
    assert not any("zhang" in one["way"] for one in ways)


def test_notices_and_one_that_is_not_mine(app: Flask, process: Simulators) -> None:
    phone, bench = proved(app, process), Bench(app, His(app), "NOTICE")
    bench.open("sms")
    bench.run(Scripted("sms", address=PHONE))
    told = phone.call("get", "/notices")
    check({"$ref": "#/components/schemas/Notices"}, told)
    assert told["notices"][0]["new"] and told["notices"][0]["title"] == "票据开好了"
    phone.call("post", "/notices/seen", seen=told["seen"])
    phone.call("post", "/notices/seen", 422, seen="gestern")
    assert not any(one["new"] for one in phone.call("get", "/notices")["notices"])
    (way,) = [way for one in told["notices"] for way in one["ways"] if way["way"].startswith("短信") and way["id"]][:1]
    phone.call("post", f"/notices/{way['id']}/not-me")
    phone.call("post", "/notices/1/not-me", 404)
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        stopped = connection.scalar(select(func.count()).select_from(DELIVERY_STOP))
        asked = connection.scalar(select(func.count()).where(PATIENT_REQUEST.c.kind == "not_me"))
    assert (stopped, asked) == (1, 1)


def test_why_correction_and_the_desk_s_answer(app: Flask, process: Simulators) -> None:
    stranger, bill = Phone(app, process, OTHER), bill_of(app, "MORE-1")
    stranger.log_in()
    assert stranger.call("post", "/why", day="2026-11-18")["known"] is False
    assert "2026-11-18" in stranger.call("post", "/why", 422, day="gestern")["why"]
    assert "11 位" in stranger.call("post", "/why/ask", 422, person="x", phone="1")["why"]
    number = stranger.call("post", "/why/ask", person="林演安", phone="10000000001", amount="12.50")["number"]
    told = stranger.call("post", "/answer", number=number)
    assert (told["title"], told["state"]) == ("查不到票据", "待答复")
    stranger.call("post", "/answer", 404, number="SQ22222222")
    phone = proved(app, process)
    found = phone.call("post", "/why", amount="128.50")
    assert found["whole"] and found["named"] and "财政盖章" in found["found"][0]["words"]
    assert phone.call("post", "/why")["named"] is False
    asked = phone.call("post", f"/bills/{bill.bill_id}/correction", wrong="name", right="林演按")
    assert asked["number"].startswith("SQ")
    assert phone.call("get", f"/bills/{bill.bill_id}")["corrections"][0]["state"] == "待答复"
    phone.call("post", f"/bills/{bill.bill_id}/correction", 422, wrong="name", right="　")
    phone.call("post", f"/bills/{bill.bill_id}/correction", 422, wrong="nose", right="x")


def test_card_packs(app: Flask, process: Simulators) -> None:
    phone, bill = proved(app, process), bill_of(app, "MORE-1")
    offers = phone.call("get", f"/bills/{bill.bill_id}/cards")["offers"]
    assert {one["platform"] for one in offers} <= {"wechat", "alipay"}
    assert all(not one["may_ask"] for one in offers), "finance has not sealed it yet"
    assert "勾选" in phone.call("post", f"/bills/{bill.bill_id}/cards", 422, platform="wechat", agree=False)["why"]
    refused = phone.call("post", f"/bills/{bill.bill_id}/cards", 409, platform="wechat", agree=True)
    assert refused["code"] == "CARD_UNAVAILABLE"


def test_family_is_bound_and_ended(app: Flask, process: Simulators) -> None:
    """A child by the phone that got the code; a parent by a code to their phone; their lists; the end of it."""
    his = His(app)
    child = outpatient("CHILD", payer=CHILD, cardNo=CHILD_NUMBER)
    parent = outpatient("PARENT", payer=MOTHER, cardNo=MOTHER_NUMBER, tel=MOTHER_PHONE)
    assert his.call("invoiceEBillOutpatient", child).ok and his.call("invoiceEBillOutpatient", parent).ok
    phone = proved(app, process)
    phone.call("post", "/family/child", 404, number=CHILD_NUMBER, name="林小错")
    link = phone.call("post", "/family/child", number=CHILD_NUMBER, name=CHILD)["id"]
    (member,) = phone.call("get", "/family")["members"]
    assert (member["id"], member["name"], member["relation"]) == (link, "林**", "子女")
    (theirs,) = phone.call("get", f"/family/{link}/bills")["bills"]
    assert phone.call("get", f"/bills/{theirs['id']}")["payer"] == CHILD
    assert phone.call("get", f"/bundle?member={link}")["bills"][0]["id"] == theirs["id"]
    assert phone.call("post", f"/window?member={link}")["code"].startswith("QPW")
    state = phone.call("post", "/family/proxy", number=MOTHER_NUMBER, name=MOTHER, relation="父母")
    assert state["left"] == 5 and state["wait"] > 0
    [code] = [params["code"] for number, _, params in deliver(app).sent if number == MOTHER_PHONE]
    phone.call("post", "/family/consent", 422, code="000000" if code != "000000" else "111111")
    second = phone.call("post", "/family/consent", code=code)["id"]
    assert len(phone.call("get", "/family")["members"]) == 2
    phone.call("post", f"/family/{link}/revoke")
    phone.call("get", f"/family/{link}/bills", 404)
    phone.call("get", f"/bills/{theirs['id']}", 404)
    phone.call("get", f"/bundle?member={link}", 404)
    assert [one["id"] for one in phone.call("get", "/family")["members"]] == [second]


def test_the_code_tells_how_it_stands(app: Flask, process: Simulators) -> None:
    phone = Phone(app, process)
    phone.log_in()
    assert phone.call("get", "/code")["expired"] is True
    phone.call("post", "/identify", number=NUMBER, name=NAME)
    [(_, _, params)] = deliver(app).sent
    wrong = "000000" if params["code"] != "000000" else "111111"
    phone.call("post", "/confirm", 422, code=wrong)
    told = phone.call("get", "/code")
    assert told == {"left": 4, "wait": told["wait"], "worn": False, "expired": False} and 0 < told["wait"] <= 60
    assert phone.call("post", "/resend")["left"] == 4, "none is sent within the minute"
    for _ in range(4):
        phone.call("post", "/confirm", 422, code=wrong)
    assert phone.call("get", "/code")["worn"] is True
    phone.call("post", "/confirm", 422, code=params["code"])
