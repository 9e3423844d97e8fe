"""One text message a visit and phone: later bills join it, follow what becomes of it, and are opened by its link."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.access import parameters
from portal.core.clock import now
from portal.core.ids import new_id
from portal.delivery import jobs, requests
from portal.delivery.channels.sms import Sms
from portal.delivery.engine import messages, receipts, triggers
from portal.delivery.engine.driver import Engine
from portal.delivery.engine.receipts import Receipt
from portal.domain.actor import Actor
from portal.domain.states.delivery import Never, Purpose
from portal.models.tables import BILL, DELIVERY_ATTEMPT
from portal.outbox.tasks import Task
from portal.outbox.worker import Worker
from tests.support.channels import Bench, Scripted
from tests.support.his import His
from tests.support.pages import Pages, Rules
from tests.support.patients import NAME, PERSONAL, PHONE
from tests.support.text_messages import Inbox
from tests.support.window import Window

CLERK = Actor("staff:test", "测试", 1)


def visit(app: Flask, his: His, count: int = 3, **changes: Any) -> list[Bench]:
    """Some bills of one person and day."""
    return [Bench(app, his, f"JV{new_id()}", **changes) for _ in range(count)]


def sent(bench: Bench, passes: int = 2) -> list[tuple[str, str, dict[str, str]]]:
    """What the gateway gets when all that is due is sent."""
    inbox = Inbox()
    bench.run(Sms(bench.services.settings, inbox), passes=passes)  # type: ignore[arg-type]
    return inbox.sent


def states(bench: Bench, *deliveries: int) -> list[str]:
    return [bench.attempts(one)[0][1] for one in deliveries]


def test_twelve_bills_of_a_visit_are_one_message_that_opens_them_all(app: Flask, his: His) -> None:
    benches = visit(app, his, 12)
    deliveries = [bench.open("sms") for bench in benches]
    [(phone, template, params)] = sent(benches[0])
    assert (phone, template, params["what"]) == (PHONE, "bill", "12张票据已开具")
    assert sorted(states(benches[0], *deliveries)) == ["accepted"] + ["joined"] * 11
    assert {benches[0].state(one) for one in deliveries} == {"sent"}, "it follows what became of the message"
    with benches[0].services.database.read() as connection:
        shown = requests.state_for_patient(connection, 1, "bill", benches[-1].bill_id)
    assert [one.words for one in shown] == ["已发出"]
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    opened = pages.submit(pages.get(f"/b/{params['token']}"), {"name": NAME})
    assert opened.text.count("128.50 元") + opened.text.count("128.50<") >= 12, "all of them, by one name"


def test_a_later_bill_joins_what_went_and_a_receipt_is_theirs_too(app: Flask, his: His) -> None:
    first, second = visit(app, his, 2)
    one = first.open("sms")
    assert len(sent(first)) == 1
    two = second.open("sms")
    assert sent(second) == [] and states(first, one, two) == ["accepted", "joined"]
    with first.services.database.read() as connection:
        ref = connection.scalar(select(DELIVERY_ATTEMPT.c.our_ref).where(DELIVERY_ATTEMPT.c.delivery_id == one))
    assert receipts.receive(first.services, Receipt("sms", True, ref=str(ref)))
    assert [first.state(each) for each in (one, two)] == ["done", "done"]


def test_another_person_phone_purpose_or_time_has_a_message_of_its_own(app: Flask, his: His) -> None:
    benches = [
        *visit(app, his, 1),
        *visit(app, his, 1, payer="陈样英"),
        *visit(app, his, 1, tel="10000000009"),
    ]
    for bench in benches:
        bench.open("sms")
    assert len(sent(benches[0])) == 3
    [late, asked] = visit(app, his, 2)
    with late.services.database.write() as connection:
        connection.execute(update(DELIVERY_ATTEMPT).values(created_at=now().replace(year=2025)))
    late.open("sms")
    asked.open("sms", Purpose.NOTICE)
    assert len(sent(late)) == 2
    with late.services.database.write() as connection:
        parameters.change(connection, "delivery.join-minutes", "0", CLERK)
    for bench in visit(app, his, 2):
        bench.open("sms")
    assert len(sent(late)) == 2, "a unit may have one message a bill"


def test_when_the_first_is_taken_back_the_next_one_carries_the_message(app: Flask, his: His) -> None:
    first, second, third = visit(app, his)
    channel, deliveries = Scripted("sms", address=PHONE), []
    for bench in (first, second, third):
        deliveries.append(bench.open("sms"))
        _begin(bench, channel)
    assert states(first, *deliveries) == ["queued", "joined", "joined"]
    window = Window(his)
    with first.services.database.read() as connection:
        row = connection.execute(select(BILL).where(BILL.c.id == first.bill_id)).one()
    assert window.red({"billBatchCode": row.bill_code, "billNo": f"{row.number:010d}"}).ok
    triggers.reversed_bill(first.services, Task(1, "t", "k", {"bill": first.bill_id}, 1, now()))
    assert states(first, *deliveries) == ["stopped", "queued", "joined"]
    first.run(channel)
    assert [call.target.object_id for call in channel.calls] == [second.bill_id]
    assert channel.calls[0].joined == 1 and states(first, *deliveries) == ["stopped", "accepted", "joined"]


def _begin(bench: Bench, channel: Scripted) -> None:
    """Queue the messages of what was opened, without sending any."""
    engine = Engine([channel])
    handlers = {topic: work for topic, work in engine.handlers().items() if topic == "delivery.next"}
    Worker(bench.services, handlers, threads=1).drain()


def test_not_me_takes_back_those_that_joined(app: Flask, his: His) -> None:
    first, second = visit(app, his, 2)
    earlier = first.open("sms", Purpose.NOTICE)
    channel = Scripted("sms", address=PHONE)
    first.run(channel)
    deliveries = [first.open("sms"), second.open("sms")]
    _begin(first, channel)
    token = channel.calls[0].stop_link.rsplit("/", 1)[1]
    requests.stop_address(first.services, messages.attempt_of(first.services, token) or 0)
    first.run(channel)
    assert states(first, earlier, *deliveries) == ["accepted", "stopped", "stopped"] and len(channel.calls) == 1


def test_when_the_message_fails_each_bill_goes_on_by_its_next_channel(app: Flask, his: His) -> None:
    first, second = visit(app, his, 2)
    deliveries = [first.open("sms mail"), second.open("sms mail")]
    text, mail = Scripted("sms", [Never("no such phone")], address=PHONE), Scripted("mail")
    first.run(text, mail)
    assert len(text.calls) == 1 and sorted(call.target.object_id for call in mail.calls) == [
        first.bill_id,
        second.bill_id,
    ]
    assert [first.attempts(one)[1][:2] for one in deliveries] == [("mail", "accepted")] * 2


def test_who_waits_for_a_bill_gets_one_message_at_once(app: Flask, his: His) -> None:
    """好了告诉我 at night: the notice that waits for the morning is sent now, and is the only one."""
    [bench] = visit(app, his, 1)
    with bench.services.database.write() as connection:
        parameters.change(connection, "delivery.quiet", "00:00-23:59", CLERK)
    inbox = Inbox()
    bench.open("sms")
    worker = Worker(bench.services, jobs.with_engine(inbox.engine(app)), threads=1)
    worker.drain()
    assert inbox.sent == []
    bench.open("sms", Purpose.READY)
    worker.drain()
    assert len(inbox.sent) == 1
    bench.run(Sms(bench.services.settings, inbox))  # type: ignore[arg-type]
    assert len(inbox.sent) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_joined_bill_whose_links_were_revoked_is_not_opened(app: Flask, his: His) -> None:
    first, second = visit(app, his, 2)
    first.open("sms")
    [(_, _, params)] = sent(first)
    second.open("sms")
    assert sent(second) == []
    with first.services.database.write() as connection:
        connection.execute(update(BILL).where(BILL.c.id == second.bill_id).values(link_generation=1))
    pages = Pages(app.test_client(), Rules(personal=PERSONAL))
    assert "查真伪要填的内容" in pages.submit(pages.get(f"/b/{params['token']}"), {"name": NAME}).text
