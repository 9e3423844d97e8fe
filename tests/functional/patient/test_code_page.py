"""The page of the one-time code: another code, tries left, starting again, the same words for everybody."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from portal.core.clock import now
from portal.delivery.channels.sms import CodeSms, Sms
from portal.delivery.code_messages import CodeMessages
from portal.delivery.engine.driver import Engine
from portal.domain.states.delivery import Accepted, Unknown
from portal.models.tables import ONE_TIME_CODE, PATIENT_SESSION
from portal.outbox.tasks import Task
from portal.outbox.worker import Worker
from portal.retrieval.proof.identify import SMS_TOPIC
from tests.support.his import His, outpatient
from tests.support.pages import Fetched, Pages, Rules
from tests.support.patients import NAME, NUMBER, PERSONAL
from tests.support.text_messages import deliver

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def pages(app: Flask, his: His) -> Pages:
    assert his.call("invoiceEBillOutpatient", outpatient("CP1", idCardNo=NUMBER)).ok
    return Pages(app.test_client(), Rules(personal=PERSONAL))


def begin(pages: Pages, name: str = NAME) -> Fetched:
    return pages.submit(pages.get("/h/pgzx"), {"number": NUMBER, "name": name}, action="/h/pgzx")


def code(app: Flask) -> str:
    """What the phone got."""
    [(_, _, params)] = deliver(app).sent
    return params["code"]


def count(app: Flask, table: Any) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def later(app: Flask, **ago: int) -> None:
    """Time passes for the codes that were sent."""
    moved = timedelta(**ago)
    with app.extensions["qupiao"].services.database.write() as connection:
        for row in connection.execute(select(ONE_TIME_CODE)).all():
            values = {"created_at": row.created_at - moved, "expires_at": row.expires_at - moved}
            connection.execute(update(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id == row.id).values(**values))


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def test_starting_again_within_the_minute_keeps_the_code_that_was_sent(pages: Pages, app: Flask) -> None:
    begin(pages)
    sent = code(app)
    again = pages.get("/h/pgzx?again=1")
    assert NUMBER in again.text and NAME in again.text, "what was typed stands there"
    assert NUMBER not in pages.get("/h/pgzx").text, "but only for who goes back to change it"
    page = begin(pages)
    assert "1 分钟内只发一条，请用刚才那条" in page.text
    assert count(app, ONE_TIME_CODE) == count(app, PATIENT_SESSION) == 1
    assert "128.50" in pages.submit(page, {"code": sent}, action="/code").text


def test_another_code_keeps_session_and_the_first_code(pages: Pages, app: Flask) -> None:
    page = begin(pages)
    assert "autofocus" in page.text and 'data-wait="60"' in page.text.replace('data-wait="59"', 'data-wait="60"')
    first = code(app)
    assert "1 分钟内只发一条" in pages.submit(page, {}, action="/resend").text and count(app, ONE_TIME_CODE) == 1
    later(app, seconds=61)
    page = pages.submit(page, {}, action="/resend")
    assert "又发了一条" in page.text and count(app, PATIENT_SESSION) == 1 and count(app, ONE_TIME_CODE) == 2
    assert code(app) != first
    assert "128.50" in pages.submit(page, {"code": first}, action="/code").text, "it was still good"


def test_tries_are_told_then_the_code_is_void_and_another_one_works(pages: Pages, app: Flask) -> None:
    page = begin(pages)
    sent = code(app)
    for left in (4, 3, 2, 1):
        page = pages.submit(page, {"code": wrong(sent)}, action="/code")
        assert f"还可以试 {left} 次" in page.text
    page = pages.submit(page, {"code": wrong(sent)}, action="/code")
    assert "这条验证码已作废" in page.text
    assert "这条验证码已作废" in pages.submit(page, {"code": sent}, action="/code").text
    later(app, seconds=61)
    page = pages.submit(page, {}, action="/resend")
    assert "已作废" not in page.text
    assert "128.50" in pages.submit(page, {"code": code(app)}, action="/code").text


def test_an_old_code_says_so(pages: Pages, app: Flask) -> None:
    page = begin(pages)
    sent = code(app)
    later(app, minutes=6)
    assert "已过期" in pages.submit(page, {"code": sent}, action="/code").text


def test_other_typing_begins_anew_and_a_proved_session_keeps_nothing_typed(pages: Pages, app: Flask) -> None:
    begin(pages, "王无此")
    begin(pages)
    assert count(app, PATIENT_SESSION) == 2
    pages.submit(pages.get("/h/pgzx/code"), {"code": code(app)}, action="/code")
    assert NUMBER not in pages.get("/h/pgzx?again=1").text


def test_resending_is_counted_and_needs_a_session(pages: Pages, app: Flask) -> None:
    page = begin(pages)
    for status in (200, 200, 200, 200, 429):
        later(app, seconds=61)
        refused = pages.submit(page, {}, status, action="/resend")
    told = re.search(r"请(\d+)分钟后再试", refused.text.replace(" ", ""))
    assert told and 1 <= int(told[1]) <= 30
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(PATIENT_SESSION).values(expires_at=now() - timedelta(seconds=1)))
    pages.submit(page, {}, 401, action="/resend")


def test_a_company_and_a_relative_are_told_the_same(pages: Pages, app: Flask) -> None:
    """Their pages are made of the same parts."""
    page = pages.submit(pages.get("/h/pgzx/company"), {"phone": "10000009999"}, action="/company")
    page = pages.submit(page, {"code": "000000"}, action="/company/code")
    assert "还可以试 4 次" in page.text
    assert "1 分钟内只发一条" in pages.submit(page, {}, action="/resend").text
    page = pages.submit(pages.get("/h/pgzx/company"), {"phone": "10000009999"}, action="/company")
    assert "1 分钟内只发一条" in page.text and count(app, ONE_TIME_CODE) == 1


class Away:
    """A gateway that does not answer, and one day does."""

    remembers = True
    answers = False

    def send(self, _phone: str, _template: str, _params: dict[str, str], _out_id: str) -> Accepted | Unknown:
        """Answer, or not."""
        return Accepted("") if self.answers else Unknown("timed out", "TIMEOUT")


def asked_for(app: Flask, his: His, gateway: Away, phones: int) -> None:
    """So many patients ask for a code, which the worker tries to send."""
    services = app.extensions["qupiao"].services
    settings = services.settings
    engine = Engine([Sms(settings, gateway), CodeSms(settings, gateway)])  # type: ignore[arg-type]
    for number in range(phones):
        card = f"AW{number:07d}"
        body = outpatient(f"AW{number}", payer=NAME, idCardNo="", cardNo=card, cardType="999999", patientNo=card)
        assert his.call("invoiceEBillOutpatient", body | {"tel": f"1000000010{number}"}).ok
        other = Pages(app.test_client())
        other.submit(other.get("/h/pgzx"), {"number": card, "name": NAME}, action="/h/pgzx")
        with services.database.read() as connection:
            newest = connection.scalar(select(ONE_TIME_CODE.c.id).order_by(ONE_TIME_CODE.c.id.desc()).limit(1))
        CodeMessages(app.extensions["qupiao"].limits, engine)(
            services, Task(1, SMS_TOPIC, "k", {"code": newest}, 2, now())
        )
        Worker(services, engine.handlers(), threads=1).drain()


def test_everybody_is_told_when_no_text_message_leaves(pages: Pages, his: His, app: Flask) -> None:
    """Known and unknown alike, in the same words, with the window as the other way; not for one phone's trouble."""
    gateway, told = Away(), "短信现在发不出去，对所有人都是这样"
    asked_for(app, his, gateway, 2)
    assert told not in begin(pages).text, "two phones may be anybody's"
    asked_for(app, his, gateway, 3)
    shown = []
    for name in (NAME, "王测错"):
        other = Pages(app.test_client())
        page = other.submit(other.get("/h/pgzx"), {"number": NUMBER, "name": name}, action="/h/pgzx").text
        shown.append(re.sub(r'value="[^"]*"|nonce="[^"]*"|data-wait="\d+"', "", page))
    assert told in shown[0] and shown[0] == shown[1]
    assert "1号收费窗口" in shown[0].partition(told)[2].partition("</p>")[0] and "已经发到" not in shown[0]
    gateway.answers = True
    asked_for(app, his, gateway, 1)
    assert told not in pages.get("/h/pgzx/code").text, "one that went out ends it"


@pytest.mark.parametrize(("number", "name"), [("（Ａ）１２３４５６（３）", "林 演安"), ("a1234563", "林·演安")])
def test_another_spelling_of_the_same_goes_on(pages: Pages, his: His, app: Flask, number: str, name: str) -> None:
    """Starting again with brackets, wide characters, a dot: the code in the person's hand stays the right one."""
    body = outpatient("SP1", idCardNo="", cardNo="A123456(3)", cardType="04")
    assert his.call("invoiceEBillOutpatient", body).ok
    pages.submit(pages.get("/h/pgzx"), {"number": "A123456(3)", "name": NAME}, action="/h/pgzx")
    before = count(app, PATIENT_SESSION)
    again = pages.submit(pages.get("/h/pgzx"), {"number": number, "name": name}, action="/h/pgzx")
    assert "请用刚才那条" in again.text and count(app, PATIENT_SESSION) == before
