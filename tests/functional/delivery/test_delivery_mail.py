"""E-mail over real SMTP: the PDF that arrives, every answer of a mail server, bounces; notices that a HIS asks for."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pypdf
import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.access import parameters
from portal.app import create_app
from portal.core.clock import now
from portal.delivery import jobs, requests
from portal.delivery.channels.mail import Mail
from portal.delivery.engine.driver import Engine
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, OUTBOX_TASK, PATIENT_PASS
from portal.outbox.worker import Worker
from portal.providers.mail import bounces
from portal.providers.pace import Pace
from portal.simulators.mail.rules import report
from portal.worker import build
from tests.support.channels import Bench
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.processes.simulators import Simulators, running_simulators
from tests.support.window import Window

pytestmark = sqlite_first

CLERK = Actor("patient:test", "", 1)


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """Mail sink and SMS gateway in a process of their own."""
    with running_simulators(tmp_path / "simulators") as running:
        yield running


@pytest.fixture
def app(settings: DemoSettings, simulators: Simulators) -> Iterator[Flask]:
    """The application with its mail server and SMS gateway there."""
    there = {"smtp_host": f"127.0.0.1:{simulators.get('/mail/port')}", "smtp_tls": "none", "smtp_timeout": 5.0}
    made = create_app(settings.model_copy(update=there | {"sms_url": simulators.url("/sms/send")}))
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


def bill_of(app: Flask, serial: str, **changes: Any) -> int:
    """A new bill."""
    assert His(app).call("invoiceEBillOutpatient", outpatient(serial, **changes)).ok
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.execute(select(BILL.c.id).where(BILL.c.serial == serial)).scalar_one()


def delivering(worker: Worker, passes: int = 4) -> None:
    """Work until nothing is left to do, without waiting for the pauses between tries."""
    for _ in range(passes):
        worker.drain()
        with worker.services.database.write() as connection:
            connection.execute(
                update(OUTBOX_TASK)
                .where(OUTBOX_TASK.c.topic.startswith("delivery.send"), OUTBOX_TASK.c.state == "pending")
                .values(due_at=now())
            )
            waiting = DELIVERY_ATTEMPT.c.state.in_(["queued", "sending"])
            connection.execute(update(DELIVERY_ATTEMPT).where(waiting).values(next_at=now()))


def of_bill(app: Flask, bill_id: int) -> list[Any]:
    """Channel, state, code, tries of the attempts about a bill."""
    columns = (DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state, DELIVERY_ATTEMPT.c.code, DELIVERY_ATTEMPT.c.tries)
    found = (
        select(*columns)
        .join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        .where(DELIVERY.c.object_id == bill_id)
    )
    with app.extensions["qupiao"].services.database.read() as connection:
        return [tuple(row) for row in connection.execute(found.order_by(DELIVERY_ATTEMPT.c.id))]


def test_the_bill_arrives_as_a_pdf_that_opens_or_as_a_link(app: Flask, simulators: Simulators) -> None:
    services, limits, worker = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, build(app)
    first, second = bill_of(app, "MAIL1"), bill_of(app, "MAIL2")
    asked = requests.send_bill_by_mail(services, limits, CLERK, first, "lin@example.com")
    worker.drain()
    assert of_bill(app, first) == [("mail", "accepted", "", 1)]
    mail = simulators.get("/mail/messages")[0]
    assert mail["to"] == "lin@example.com" and mail["attachments"][0].endswith(".pdf") and "门诊" in mail["subject"]
    assert re.fullmatch(r"\d{8}-\d{10}\.pdf", mail["attachments"][0]), "the name that a download has"
    for secret in ("林", "内科", "药", "000000195203150010", "10000000001"):
        assert secret not in mail["subject"] + mail["text"] + mail["attachments"][0]
    data = httpx.get(simulators.url(f"/mail/messages/{mail['id']}/0"), trust_env=False).content
    with pypdfium2.PdfDocument(io.BytesIO(data)) as document:
        assert "林演安" in document[0].get_textpage().get_text_range()
    assert "/b/" not in mail["text"] and "/n/" in mail["text"], "PDF or link, not both; and a way to say 不是我"
    with services.database.write() as connection:
        parameters.change(connection, "delivery.mail-form", "link", CLERK)
        shown = requests.state_for_patient(connection, 1, "bill", first, asked.delivery_id)
    assert [one.words for one in shown] == ["已发出"]
    requests.send_bill_by_mail(services, limits, CLERK, second, "lin@example.com")
    worker.drain()
    link = simulators.get("/mail/messages")[0]
    found = re.search(r"/t/[\w-]{32}\b", link["text"])
    assert link["attachments"] == [] and found
    opened = app.test_client().get(found[0])
    assert opened.status_code == 200 and "交款人姓名" in opened.text and "林演安" not in opened.text
    with services.database.write() as connection:
        over = update(PATIENT_PASS).values(expires_at=now() - timedelta(seconds=1))
        assert connection.execute(over).rowcount == 1
    assert app.test_client().get(found[0]).status_code == 404, "a week later it opens nothing"
    page = httpx.get(simulators.url("/mail"), trust_env=False).text
    assert "lin@example.com" in page and "附件" in page


def attached(simulators: Simulators) -> tuple[int, set[str]]:
    """Pages and files of the newest mail's PDF."""
    mail = simulators.get("/mail/messages")[0]
    data = httpx.get(simulators.url(f"/mail/messages/{mail['id']}/0"), trust_env=False).content
    read = pypdf.PdfReader(io.BytesIO(data))
    return len(read.pages), set(read.attachments)


def test_a_pdf_by_mail_has_what_its_asker_may_have(app: Flask, simulators: Simulators) -> None:
    """By slip the face alone, which says how to get the rest; by a code all, also after the slip's; or by parameter."""
    services, limits, worker = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, build(app)
    first, second = bill_of(app, "MW1"), bill_of(app, "MW2")
    requests.send_bill_by_mail(services, limits, CLERK, first, "lin@example.com")
    delivering(worker)
    assert attached(simulators) == (1, set())
    text = simulators.get("/mail/messages")[0]["text"]
    assert "附件只有票面" in text and "短信验证码查一次" in text
    assert requests.send_bill_by_mail(services, limits, CLERK, first, "lin@example.com", whole=True).new
    delivering(worker)
    assert attached(simulators)[1] == {"einvoice.xml"}
    assert "附件只有票面" not in simulators.get("/mail/messages")[0]["text"]
    assert not requests.send_bill_by_mail(services, limits, CLERK, first, "lin@example.com").new
    with services.database.write() as connection:
        parameters.change(connection, "patient.slip-details", "1", CLERK)
    requests.send_bill_by_mail(services, limits, CLERK, second, "lin@example.com")
    delivering(worker)
    assert attached(simulators)[1] == {"einvoice.xml"}


def test_a_mail_says_what_the_bill_is_good_for_in_text_and_html(app: Flask, simulators: Simulators) -> None:
    """Reversed, red, exchanged: sent because somebody asked, with the truth; the file name needs no coding."""
    services, limits, worker = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, build(app)
    window = Window(His(app))
    paper, gone = window.issue("MS1"), window.issue("MS2")
    assert window.turn(paper, window.next()).ok
    red = window.red(gone).payload
    wanted = {
        paper["billNo"]: "报销请用那张纸质票据",
        gone["billNo"]: "已作废（冲红）",
        red["eScarletBillNo"]: "作废凭证（红票），不用管它",
        window.issue("MS3")["billNo"]: "还不能报销",
    }
    for number in wanted:
        with services.database.read() as connection:
            bill_id = connection.scalar(select(BILL.c.id).where(BILL.c.number == int(number)))
        requests.send_bill_by_mail(services, limits, CLERK, bill_id or 0, f"n{number}@example.com")
    delivering(worker)
    sent = {mail["to"]: mail for mail in simulators.get("/mail/messages")}
    for number, words in wanted.items():
        mail = sent[f"n{number}@example.com"]
        assert words in mail["text"] and words in mail["html"] and "可以用于报销" not in mail["text"], mail["text"]
        assert "平冈镇中心卫生院" in mail["from"] and "有疑问请到" in mail["text"]
        [name] = mail["names"]
        assert (
            name["disposition"] == f'attachment; filename="{mail["attachments"][0]}"'
            and number in mail["attachments"][0]
        )
        assert f'name="{mail["attachments"][0]}"' in name["type"]


def test_every_answer_of_a_mail_server_ends_in_its_class(app: Flask, simulators: Simulators) -> None:
    services, limits, worker = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, build(app)
    cases: dict[str, tuple[str, Any, str, int, int]] = {
        "busy": ("busy", {"count": 2}, "accepted", 3, 1),
        "unknown": ("unknown", {"count": 1}, "failed", 1, 0),
        "content": ("content", {"count": 1}, "dead", 1, 0),
        "lost": ("answer_lost", {"count": 1}, "accepted", 2, 1),
        "lost-twice": ("answer_lost", {"count": 9}, "uncertain", 2, 1),
        "half": ("half_answer", {"count": 1}, "accepted", 2, 1),
    }
    for name, (switch, setting, state, tries, kept) in cases.items():
        simulators.faults("mail", **{switch: setting})
        bill_id = bill_of(app, f"SMTP-{name}")
        requests.send_bill_by_mail(services, limits, CLERK, bill_id, f"{name}@example.com")
        delivering(worker)
        found = of_bill(app, bill_id)
        assert [(row[1], row[3]) for row in found] == [(state, tries)], (name, found)
        arrived = [mail for mail in simulators.get("/mail/messages") if mail["to"] == f"{name}@example.com"]
        assert len(arrived) == kept, "one Message-ID is one mail, however often it came"
    assert {mail["attempts"] for mail in simulators.get("/mail/messages")} == {1, 2}, "a blind repeat is not made twice"


def test_a_bounce_is_read_from_the_report_of_the_mail_server(app: Flask, simulators: Simulators) -> None:
    services, limits, worker = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, build(app)
    bill_id, client = bill_of(app, "BOUNCE"), app.test_client()
    requests.send_bill_by_mail(services, limits, CLERK, bill_id, "gone@example.com")
    worker.drain()
    assert of_bill(app, bill_id)[0][1] == "accepted"
    ref = simulators.get("/mail/messages")[0]["message_id"]
    dsn = report("gone@example.com", f"Message-ID: {ref}\r\nSubject: x\r\n\r\nbody".encode())
    found = bounces.read(dsn)
    assert found is not None and not found.good and found.code == "5.1.1"
    assert client.post("/callbacks/mail/wrong", data=dsn).status_code == 404
    for _ in range(2):
        assert client.post("/callbacks/mail/demo-callbacks", data=dsn).get_json() == {"known": True}
    assert of_bill(app, bill_id) == [("mail", "failed", "5.1.1", 1)]
    for other in (
        b"",
        b"Subject: holiday\r\n\r\nI am away",
        dsn.replace(b"failed", b"delayed"),
        dsn.replace(b"<qp", b"<zz"),
    ):
        assert client.post("/callbacks/mail/demo-callbacks", data=other).get_json() == {"known": False}


def test_a_his_may_ask_for_notices_under_both_names_and_bodies(app: Flask, simulators: Simulators) -> None:
    his, worker = His(app), build(app)
    bill_id = bill_of(app, "NOTICE", email="lin@example.com")
    with app.extensions["qupiao"].services.database.read() as connection:
        row = connection.execute(select(BILL).where(BILL.c.id == bill_id)).one()
    named = {"billBatchCode": row.bill_code, "billNo": f"{row.number:010d}", "random": row.check_code}
    new = named | {
        "noticeList": [{"noticeType": "1201", "noticeValue": "10000000003"}, {"noticeType": "1202", "noticeValue": ""}]
    }
    old = named | {"noticeInfo": {"code": "1202", "value": "other@example.com"}}
    assert his.call("noticeEBill", new).payload["count"] == 2
    assert his.call("noticeEBill", new).ok, "the same again is the same notice"
    assert his.call("sendNotice", old).payload["count"] == 1
    wrong = named | {
        "noticeList": [{"noticeType": "1209", "noticeValue": "x"}, {"noticeType": "1201", "noticeValue": "12"}]
    }
    refused = his.call("sendNotice", wrong)
    assert not refused.ok and "1201 为短信" in refused.message and "11 位" in refused.message
    assert not his.call("sendNotice", old | {"billNo": "0009999999"}).ok
    worker.drain()
    assert {mail["to"] for mail in simulators.get("/mail/messages")} == {"lin@example.com", "other@example.com"}
    texts = simulators.get("/sms/messages")
    assert [text["phone"] for text in texts] == ["10000000003"] and "已开具" in texts[0]["text"]


def test_a_domain_that_is_full_waits_and_others_go_ahead(app: Flask, simulators: Simulators) -> None:
    """Two a minute to one domain, in a minute without end: what is over is not tried, the next domain goes."""
    channel = Mail(app.extensions["qupiao"].services.settings)
    channel._pace = Pace(2, lambda: 0.0)
    addresses = ("a@big.example", "b@Big.example", "c@big.example", "d@small.example")
    benches = [Bench(app, His(app), f"PACE{number}", email=address) for number, address in enumerate(addresses)]
    opened = [bench.open("mail") for bench in benches]
    benches[0].run(channel, passes=2)
    found = [bench.attempts(one)[0][1:4] for bench, one in zip(benches, opened, strict=True)]
    assert sorted(found) == [("accepted", "accepted", 1)] * 3 + [("queued", "", 0)]
    assert found[3][0] == "accepted" and len(simulators.get("/mail/messages")) == 3


def test_a_domain_that_is_busy_does_not_stop_the_server(app: Flask, simulators: Simulators) -> None:
    """451 for a recipient, again and again, is that domain's: the next message is sent at once."""
    channel, services = Mail(app.extensions["qupiao"].services.settings), app.extensions["qupiao"].services
    benches = [Bench(app, His(app), f"BUSY{number}", email="a@big.example") for number in range(7)]
    engine = Engine([channel])
    worker = Worker(services, jobs.with_engine(engine), threads=1)
    simulators.faults("mail", busy={"count": 6})
    first = [bench.open("mail") for bench in benches[:6]]
    worker.drain()
    last = benches[6].open("mail")
    worker.drain()
    assert [bench.attempts(one)[0][1:3] for bench, one in zip(benches, first, strict=False)] == [
        ("queued", "retry")
    ] * 6
    assert benches[6].attempts(last)[0][1] == "accepted"
