"""Codes, the notice of a proxy's look and the answer to a request leave through the delivery engine, as bills do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from portal.access import parameters
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery import jobs, person_notices
from portal.delivery.code_messages import CodeMessages
from portal.delivery.requests import stop_address
from portal.domain.actor import Actor
from portal.domain.states.delivery import Accepted, Config, Later, Never, NotSent, Result, Unknown
from portal.models.tables import CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT, ONE_TIME_CODE, UNIT
from portal.outbox import tasks
from portal.outbox.tasks import Done, Task
from portal.outbox.worker import Worker
from portal.retrieval import family, patient_requests
from portal.retrieval.family import Ground, Person
from portal.retrieval.patient_requests import Asked
from portal.retrieval.proof import identify
from portal.retrieval.proof.identify import SMS_TOPIC
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.text_messages import Inbox

pytestmark = sqlite_first

NUMBER, NAME, PHONE = "000000195203150010", "林演安", "10000000001"


class Answering(Inbox):
    """Answers by a script, the last answer for ever; counts what it was asked."""

    def __init__(self, *answers: Result, remembers: bool = True) -> None:
        super().__init__()
        self.remembers = remembers  # type: ignore[misc]
        self._answers = list(answers)

    def send(self, phone: str, template: str, params: dict[str, str], out_id: str) -> object:
        """The next answer."""
        super().send(phone, template, params, out_id)
        return self._answers[min(len(self.sent), len(self._answers)) - 1]


class Window:
    """A patient who asks for codes, and a worker that sends them over one gateway."""

    def __init__(self, app: Flask, inbox: Inbox) -> None:
        self.app, self.inbox = app, inbox
        self.services: Services = app.extensions["qupiao"].services
        self.limits = app.extensions["qupiao"].limits
        self.engine = inbox.engine(app)
        self.codes = CodeMessages(self.limits, self.engine)

    def ask(self, name: str = NAME) -> int:
        """Ask for a code; returns it."""
        with self.services.database.read() as connection:
            unit_id = connection.scalar(select(UNIT.c.id)) or 0
        identify.begin(self.services, self.limits, unit_id, NUMBER, name, "192.0.2.1")
        with self.services.database.read() as connection:
            return int(connection.scalar(select(func.max(ONE_TIME_CODE.c.id))) or 0)

    def open(self, code_id: int, attempts: int = 2) -> object:
        """Do the task of a code; by default a repeat, which no limit stops."""
        return self.codes(self.services, Task(1, SMS_TOPIC, "k", {"code": code_id}, attempts, now()))

    def work(self) -> None:
        """Send all that is due, now and after every pause."""
        for _ in range(12):
            Worker(self.services, jobs.with_engine(self.engine), threads=1).drain()
            moment = now()
            with self.services.database.write() as connection:
                connection.execute(update(tasks.OUTBOX_TASK).values(due_at=moment))
                later = (DELIVERY_ATTEMPT.c.state == "queued") & (DELIVERY_ATTEMPT.c.next_at > moment)
                connection.execute(update(DELIVERY_ATTEMPT).where(later).values(next_at=moment))
            for breaker in self.engine._breakers.values():
                breaker.succeeded()

    def attempts(self) -> list[Any]:
        """Purpose, channel, masked address, state of every message."""
        columns = (DELIVERY.c.purpose, DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.masked, DELIVERY_ATTEMPT.c.state)
        joined = DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id)
        with self.services.database.read() as connection:
            rows = connection.execute(select(*columns).select_from(joined).order_by(DELIVERY_ATTEMPT.c.id))
            return [tuple(row) for row in rows]

    def code(self, code_id: int) -> Any:
        """The row of a code."""
        with self.services.database.read() as connection:
            return connection.execute(select(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id == code_id)).one()


@pytest.fixture
def window(app: Flask, his: His) -> Window:
    assert his.call("invoiceEBillOutpatient", outpatient("C1")).ok
    return Window(app, Inbox())


def test_a_code_is_a_delivery_like_the_others_and_is_forgotten_once_sent(window: Window) -> None:
    code_id = window.ask()
    assert [window.open(code_id) for _ in range(3)] == [Done()] * 3
    assert window.attempts() == [("code", "code", "100****0001", "queued")], "begun at once, without a further task"
    window.work()
    [(phone, template, params)] = window.inbox.sent
    assert (phone, template, list(params)) == (PHONE, "code", ["code"])
    assert window.attempts() == [("code", "code", "100****0001", "accepted")]
    row = window.code(code_id)
    assert row.code is None and PHONE.encode() not in row.phone
    window.open(code_id)
    window.work()
    assert len(window.inbox.sent) == 1
    with window.services.database.read() as connection:
        sealed = connection.execute(
            select(DELIVERY.c.recipient, DELIVERY_ATTEMPT.c.recipient).join_from(
                DELIVERY, DELIVERY_ATTEMPT, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id
            )
        ).one()
        texts = [str(tuple(row)) for table in (DELIVERY, DELIVERY_ATTEMPT) for row in connection.execute(select(table))]
    assert all(value and PHONE.encode() not in value for value in sealed)
    assert not any(PHONE in text or params["code"] in text for text in texts)


def test_nobody_an_old_code_and_a_phone_with_enough_codes_get_none(window: Window) -> None:
    nobody = window.ask(name="王无此")
    window.open(nobody)
    some = window.ask()
    window.open(some)
    assert window.code(nobody).code is None and len(window.code(nobody).phone) == len(window.code(some).phone)
    old = window.ask()
    with window.services.database.write() as connection:
        connection.execute(
            update(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id.in_([old, some])).values(expires_at=now() - timedelta(1))
        )
    window.open(old)
    window.work()
    assert window.inbox.sent == []
    assert [row[3] for row in window.attempts()] == ["stopped"], "too old when its turn came"
    digest = window.services.index.digest("phone", PHONE).hex()[:24]
    for _ in range(10):
        assert window.limits.hit(f"sms.phone.86400:{digest}", 10, 86_400)
    window.open(window.ask(), attempts=1)
    window.work()
    assert window.inbox.sent == [], "ten a day for each phone"


@pytest.mark.parametrize(
    ("answers", "remembers", "calls", "state"),
    [
        ((NotSent("away"), Accepted("")), True, 2, "accepted"),
        ((Unknown("time-out"), Accepted("")), True, 2, "accepted"),
        ((Unknown("time-out"), Accepted("")), False, 1, "uncertain"),
        ((Later(now() + timedelta(hours=1)), Accepted("")), True, 2, "accepted"),
        ((Never("no such number"),), True, 1, "failed"),
        ((Config("wrong key"),), True, 1, "dead"),
    ],
)
def test_what_a_gateway_answers_to_a_code(
    window: Window, answers: tuple[Result, ...], remembers: bool, calls: int, state: str
) -> None:
    other = Window(window.app, Answering(*answers, remembers=remembers))
    other.open(other.ask())
    other.work()
    assert len(other.inbox.sent) == calls and [row[3] for row in other.attempts()] == [state]
    with other.services.database.read() as connection:
        assert connection.execute(select(CHANNEL_PAUSE)).all() == [], "the next code is tried whatever came of this one"


def proxy(window: Window) -> int:
    """A link that the desk made: NAME's bills may be seen by somebody with another phone."""
    with window.services.database.read() as connection:
        clerk = Actor("staff:desk", "收费员甲", connection.scalar(select(UNIT.c.id)) or 0)
    people = Person("陈样英", "000000194809060023", "10000000002"), Person(NAME, NUMBER, PHONE)
    return family.bind_at_desk(window.services, clerk, *people, Ground("proxy", "配偶", "结婚证"))


def looked(window: Window, link_id: int, days: int = 0) -> None:
    """The proxy's look, and the same task twice."""
    task = Task(7, family.TOLD_TOPIC, "k", {"link": link_id}, 1, now() + timedelta(days=days))
    for _ in range(2):
        assert person_notices.proxy_looked(window.services, task) == Done()
    window.work()


def test_a_look_is_told_once_a_day_and_not_after_a_stop_or_the_end(window: Window) -> None:
    link_id = proxy(window)
    with window.services.database.write() as connection:  # quiet all day: what a person wants to know is not held
        parameters.change(connection, "delivery.quiet", "00:00-23:59", Actor("staff:x", "x", 1))
    looked(window, link_id)
    looked(window, link_id)
    assert window.inbox.sent == [(PHONE, "family", {"who": "陈**", "hospital": window.inbox.sent[0][2]["hospital"]})]
    looked(window, link_id, days=1)
    assert len(window.inbox.sent) == 2
    with window.services.database.read() as connection:
        assert stop_address(window.services, connection.scalar(select(func.max(DELIVERY_ATTEMPT.c.id))) or 0)
    looked(window, link_id, days=2)
    assert len(window.inbox.sent) == 2, "who said 不是我 gets no more notices"
    window.open(window.ask())
    window.work()
    assert window.inbox.sent[-1][1] == "code", "but the code that the person asks for"
    with window.services.database.read() as connection:
        clerk = Actor("staff:desk", "收费员甲", connection.scalar(select(UNIT.c.id)) or 0)
    family.revoke_at_desk(window.services, clerk, link_id)
    before = len(window.attempts())
    looked(window, link_id, days=3)
    assert len(window.attempts()) == before


def test_an_answer_is_told_once_and_names_the_hospital_only(window: Window) -> None:
    services = window.services
    with services.database.read() as connection:
        clerk = Actor("staff:desk", "收费员甲", connection.scalar(select(UNIT.c.id)) or 0)
    asked = {"phone": "１0000009999", "text": "查不到"}
    patient_requests.ask(services, window.limits, clerk.unit_id, Asked("missing", asked), "192.0.2.1")
    with services.database.read() as connection:
        request_id = int(connection.scalar(select(func.max(patient_requests.PATIENT_REQUEST.c.id))) or 0)
    patient_requests.answer(services, clerk, request_id, "done", "已补开")
    window.work()
    with services.database.write() as connection:
        again = tasks.row(patient_requests.ANSWERED_TOPIC, "again", {"request": request_id}, now())
        connection.execute(insert(tasks.OUTBOX_TASK), again)
    window.work()
    [(phone, template, params)] = window.inbox.sent
    assert (phone, template, list(params)) == ("10000009999", "answer", ["hospital"])
    assert window.attempts() == [("answer", "sms", "100****9999", "accepted")]
