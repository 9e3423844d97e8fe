"""One-time codes: what was not sent is worth nothing, an earlier one stays good, and a day holds few wrong ones."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.access import parameters
from portal.core.clock import now
from portal.delivery.code_messages import CodeMessages
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import normalise_name
from portal.ledger import persons
from portal.models.tables import AUDIT_ENTRY, ONE_TIME_CODE
from portal.outbox.tasks import Done, Retry, Task
from portal.retrieval.proof import identify, sessions
from portal.retrieval.proof.identify import SMS_TOPIC
from tests.support.his import His, outpatient
from tests.support.text_messages import Inbox

NAME, NUMBER = "林演安", "000000195203150010"
OTHER = "000000194809060023"


@pytest.fixture
def desk(app: Flask, his: His) -> SimpleNamespace:
    """Sessions that ask for a code, the task that sends it, and what was to be sent."""
    assert his.call("invoiceEBillOutpatient", outpatient("CODES")).ok
    runtime = app.extensions["qupiao"]
    services, limits = runtime.services, runtime.limits
    sender = CodeMessages(limits, Inbox().engine(app))

    def ask(number: str = NUMBER) -> sessions.Session:
        claim = identify.Claim(
            persons.number_digest(services, number).hex(),
            services.index.digest("name", normalise_name(NAME)).hex(),
        )
        with services.database.write() as connection:
            cookie = identify.begin_on(services, connection, 1, claim)
        with services.database.read() as connection:
            found = sessions.read(services, connection, cookie)
        assert found is not None
        return found

    def newest() -> tuple[int, str]:
        with services.database.read() as connection:
            row = connection.execute(select(ONE_TIME_CODE).order_by(ONE_TIME_CODE.c.id.desc()).limit(1)).one()
        return row.id, services.cipher.decrypt_text("one_time_code.code", row.id, row.code)

    def send(code_id: int) -> object:
        return sender(services, Task(1, SMS_TOPIC, "k", {"code": code_id}, 1, now()))

    def typed(session: sessions.Session, code: str) -> str:
        try:
            identify.confirm(services, limits, session, code)
        except Refusal as refusal:
            return refusal.code
        return "in"

    return SimpleNamespace(ask=ask, newest=newest, send=send, typed=typed, services=services)


def test_a_code_that_was_not_sent_is_worth_nothing(desk: SimpleNamespace) -> None:
    first = desk.ask()
    sent = desk.newest()
    assert isinstance(desk.send(sent[0]), Done)
    second = desk.ask()
    unsent = desk.newest()
    assert isinstance(desk.send(unsent[0]), Done), "the phone has had its message of this minute"
    assert desk.typed(second, unsent[1]) == "CODE_WRONG"
    assert desk.typed(first, sent[1]) == "in", "the one that was sent is still good"


def test_two_codes_of_one_session_break_nothing_and_both_count(app: Flask, desk: SimpleNamespace) -> None:
    session = desk.ask()
    earlier = desk.newest()
    desk.send(earlier[0])
    with desk.services.database.write() as connection:
        identify.send_code(desk.services, connection, session.digest)
        connection.exec_driver_sql("DELETE FROM attempt_count")
    later = desk.newest()
    app.extensions["qupiao"].limits.give_back("none", 60)
    sender = CodeMessages(app.extensions["qupiao"].limits, Inbox().engine(app))
    sender(desk.services, Task(1, SMS_TOPIC, "k", {"code": later[0]}, 2, now()))
    wrong = next(f"{n:06d}" for n in range(3) if f"{n:06d}" not in (earlier[1], later[1]))
    assert desk.typed(session, wrong) == "CODE_WRONG"
    assert desk.typed(session, earlier[1]) == "in", "the first may come last, or be the one that was read"


def test_wrong_codes_of_a_day_are_few_whoever_is_asked_for(desk: SimpleNamespace) -> None:
    """Known or unknown, over however many codes: twenty, then not even the right one."""
    for number in (NUMBER, OTHER):
        for _ in range(4):
            session = desk.ask(number)
            assert [desk.typed(session, "nonsense") for _ in range(5)] == ["CODE_WRONG"] * 5
        session = desk.ask(number)
        assert desk.typed(session, desk.newest()[1]) == "TRY_LATER"


def test_the_hospital_pays_for_no_flood(app: Flask, desk: SimpleNamespace, his: His) -> None:
    with desk.services.database.write() as connection:
        parameters.change(connection, "codes.most-minute", "2", Actor("staff:test", "", 1))
    outcomes = []
    for place in range(4):
        number = f"00000019520315{place:03d}X"
        assert his.call("invoiceEBillOutpatient", outpatient(f"F{place}", cardNo=number, tel=f"1000000011{place}")).ok
        desk.ask(number)
        outcomes.append(type(desk.send(desk.newest()[0])))
    assert outcomes == [Done, Done, Retry, Retry], "the rest waits, and is not lost"
    with desk.services.database.read() as connection:
        told = select(func.count()).where(AUDIT_ENTRY.c.action == "codes.many")
        assert connection.scalar(told) == 1
