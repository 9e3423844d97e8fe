"""我的通知, 不是我的, the step 送达 of a bill, and the address that is ours on the entry page."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select, update

from portal.core.clock import now
from portal.delivery.notices import KEPT, clean
from portal.domain.states.bills import BillState
from portal.domain.states.delivery import Accepted, Arrived, Never, Purpose
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, DELIVERY_STOP, NOTICE_SEEN, PATIENT_REQUEST
from portal.retrieval import files, patient_requests
from tests.support.channels import Bench, Scripted
from tests.support.his import His
from tests.support.pages import Pages, Rules
from tests.support.patients import MOTHER, MOTHER_NUMBER, MOTHER_PHONE, PERSONAL, first, identified, person

NOTICES = "/h/pgzx/notices"
PHONE = "10000000001"


@pytest.fixture
def pages(app: Flask) -> Pages:
    """A patient's browser."""
    return Pages(app.test_client(), Rules(personal=PERSONAL))


@pytest.fixture
def bench(app: Flask, his: His) -> Bench:
    """The patient's bill."""
    return Bench(app, his, "N1")


def mothers(app: Flask, his: His) -> Bench:
    """Somebody else's bill."""
    return Bench(app, his, "N2", payer=MOTHER, cardNo=MOTHER_NUMBER, tel=MOTHER_PHONE, patientNo="MZ0000003")


def count(pages: Pages) -> str:
    found = re.search(r"我的通知(?:（(\d+) 条新的）)?</a>", pages.get("/h/pgzx/bills").text)
    assert found
    return found.group(1) or ""


def test_new_until_looked_at_and_only_ones_own(pages: Pages, app: Flask, his: His, bench: Bench) -> None:
    other = mothers(app, his)
    bench.open("wechat sms")
    other.open("sms")
    bench.run(Scripted("wechat", [Never("not a follower")], address="oDemo00000001"), Scripted("sms", address=PHONE))
    person(pages, app)
    assert count(pages) == "1"
    page = pages.get(NOTICES)
    assert page.text.count("<section") == 1 and "票据开好了" in page.text and ">新<" in page.text
    assert "短信 100****0001" in page.text and "已发出" in page.text
    assert "您绑定的微信" in page.text and "oDe" not in page.text and "没有送达" in page.text
    assert "这次一共" in pages.get(first(page, r"/bills/\d+")).text
    assert count(pages) == "1", "looking changes nothing: a browser may look ahead"
    bench.open("sms", Purpose.REVERSED)
    assert count(pages) == "2"
    pages.submit(page, {}, action="/notices")
    assert count(pages) == "1", "a message that came after the page is new"
    assert "打不开" in pages.submit(page, {"seen": "gestern"}, 400, "/notices").text
    pages.submit(page, {"seen": "2020-01-01T00:00:00+00:00"}, action="/notices")
    assert count(pages) == "1", "what was seen stays seen"
    both = pages.get(NOTICES).text
    assert both.index("票据作废了") < both.index("票据开好了") and both.count(">新<") == 1
    hers = Pages(app.test_client())
    person(hers, app, MOTHER_NUMBER, MOTHER)
    assert count(hers) == "1" and hers.get(NOTICES).text.count("<section") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_yet_and_nobody_proved(pages: Pages, app: Flask, his: His, bench: Bench) -> None:
    pages.get(NOTICES, 401)
    sent = app.test_client().post(NOTICES, data={"seen": now().isoformat()}, follow_redirects=True)
    assert sent.status_code in (400, 401)
    pages.get(f"{NOTICES}/1/not-me", 401)
    identified(pages, app)
    assert "还没有发给您的消息" in pages.get(NOTICES).text and count(pages) == ""
    with bench.services.database.read() as connection:
        assert connection.scalars(select(NOTICE_SEEN.c.person)).all() == [], "looking at nothing writes nothing"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_marks_are_forgotten_with_the_messages(pages: Pages, app: Flask, bench: Bench) -> None:
    bench.open("sms")
    identified(pages, app)
    assert "都看过了" not in pages.submit(pages.get(NOTICES), {}, action="/notices").text
    with bench.services.database.write() as connection:
        clean(connection)
        assert len(connection.scalars(select(NOTICE_SEEN.c.seen_at)).all()) == 1
        connection.execute(update(NOTICE_SEEN).values(seen_at=now() - KEPT))
        clean(connection)
        assert connection.scalars(select(NOTICE_SEEN.c.seen_at)).all() == []


def test_not_mine_asks_first_then_stops_that_address_and_tells_the_desk(
    pages: Pages, app: Flask, his: His, bench: Bench
) -> None:
    other = mothers(app, his)
    hers, mine = other.open("sms"), bench.open("sms")
    bench.run(Scripted("sms", address=PHONE))
    identified(pages, app)
    page = pages.get(NOTICES)
    address = f"{NOTICES}/{bench.attempt_id(mine)}/not-me"
    assert address in page.text
    asked = pages.get(address)
    assert "短信 100****0001" in asked.text
    with bench.services.database.read() as connection:
        assert connection.scalars(select(DELIVERY_STOP.c.masked)).all() == [], "looking stops nothing"
    assert '不再发到<b class="address">短信 100****0001</b>' in pages.submit(asked, {}, action="/not-me").text
    with bench.services.database.read() as connection:
        assert connection.scalars(select(DELIVERY_STOP.c.channel)).all() == ["sms"]
        [row] = connection.execute(select(PATIENT_REQUEST)).all()
        told = patient_requests.read(bench.services, row)
    assert (told.kind, told.bill_id) == ("not_me", bench.bill_id)
    assert told.content == {"channel": "短信", "address": "100****0001"}
    again, channel = bench.open("sms", Purpose.REVERSED), Scripted("sms", address=PHONE)
    bench.run(channel)
    assert channel.calls == [] and bench.state(again) != "sent", "nothing more goes there"
    for foreign in (other.attempt_id(hers), 12345):
        pages.get(f"{NOTICES}/{foreign}/not-me", 404)


STEPS = {
    "nothing": ("", "待送达", ""),
    "queued": ("queued", "正在送", ""),
    "accepted": ("accepted", "已通知您", "part"),
    "expired": ("expired", "已通知您", "part"),
    "delivered": ("delivered", "已送达", "done"),
    "failed": ("failed", "没送到", ""),
}


@pytest.mark.parametrize("case", STEPS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_step_of_delivery_follows_the_messages(pages: Pages, app: Flask, bench: Bench, case: str) -> None:
    """A bill that finance has supervised has not arrived by that."""
    state, word, stage = STEPS[case]
    with bench.services.database.write() as connection:
        connection.execute(update(BILL).values(state=BillState.SUPERVISED.value))
    if state:
        bench.open("sms")
        bench.run(Scripted("sms", address=PHONE))
        with bench.services.database.write() as connection:
            connection.execute(update(DELIVERY_ATTEMPT).values(state=state))
    listed = identified(pages, app)
    text = pages.get(first(listed, r"/bills/\d+")).text
    mark = f' class="{stage}"' if stage else ""
    assert f"<li{mark}>{word}</li>" in text


def test_one_good_receipt_is_enough(pages: Pages, app: Flask, bench: Bench) -> None:
    bench.open("wechat sms")
    bench.run(Scripted("wechat", [Never("blocked")]), Scripted("sms", [Arrived("r")], address=PHONE))
    bench.open("mail", Purpose.REQUESTED)
    bench.run(Scripted("mail", [Accepted("r")], address="a@example.com"))
    listed = identified(pages, app)
    assert '<li class="done">已送达</li>' in pages.get(first(listed, r"/bills/\d+")).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_entry_page_and_the_poster_say_which_address_is_ours(pages: Pages, app: Flask) -> None:
    """With its closing slash, so that ours.example.evil.cn does not begin like ours."""
    services = app.extensions["qupiao"].services
    ours = f"{services.settings.outside}/"
    assert f'以 <b class="address">{ours}</b> 开头的才是本院' in pages.get("/h/pgzx").text
    poster = PdfReader(io.BytesIO(files.poster(services, "pgzx", "A4").data))
    assert ours in poster.pages[0].extract_text().replace("\n", "")


def test_the_app_and_the_phone_are_one_notice(pages: Pages, app: Flask, his: His, bench: Bench) -> None:
    """A HIS that names its patients has each bill told to its APP as well."""
    bench.open("sms")
    bench.open("app", Purpose.NOTICE)
    bench.run(Scripted("sms", address=PHONE), Scripted("app", address="P-1"))
    with bench.services.database.write() as connection:
        connection.execute(update(DELIVERY).values(purpose="issued"))
    person(pages, app)
    assert count(pages) == "1"
    page = pages.get(NOTICES)
    assert page.text.count("<section") == 1 and "医院 APP" in page.text
