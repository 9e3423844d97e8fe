"""The delivery engine: nine outcomes, the order of channels, receipts, crashes between call and commit, reversal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from portal.access import parameters
from portal.core.clock import now
from portal.delivery import jobs, operations, requests
from portal.delivery.engine import messages, receipts, triggers
from portal.delivery.engine.deliveries import NEXT_TOPIC
from portal.delivery.engine.driver import Engine
from portal.delivery.engine.receipts import Receipt
from portal.domain.actor import Actor
from portal.domain.states.delivery import (
    Accepted,
    Arrived,
    Bug,
    Config,
    Later,
    NeedUser,
    Never,
    NotSent,
    Purpose,
    Unknown,
)
from portal.ledger import bills
from portal.models.tables import CHANNEL_PAUSE, DELIVERY, DELIVERY_ATTEMPT
from portal.outbox.tasks import Task, enqueue
from portal.outbox.worker import Worker
from tests.support.channels import Bench, Scripted, ScriptedAsking
from tests.support.console import Console
from tests.support.his import His

CLERK = Actor("staff:test", "测试", 1)


def test_each_outcome_ends_in_its_named_state(app: Flask, his: His) -> None:
    """One bill and one delivery per outcome; the second channel shows whether the next one goes."""
    at = now() + timedelta(hours=5)
    cases = {
        "accepted": ([Accepted("r1")], ("accepted", "accepted", 1, 0), False, "sent"),
        "done": ([Arrived("r2")], ("delivered", "done", 1, 0), False, "done"),
        "retry": ([NotSent("busy"), NotSent("busy"), Accepted()], ("accepted", "accepted", 3, 0), False, "sent"),
        "worn-out": ([NotSent("busy")], ("dead", "retry", 4, 0), True, "sent"),
        "never": ([Never("blocked", "43004")], ("failed", "never", 1, 0), True, "sent"),
        "user": ([NeedUser("subscribe")], ("parked", "user", 1, 0), True, "sent"),
        "bug": ([Bug("thing2", "47003")], ("dead", "bug", 1, 0), True, "sent"),
        "later": ([Later(at, "quota")], ("stopped", "later", 1, 0), True, "sent"),
        "unknown": ([Unknown("time-out")], ("uncertain", "unknown", 2, 1), True, "sent"),
        "unknown-once": ([Unknown("time-out"), Accepted()], ("accepted", "accepted", 2, 1), False, "sent"),
        "exception": ([RuntimeError("phone 10000000001")], ("uncertain", "unknown", 2, 1), True, "sent"),
    }
    for name, (answers, first, second_goes, state) in cases.items():
        bench = Bench(app, his, f"OUT-{name}")
        one, two = Scripted("one", answers), Scripted("two")
        delivery = bench.open("one two")
        bench.run(one, two)
        found = bench.attempts(delivery)
        assert found[0] == ("one", *first), name
        assert bool(two.calls) is second_goes, name
        assert bench.state(delivery) == state, name
        assert len({call.ref for call in one.calls}) == 1, "every try tells the same number"


def test_a_channel_that_is_not_set_up_is_passed_over_by_its_name(app: Flask, his: His) -> None:
    """And who looks at the delivery reads words, not codes."""
    bench = Bench(app, his, "NAMED")
    delivery = bench.open("alipay-life sms")
    bench.run(Scripted("sms", address="100****0001"))
    page = Console(app, "keeper").get(f"/console/delivery/deliveries/{delivery}").text
    assert bench.state(delivery) == "sent" and "支付宝生活号：未接入" in page
    assert "worker:" not in page and "alipay-life" not in page


def test_a_stopped_channel_keeps_its_queue_until_it_is_resumed(app: Flask, his: His) -> None:
    bench, other = Bench(app, his, "CFG1"), Bench(app, his, "CFG2")
    channel = Scripted("one", [Config("template withdrawn", "40037"), Accepted()])
    deliveries = [bench.open("one"), other.open("one")]
    bench.run(channel, passes=3)
    assert len(channel.calls) == 1, "nobody tries a channel that stands still"
    assert [bench.attempts(one)[0][1] for one in deliveries] == ["held", "held"]
    with bench.services.database.write() as connection:
        assert connection.execute(select(CHANNEL_PAUSE.c.code)).scalar_one() == "40037"
        connection.execute(CHANNEL_PAUSE.delete())
    bench.run(channel, passes=2)
    assert [bench.state(one) for one in deliveries] == ["sent", "sent"] and len(channel.calls) == 3


def test_without_a_receipt_the_next_channel_goes_and_a_bounce_calls_it_at_once(app: Flask, his: His) -> None:
    day = timedelta(hours=72)
    silent, bounced, told = (Bench(app, his, f"REC{number}") for number in range(3))
    one, two = Scripted("one", receipt_within=day), Scripted("two", receipt_within=day)
    waits = silent.open("one:10 two")
    silent.run(one, two)
    assert [row[:2] for row in silent.attempts(waits)] == [("one", "accepted"), ("two", "accepted")]
    assert silent.state(waits) == "open"
    with silent.services.database.write() as connection:
        connection.execute(
            update(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.delivery_id == waits).values(next_at=now())
        )
    receipts.sweep(silent.services, None)  # type: ignore[arg-type]
    assert {row[1] for row in silent.attempts(waits)} == {"expired"} and silent.state(waits) == "sent"
    assert receipts.receive(silent.services, Receipt("two", True, two.calls[0].ref)), "a late receipt still counts"
    assert silent.state(waits) == "done"

    refused = bounced.open("one two")
    bounced.run(one, two)
    assert [row[:2] for row in bounced.attempts(refused)] == [("one", "accepted")], "no wait, so only a failure counts"
    for _ in range(2):
        assert receipts.receive(bounced.services, Receipt("one", False, one.calls[-1].ref, code="550"))
    bounced.run(one, two)
    assert [row[:2] for row in bounced.attempts(refused)] == [("one", "failed"), ("two", "accepted")]

    good = told.open("one:10 two")
    Worker(told.services, jobs.with_engine(Engine([one, two])), threads=1).drain()
    assert receipts.receive(told.services, Receipt("one", True, one.calls[-1].ref))
    told.run(one, two)
    assert told.attempts(good) == [("one", "delivered", "receipt", 1, 0)] and told.state(good) == "done"
    assert not receipts.receive(told.services, Receipt("one", True, "qp1")), "a receipt of nobody's changes nothing"


@contextmanager
def killed_between_call_and_commit(bench: Bench, channel: Scripted) -> Iterator[None]:
    """What is left when a worker dies after the provider took the message and before that is written down."""
    engine = Engine([channel])
    worker = Worker(bench.services, {NEXT_TOPIC: engine.handlers()[NEXT_TOPIC]}, threads=1)
    worker.drain()
    with bench.services.database.read() as connection:
        attempt_id = connection.scalar(select(DELIVERY_ATTEMPT.c.id).order_by(DELIVERY_ATTEMPT.c.id.desc()).limit(1))
    taken = engine._take(channel, bench.services, attempt_id)
    channel.send(bench.services, taken.message)  # type: ignore[union-attr]
    yield


def test_a_crash_after_the_call_is_a_question_or_one_repeat_with_the_same_number(app: Flask, his: His) -> None:
    remembers, asked, missing, blind, forgets = (Bench(app, his, f"KILL{number}") for number in range(5))
    known = Scripted("known", [Accepted()], remembers=float("inf"))
    delivery = remembers.open("known")
    with killed_between_call_and_commit(remembers, known):
        remembers.run(known)
    assert remembers.attempts(delivery) == [("known", "accepted", "accepted", 2, 0)]
    assert len({call.ref for call in known.calls}) == 1

    there = ScriptedAsking("there", [Accepted("x")], [Unknown("not yet"), Accepted("found")])
    delivery = asked.open("there")
    with killed_between_call_and_commit(asked, there):
        asked.run(there)
    assert asked.attempts(delivery) == [("there", "accepted", "accepted", 1, 0)] and len(there.calls) == 1

    gone = ScriptedAsking("gone", [Accepted("x")], [None])
    delivery = missing.open("gone")
    with killed_between_call_and_commit(missing, gone):
        missing.run(gone)
    assert missing.attempts(delivery) == [("gone", "accepted", "accepted", 2, 0)] and len(gone.questions) == 1

    once = Scripted("once", [Accepted(), Unknown("time-out"), Unknown("time-out"), Accepted()])
    delivery = blind.open("once")
    with killed_between_call_and_commit(blind, once):
        blind.run(once)
    assert blind.attempts(delivery) == [("once", "uncertain", "unknown", 2, 1)], "never a second blind repeat"

    plain = Scripted("plain", [Accepted()], once_more=False)
    delivery = forgets.open("plain")
    with killed_between_call_and_commit(forgets, plain):
        forgets.run(plain)
    assert forgets.attempts(delivery) == [("plain", "uncertain", "unknown", 1, 0)]
    assert len(plain.calls) == 1, "whose readers would be shown it twice is not repeated to"


def test_a_reversal_stops_what_waits_and_tells_who_got_the_bill(app: Flask, his: His) -> None:
    bench, waiting = Bench(app, his, "REV1"), Bench(app, his, "REV2")
    one, two = Scripted("one", receipt_within=timedelta(hours=1)), Scripted("two", address="other")
    got, queued = bench.open("one:10 two"), waiting.open("one")
    Worker(bench.services, jobs.with_engine(Engine([one, two])), threads=1).drain()
    with waiting.services.database.write() as connection:
        held = DELIVERY_ATTEMPT.c.delivery_id == queued
        connection.execute(update(DELIVERY_ATTEMPT).where(held).values(state="queued", tries=0, sent_at=None))
    for delivered in (bench, waiting):
        with delivered.services.database.read() as connection:
            facts = bills.by_id(connection, delivered.bill_id)
        assert facts is not None
        body = {"billBatchCode": facts.code, "billNo": facts.number, "random": facts.check_code, "reason": "退费"}
        body |= {"operator": "甲", "busDateTime": "20261124100000000", "placeCode": "01"}
        assert delivered.his.call("writeOffEBill", body).ok
    bench.run(one, two)
    assert bench.attempts(got) == [("one", "accepted", "accepted", 1, 0)], "the channel after it is not begun any more"
    assert waiting.state(queued) == "stopped" and len(two.calls) == 0
    told = [call for call in one.calls if call.purpose is Purpose.REVERSED]
    assert [call.target.object_id for call in told] == [bench.bill_id], "only who got the bill hears that it is gone"
    with bench.services.database.write() as connection:
        enqueue(connection, jobs.REVERSED, "again", {"bill": bench.bill_id})
    bench.run(one, two)
    assert len([call for call in one.calls if call.purpose is Purpose.REVERSED]) == 1


def test_settings_decide_when_whom_and_at_what_hour(app: Flask, his: His) -> None:
    bench = Bench(app, his, "SET1")
    services, channel = bench.services, Scripted("sms", address="10000000001", disturbs=True)
    task = Task(1, "bill.supervised", "k", {"bill": bench.bill_id}, 1, now())

    def opened() -> list[int]:
        with services.database.read() as connection:
            return list(connection.scalars(select(DELIVERY.c.id).where(DELIVERY.c.object_id == bench.bill_id)))

    def sets(key: str, text: str) -> None:
        with services.database.write() as connection:
            parameters.change(connection, key, text, CLERK)

    triggers.issued(services, task)
    assert opened() == [], "the default waits for 监制"
    sets("delivery.auto", "0")
    triggers.supervised(services, task)
    assert opened() == []
    sets("delivery.auto", "1")
    sets("delivery.order", "wechat:10 sms")
    begin, end = now() - timedelta(minutes=5), now() + timedelta(minutes=5)
    clock = [f"{(moment + timedelta(hours=8)):%H:%M}" for moment in (begin, end)]
    sets("delivery.quiet", "-".join(clock))
    for _ in range(2):
        triggers.supervised(services, task)
    assert len(opened()) == 1
    Worker(services, jobs.with_engine(Engine([channel])), threads=1).drain()
    assert channel.calls == [] and bench.attempts(opened()[0]) == [("sms", "queued", "", 0, 0)]
    bench.run(channel)
    assert len(channel.calls) == 1 and channel.calls[0].recipient == "10000000001"


def test_not_me_takes_back_what_waits_and_stops_what_comes(app: Flask, his: His) -> None:
    bench, later = Bench(app, his, "STOP1"), Bench(app, his, "STOP2")
    channel = Scripted("one")
    bench.open("one")
    bench.run(channel, passes=1)
    token = channel.calls[0].stop_link.rsplit("/", 1)[1]
    assert messages.attempt_of(bench.services, token) is not None
    for wrong in ("", token[:-1], token[:-1] + ("A" if token[-1] != "A" else "B"), "A" * 32, "一" * 32):
        assert messages.attempt_of(bench.services, wrong) is None
    attempt_id = messages.attempt_of(bench.services, token)
    assert attempt_id is not None
    assert requests.stop_address(bench.services, attempt_id) and requests.stop_address(bench.services, attempt_id)
    delivery = later.open("one")
    later.run(channel)
    assert later.attempts(delivery) == [] and later.state(delivery) == "failed" and len(channel.calls) == 1
    requests.allow_again(bench.services, CLERK, "one", attempt_id)
    again = later.open("one", Purpose.NOTICE)
    later.run(channel)
    assert later.state(again) == "sent"


def test_what_a_patient_asks_for_twice_is_sent_once(app: Flask, his: His) -> None:
    bench, limits = Bench(app, his, "ASK1"), app.extensions["qupiao"].limits
    channel = Scripted("mail", address="")
    first = requests.send_bill_by_mail(bench.services, limits, CLERK, bench.bill_id, " someone@example.com ")
    second = requests.send_bill_by_mail(bench.services, limits, CLERK, bench.bill_id, "someone@example.com")
    assert first.new and not second.new and first.delivery_id == second.delivery_id
    with bench.services.database.read() as connection:
        waits = requests.state_for_patient(connection, 1, "bill", bench.bill_id, first.delivery_id)
    assert [one.words for one in waits] == ["正在发送"]
    bench.run(channel)
    with bench.services.database.read() as connection:
        shown = requests.state_for_patient(connection, 1, "bill", bench.bill_id)
    assert [(one.words, one.masked) for one in shown] == [("已发出", "s***@example.com")]
    assert channel.calls[0].recipient == "someone@example.com"


def test_addresses_are_forgotten_in_time(app: Flask, his: His) -> None:
    """Ninety days after a message's end; until then it may be sent again."""
    bench, limits = Bench(app, his, "FORGET"), app.extensions["qupiao"].limits
    asked = requests.send_bill_by_mail(bench.services, limits, CLERK, bench.bill_id, "someone@example.com")
    bench.run(Scripted("mail", [Never("没有这个邮箱", "550")], address=""))
    attempt_id = bench.attempt_id(asked.delivery_id)

    def kept() -> list[bool]:
        with bench.services.database.read() as connection:
            both = select(DELIVERY_ATTEMPT.c.recipient, DELIVERY.c.recipient).join(DELIVERY)
            return [one is not None for one in connection.execute(both).one()]

    def clean(age: timedelta) -> None:
        with bench.services.database.write() as connection:
            for table in (DELIVERY_ATTEMPT, DELIVERY):
                connection.execute(update(table).values(ended_at=now() - age))
            operations.clean(connection)

    clean(operations.KEPT - timedelta(minutes=1))
    assert kept() == [True, True]
    clean(operations.KEPT + timedelta(minutes=1))
    assert kept() == [False, False]
    assert operations.send_again(bench.services, CLERK, [attempt_id]) == 0


def test_a_repeat_comes_while_the_provider_knows_our_number(app: Flask, his: His) -> None:
    """Once a try may have gone out, no pause leads beyond the time for which the provider takes a repeat as one.

    Before that, a provider that is only busy may take as long as it likes.
    """
    bench = Bench(app, his, "WINDOW")
    answers = [NotSent("busy"), Unknown("answer lost"), NotSent("busy"), Unknown("answer lost"), Accepted()]
    channel = Scripted("one", answers, remembers=60.0, pauses=(3600.0,) * 9)
    delivery = bench.open("one")

    def pause() -> float:
        Worker(bench.services, jobs.with_engine(Engine([channel])), threads=1).drain()
        with bench.services.database.read() as connection:
            row = connection.execute(
                select(DELIVERY_ATTEMPT.c.next_at).where(DELIVERY_ATTEMPT.c.delivery_id == delivery)
            ).one()
        bench.pass_time()
        return (row.next_at - now()).total_seconds() if row.next_at else 0.0

    assert pause() > 2_000
    assert all(0 < pause() <= 31 for _ in range(3))
    assert pause() == 0.0 and bench.attempts(delivery)[0][:2] == ("one", "accepted")


def test_what_comes_after_an_unknown_does_not_make_it_forgotten(app: Flask, his: His) -> None:
    """Once a message may be out, its repeat beyond the provider's memory counts as the one blind repeat: whether a
    quota, a standstill, being busy after either, or a dead worker took the time; never a third possible message."""
    tomorrow, lost = now() + timedelta(hours=20), Unknown("answer lost")
    between = {
        "later": [Later(tomorrow, "quota")],
        "config": [Config("template withdrawn", "40037")],
        "later-busy": [Later(tomorrow, "quota"), NotSent("busy"), NotSent("busy")],
        "config-busy": [Config("template withdrawn", "40037"), NotSent("busy")],
        "nobody": [],
    }
    for name, answers in between.items():
        bench = Bench(app, his, f"UNSURE-{name}")
        channel = Scripted("one", [lost, *answers, lost], remembers=60.0, pauses=(5.0,) * 9)
        delivery = bench.open("one")
        bench.run(channel, passes=1)
        for _ in range(8):
            with bench.services.database.write() as connection:
                connection.execute(CHANNEL_PAUSE.delete())
            an_hour_passes(bench)
            bench.run(channel, passes=1)
        assert bench.attempts(delivery)[0][1:3] == ("uncertain", "unknown"), name
        possible = len(channel.calls) - len(answers)
        assert possible <= 2, f"{name}: {possible} messages may have gone out"
    clear, busy = Bench(app, his, "SURE"), Scripted("one", [Later(tomorrow, "quota"), lost, Accepted()], remembers=60.0)
    delivery = clear.open("one")
    clear.run(busy, passes=1)
    an_hour_passes(clear)
    clear.run(busy, passes=2)
    assert clear.attempts(delivery) == [("one", "accepted", "accepted", 3, 0)], "a refusal alone leaves nothing unsure"


def an_hour_passes(bench: Bench) -> None:
    """Since the first try that may have gone out."""
    with bench.services.database.write() as connection:
        connection.execute(
            update(DELIVERY_ATTEMPT)
            .where(DELIVERY_ATTEMPT.c.sent_at.is_not(None))
            .values(sent_at=now() - timedelta(hours=1))
        )


def test_a_question_that_could_not_be_put_is_put_again(app: Flask, his: His) -> None:
    """A quota or a wrong set-up met while asking says nothing about the message: it is not sent once more for it."""
    bench = Bench(app, his, "ASK-LATER")
    at = now() + timedelta(hours=5)
    channel = ScriptedAsking("one", [Unknown("lost")], [Later(at, "quota"), Config("set-up"), Accepted("found")])
    delivery = bench.open("one")
    bench.run(channel)
    assert bench.attempts(delivery) == [("one", "accepted", "accepted", 1, 0)]
    assert (len(channel.calls), len(channel.questions)) == (1, 3)
