"""Prepayment vouchers of a patient: in the list, told by messages, opened by their links, saved as a file."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from portal.access import parameters
from portal.delivery.channels.mail import Mail
from portal.delivery.engine.driver import Engine
from portal.delivery.jobs import HANDLERS, with_engine
from portal.domain.actor import Actor
from portal.domain.identity import normalise_name
from portal.domain.states.delivery import Accepted
from portal.ledger.persons import number_digest
from portal.models.tables import AUDIT_ENTRY, DELIVERY, VOUCHER
from portal.outbox.worker import Worker
from portal.retrieval import family
from portal.retrieval.family import Ground, Person
from portal.retrieval.proof.sessions import Claim
from tests.support.his import His, at, outpatient
from tests.support.pages import Pages, Rules
from tests.support.patients import MOTHER, MOTHER_NUMBER, MOTHER_PHONE, NAME, NUMBER, PERSONAL, PHONE, person, visitor
from tests.support.text_messages import Inbox
from tests.support.vouchers import paid_in, settlement, taking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MINE = {"payer": NAME, "idCardNo": NUMBER, "tel": PHONE, "cardNo": "9900000001", "hospitalNo": "ZY000001"}
CLERK = Actor("staff:test", "测试", 1)


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def refund(his: His, voucher: dict[str, str], amount: str, when: str = "") -> None:
    assert his.call("writeOffPayMentVoucher", taking(voucher, amount, when)).ok


def texts(app: Flask) -> list[str]:
    """What the patient's phone is told, with the sums."""
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "delivery.quiet", "", CLERK)
        parameters.change(connection, "delivery.sms-amount", "1", CLERK)
    return [params["what"] for phone, _, params in Inbox().work(app).sent if phone == PHONE]


def test_a_deposit_stands_in_the_list_with_state_and_balance_and_opens(pages: Pages, app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("V1")).ok
    voucher = paid_in(his, **MINE)
    refund(his, voucher, "300.00")
    listed = person(pages, app)
    assert re.search(r"预交金凭证</b> <span class=\"tag\">部分使用</span>", listed.text)
    assert "1000.00 元" in listed.text and "余额 700.00 元" in listed.text
    [address] = re.findall(r'href="(/h/pgzx/vouchers/\d+)"', listed.text)
    opened = pages.get(address)
    assert "余额 700.00 元" in opened.text and "退款" in opened.text and "-300.00" in opened.text
    assert NAME not in opened.text, "the name is masked as in every list"


def test_somebody_who_has_deposits_only_is_known_by_their_phone(pages: Pages, app: Flask, his: His) -> None:
    paid_in(his, **MINE)
    listed = person(pages, app)
    assert "余额 1000.00 元" in listed.text and "还没有查到票据" not in listed.text


def test_the_file_of_a_deposit_and_of_its_refund(pages: Pages, app: Flask, his: His) -> None:
    voucher = paid_in(his, **MINE)
    refund(his, voucher, "300.00")
    listed = person(pages, app)
    opened = pages.get(re.findall(r'href="(/h/pgzx/vouchers/\d+)"', listed.text)[0])
    files = re.findall(r'href="(/h/pgzx/vouchers/\d+/sheets/\d+)"', opened.text)
    assert len(files) == 2
    for file in files:
        answer = pages.client.get(file)
        assert answer.data.startswith(b"%PDF") and answer.headers["Content-Disposition"].startswith("attachment")
    assert voucher["billNo"] in pages.client.get(files[0]).headers["Content-Disposition"]
    with app.extensions["qupiao"].services.database.read() as connection:
        saved = connection.scalars(select(AUDIT_ENTRY.c.action).where(AUDIT_ENTRY.c.action == "voucher.downloaded"))
        assert len(saved.all()) == 3, "each look leaves a trace"


def test_what_is_not_mine_looks_like_what_is_not_there(pages: Pages, app: Flask, his: His) -> None:
    mine = paid_in(his, **MINE)
    paid_in(his, "YJ2")
    own = re.findall(r'href="/h/pgzx/vouchers/(\d+)"', person(pages, app).text)
    assert len(own) == 1, "the other one's is not among them"
    with app.extensions["qupiao"].services.database.read() as connection:
        others = str(connection.scalar(select(VOUCHER.c.id).where(VOUCHER.c.serial == "YJ2")))
    theirs, nobodys = pages.get(f"/h/pgzx/vouchers/{others}", 404), pages.get("/h/pgzx/vouchers/1", 404)
    same = [re.sub(r'nonce="[^"]*"|value="[^"]*"|/vouchers/\d+', "", one.text) for one in (theirs, nobodys)]
    assert same[0] == same[1]
    assert pages.client.get(f"/h/pgzx/vouchers/{others}/sheets/{others}").status_code == 404
    assert pages.client.get(f"/h/pgzx/vouchers/{own[0]}/sheets/{others}").status_code == 404
    stranger = Pages(app.test_client())
    stranger.get(f"/h/pgzx/vouchers/{own[0]}", 401)
    assert mine["billNo"]


def test_a_guardian_sees_the_deposits_of_a_member(app: Flask, his: His) -> None:
    services = app.extensions["qupiao"].services
    paid_in(his, **MINE)
    staff = replace(CLERK, label="staff:desk")
    holder, subject = Person(MOTHER, MOTHER_NUMBER, MOTHER_PHONE), Person(NAME, NUMBER, PHONE)
    link = family.bind_at_desk(services, staff, holder, subject, Ground("proxy", "父母", "身份证"))
    claim = Claim(
        number_digest(services, MOTHER_NUMBER).hex(), services.index.digest("name", normalise_name(MOTHER)).hex()
    )
    pages = Pages(visitor(app, claim, 2))
    assert "余额 1000.00 元" not in pages.get("/h/pgzx/bills").text, "one's own list has one's own"
    [address] = re.findall(r'href="(/h/pgzx/vouchers/\d+)"', pages.get(f"/h/pgzx/family/{link}").text)
    assert "余额 1000.00 元" in pages.get(address).text
    family.revoke_at_desk(services, staff, link)
    pages.get(address, 404)


def test_issue_refund_and_use_are_told_by_what_has_happened(app: Flask, his: His) -> None:
    voucher = paid_in(his, **MINE)
    assert texts(app) == ["预交金凭证1000.00元已开具"]
    refund(his, voucher, "300.00")
    assert texts(app) == ["预交金退款凭证300.00元已开具"]
    assert his.call("invEBillHospitalized", settlement("ZY1", (voucher, "128.50"), **MINE)).ok
    assert texts(app) == ["预交金凭证128.50元已用于住院结算"]
    assert texts(app) == [], "once"


def test_a_deposit_that_was_taken_back_is_told_to_whom_it_was_told(app: Flask, his: His) -> None:
    voucher = paid_in(his, **MINE)
    assert texts(app) == ["预交金凭证1000.00元已开具"]
    assert his.call("cancelPayMentVoucherBalance", taking(voucher)).ok
    assert texts(app) == ["预交金凭证1000.00元已撤销"]
    second = paid_in(his, "YJ2", **MINE)
    assert his.call("cancelPayMentVoucherBalance", taking(second)).ok
    assert texts(app) == [], "nobody had heard of it"


def test_deposits_of_one_day_are_one_message_whose_link_opens_them_all(app: Flask, his: His) -> None:
    for serial in ("YJ1", "YJ2", "YJ3"):
        paid_in(his, serial, **MINE)
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        parameters.change(connection, "delivery.quiet", "", CLERK)
    Worker(services, HANDLERS, threads=1).drain()  # all three are to be told before the first message leaves
    [(phone, template, params)] = Inbox().work(app).sent
    assert (phone, template, params["what"]) == (PHONE, "bill", "3张预交金凭证已开具")
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    page = pages.get(f"/b/{params['token']}")
    assert "林**" in page.text and "不是我的凭证" in page.text
    opened = pages.submit(page, {"name": NAME}, action="/voucher")
    assert opened.text.count("余额 1000.00 元") == 3
    assert "查余额，存凭证" in pages.get(f"/b/{params['token']}").text, "this browser has opened it"
    stopping = pages.get(f"/n/{params['stop']}")
    assert f'href="/b/{params["token"]}"' in stopping.text
    assert "不会再往" in pages.submit(stopping, {}).text
    paid_in(his, "YJ4", **MINE, busDateTime=at("100000", -1))
    assert Inbox().work(app).sent == []


def test_a_refund_and_a_bill_have_messages_of_their_own(app: Flask, his: His) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("V1")).ok
    voucher = paid_in(his, **MINE)
    refund(his, voucher, "100.00", at("100000", 1))
    refund(his, voucher, "50.00", at("100001", 1))
    assert sorted(texts(app)) == ["2张预交金退款凭证已开具", "预交金凭证1000.00元已开具"]


def test_a_unit_may_tell_of_bills_only(app: Flask, his: His) -> None:
    with app.extensions["qupiao"].services.database.write() as connection:
        parameters.change(connection, "delivery.vouchers", "0", CLERK)
    paid_in(his, **MINE)
    assert texts(app) == []
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalars(select(DELIVERY.c.id)).all() == []


def test_the_mail_of_a_voucher_says_what_it_is(app: Flask, his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    services = app.extensions["qupiao"].services
    with services.database.write() as connection:
        parameters.change(connection, "delivery.order", "mail", CLERK)
    voucher = paid_in(his, **MINE, email="lin@example.invalid")
    mail, sent = Mail(services.settings.model_copy(update={"smtp": "127.0.0.1:1"})), []
    monkeypatch.setattr(mail._client, "send", lambda message, address, _: sent.append((address, message)) or Accepted())
    Worker(services, with_engine(Engine([mail])), threads=1).drain()
    [(address, message)] = sent
    body = message.get_body(("plain",)).get_content()
    assert address == "lin@example.invalid" and message["Subject"].endswith("预交金凭证已开具")
    assert "1000.00 元 已开具" in body and "7 天" not in body and "电子票据的" not in body
    token = voucher["pictureUrl"].rpartition("/")[2]
    assert f"/b/{token}" in body, "the one address of the voucher's page"
