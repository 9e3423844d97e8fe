"""Push to APPs: signed, at least once, de-duplicated over there by the number of the event; names nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.access import parameters
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery import jobs, operations
from portal.delivery.channels.app import AppPush
from portal.delivery.engine import triggers
from portal.delivery.engine.driver import Engine
from portal.delivery.push import targets
from portal.delivery.push.events import EVENTS, EXCHANGED, FIELDS, ISSUED, REVERSED, sample
from portal.delivery.push.targets import Facts
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet
from portal.domain.states.bills import ReversalReason
from portal.domain.states.delivery import Purpose
from portal.issuing.bills.reverse import Order, reverse
from portal.issuing.paper import exchange
from portal.issuing.paper.exchange import Ending, Exchange
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, PUSH_TARGET
from portal.outbox.worker import Worker
from tests.support import codes
from tests.support.channels import Bench
from tests.support.his import His
from tests.support.processes.simulators import Simulators, running_simulators
from tests.support.vouchers import settlement

ACTOR = Actor("staff:system", "系统管理员", 1)
ANYBODY = ("林", "内科", "000000195203150010")
CODE = codes.PAPER


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """The receivers."""
    with running_simulators(tmp_path / "simulators") as started:
        yield started


def facts(simulators: Simulators, name: str, *events: str, **changes: Any) -> Facts:
    """What somebody sets of a target behind the simulator."""
    values = {"active": True, "receipts": False, "tries": 7, "consent": ""} | changes
    return Facts(name, simulators.url("/push/events"), events=events or tuple(EVENTS), **values)


def target(services: Services, simulators: Simulators, wanted: Facts, id_field: str = "event_id") -> int:
    """A target whose key the receiver knows."""
    target_id = targets.create(services, ACTOR, wanted)
    key_id, key = targets.look(services, ACTOR, target_id)
    simulators.post("/push/receivers", {"key_id": key_id, "key": key, "id_field": id_field})
    return target_id


def work(services: Services, *passes: Bench) -> None:
    """Everything of delivery that is due, and what waits for a time."""
    engine = Engine([AppPush(services.settings)])
    for _ in range(3):
        Worker(services, jobs.with_engine(engine), threads=1).drain()
        for bench in passes:
            bench.pass_time()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_event_arrives_once_whatever_fails(app: Flask, his: His, simulators: Simulators) -> None:
    bench, other, wrong = (Bench(app, his, f"PUSH{number}", patientId=f"P{number}") for number in range(3))
    target(bench.services, simulators, facts(simulators, "医院 APP"))
    channel = AppPush(DemoSettings())
    simulators.faults("push", down={"count": 1}, answer_lost={"count": 1})
    first, gone = bench.open("app"), other.open("app", Purpose.REVERSED)
    bench.run(channel, passes=5)
    assert bench.attempts(first)[0][1] == "accepted" and other.attempts(gone)[0][1] == "accepted"
    found = simulators.get("/push/messages")
    assert sorted(one["event"] for one in found) == ["bill.issued", "bill.reversed"]
    assert {one["patient_id"] for one in found} == {"P0", "P1"} and found[0]["amount"] == "128.50"
    assert not any(word in str(found) for word in ANYBODY)
    assert "收到" in simulators.page("/push")
    targets.renew(bench.services, ACTOR, 1)
    targets.change_over(bench.services, ACTOR, 1)
    stopped = wrong.open("app")
    wrong.run(channel, passes=1)
    assert wrong.attempts(stopped)[0][1:3] == ("held", "config"), "the receiver does not know the new key"


def test_the_settings_receiver_becomes_the_first_target_once(app: Flask) -> None:
    """What an installation had before there were targets goes on: address, key id and key; then the console rules."""
    services: Services = app.extensions["qupiao"].services
    targets.adopt(services)
    with services.database.read() as connection:
        row = targets.by_code(connection, 1, "app")
    assert row is not None and row.url == services.settings.push and row.active and row.events == list(EVENTS)
    assert (row.key_id, targets.keys(services, row)) == ("QPDEMO", ("DEMO_PUSH_KEY",))
    assert b"DEMO_PUSH_KEY" not in row.key
    changed = Facts("医院 APP", row.url, False, (ISSUED,), False, 4, "")
    assert targets.change(services, ACTOR, row.id, changed) and not targets.change(services, ACTOR, row.id, changed)
    targets.adopt(services)
    with services.database.read() as connection:
        assert [(one.code, one.active) for one in targets.of_unit(connection, 1)] == [("app", False)]


def test_every_target_hears_what_it_wants_under_its_own_names(app: Flask, his: His, simulators: Simulators) -> None:
    """Issue, exchange and reversal, told to the hospital; a bank wants only issue, under its own names, signed by its
    own key; one that is off and a bill without a patient number are left alone."""
    services: Services = app.extensions["qupiao"].services
    hospital = target(services, simulators, facts(simulators, "医院 APP"))
    bank_facts = facts(simulators, "银行", ISSUED, consent="开通协议第 3 条")
    bank = target(services, simulators, bank_facts, "eventNo")
    target(services, simulators, facts(simulators, "停用的", active=False))
    names = dict(zip(FIELDS, FIELDS, strict=True)) | {"event_id": "eventNo", "amount": "amt", "check_code": ""}
    assert targets.rename(services, ACTOR, bank, names)
    stay = Bench(app, his, "STAY1", patientId="P7")
    nobody = Bench(app, his, "NOBODY1", patientId="")
    for bench in (stay, nobody):
        triggers._tell(services, bench.bill_id, waited=True)
    work(services, stay)
    sheet = Sheet(CODE, 100001)
    exchange.exchange(services, ACTOR, Exchange(stay.bill_id, "01", sheet, confirmed=True))
    work(services, stay)
    work(services, stay)
    exchange.void(services, ACTOR, Ending(sheet, "退费"))
    reverse(services, ACTOR, Order(stay.bill_id, "01", ReversalReason.REFUND, "", limit_fen=10**9))
    work(services, stay)
    told = simulators.get("/push/messages")
    assert not any(word in str(told) for word in ANYBODY)
    theirs = [one for one in told if "eventNo" in one]
    ours = sorted((one for one in told if "event_id" in one), key=lambda one: one["sequence"])
    assert [one["event"] for one in theirs] == [ISSUED] and theirs[0]["amt"] == "128.50"
    assert "check_code" not in theirs[0] and "amount" not in theirs[0]
    assert [(one["event"], one["sequence"]) for one in ours] == [(ISSUED, 1), (EXCHANGED, 2), (REVERSED, 3)]
    assert len({one["event_id"] for one in ours}) == 3 and {one["attempts"] for one in told} == {1}
    assert set(ours[0]) == {*FIELDS, "attempts"} and ours[0]["patient_id"] == "P7"
    assert ours[0]["view_url"].startswith(f"{services.settings.outside}/t/")
    lasts = datetime.fromisoformat(ours[0]["expires_at"]) - now()
    assert timedelta(days=29) < lasts <= timedelta(days=30)
    page = app.test_client().get(ours[0]["view_url"].removeprefix(services.settings.outside))
    assert page.status_code == 200 and "林演安" not in page.text, "it asks who is there"
    with services.database.read() as connection:
        codes = connection.scalars(select(DELIVERY_ATTEMPT.c.channel).order_by(DELIVERY_ATTEMPT.c.id)).all()
    assert sorted(codes) == ["app", "app", "app", "app-2"] and hospital != bank


def test_a_stay_names_its_visit_and_a_target_in_the_order_is_told_only_there(
    app: Flask, his: His, simulators: Simulators
) -> None:
    services: Services = app.extensions["qupiao"].services
    target(services, simulators, facts(simulators, "医院 APP"))
    assert his.call("invEBillHospitalized", settlement("ZY900", patientId="P8", visitNo="ZY900-1")).ok
    with services.database.read() as connection:
        bill_id = connection.execute(select(BILL.c.id).where(BILL.c.serial == "ZY900")).scalar_one()

    with services.database.write() as connection:
        parameters.change(connection, "delivery.order", "app:10 sms", ACTOR)
        parameters.change(connection, "delivery.quiet", "", ACTOR)
    triggers._tell(services, bill_id, waited=True)
    work(services)
    assert [one["visit_no"] for one in simulators.get("/push/messages")] == ["ZY900-1"]
    with services.database.read() as connection:
        assert connection.execute(select(DELIVERY.c.policy)).all() == [([["app", 600], ["sms", 0]],)]


def test_a_reversal_is_not_told_to_whom_the_bill_never_was(app: Flask, his: His, simulators: Simulators) -> None:
    services: Services = app.extensions["qupiao"].services
    bench = Bench(app, his, "NEVER1", patientId="P1")
    target(services, simulators, facts(simulators, "医院 APP"))
    target(services, simulators, facts(simulators, "只听冲红", REVERSED))
    reverse(services, ACTOR, Order(bench.bill_id, "01", ReversalReason.REFUND, "", limit_fen=10**9))
    work(services, bench)
    with services.database.read() as connection:
        assert connection.scalars(select(DELIVERY_ATTEMPT.c.channel)).all() == ["app-2"]


def test_one_that_is_down_holds_up_nobody_and_gives_up_by_its_own_policy(
    app: Flask, his: His, simulators: Simulators
) -> None:
    """A refused key stops one target only; one that stays down makes a dead letter that a person sends again."""
    services: Services = app.extensions["qupiao"].services
    benches = [Bench(app, his, f"DOWN{number}", patientId=f"P{number}") for number in range(2)]
    good = target(services, simulators, facts(simulators, "医院 APP"))
    targets.create(services, ACTOR, facts(simulators, "密钥没交付的"))
    for bench in benches:
        triggers._tell(services, bench.bill_id, waited=True)
        work(services, bench)
    with services.database.read() as connection:
        states = dict(connection.execute(select(DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.state).distinct()).all())
    assert states == {"app": "accepted", "app-2": "held"}
    simulators.faults("push", down=True)
    assert targets.change(services, ACTOR, good, facts(simulators, "医院 APP", tries=4))
    late = Bench(app, his, "DOWN9", patientId="P9")
    triggers._tell(services, late.bill_id, waited=True)
    work(services, late)
    work(services, late)
    with services.database.read() as connection:
        dead = connection.scalars(select(DELIVERY_ATTEMPT.c.id).where(DELIVERY_ATTEMPT.c.state == "dead")).all()
    simulators.faults("push")
    assert operations.send_again(services, ACTOR, list(dead)) == 1
    work(services, late)
    assert {one["patient_id"] for one in simulators.get("/push/messages")} == {"P0", "P1", "P9"}


def test_keys_change_without_a_pause(app: Flask, his: His, simulators: Simulators) -> None:
    """Beside the present signature goes the next one's: the receiver may change over at any moment."""
    services: Services = app.extensions["qupiao"].services
    target_id = target(services, simulators, facts(simulators, "医院 APP"))
    with pytest.raises(Refusal, match="只显示一次"):
        targets.look(services, ACTOR, target_id)

    def heard(number: int) -> bool:
        bench = Bench(app, his, f"KEY{number}", patientId=f"K{number}")
        triggers._tell(services, bench.bill_id, waited=True)
        work(services, bench)
        return any(one["patient_id"] == f"K{number}" for one in simulators.get("/push/messages"))

    targets.renew(services, ACTOR, target_id)
    assert heard(1), "the receiver still has the former key"
    key_id, key = targets.look(services, ACTOR, target_id)
    with pytest.raises(Refusal, match="新密钥"):
        targets.renew(services, ACTOR, target_id)
    simulators.post("/push/receivers", {"key_id": key_id, "key": key})
    assert heard(2), "the receiver has changed over"
    targets.change_over(services, ACTOR, target_id)
    assert heard(3)
    with services.database.read() as connection:
        sealed = connection.execute(select(PUSH_TARGET.c.key, PUSH_TARGET.c.next_key)).one()
    assert key.encode() not in sealed.key and sealed.next_key is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_addresses_and_names_that_do_not_fit_are_refused(app: Flask, simulators: Simulators) -> None:
    services: Services = app.extensions["qupiao"].services
    wanted = facts(simulators, "医院 APP")
    target_id = targets.create(services, ACTOR, wanted)
    for url in ("http://169.254.169.254/latest", "http://10.9.8.7/x", "ftp://10.9.8.7/", "https://u:p@127.0.0.1/"):
        with pytest.raises(Refusal, match="推送地址"):
            targets.create(services, ACTOR, Facts("坏地址", url, True, (ISSUED,), False, 7, ""))
    for names in ({"event_id": ""}, {"amount": "金额"}, {"amount": "event"}, {"amount": "a" * 41}):
        with pytest.raises(Refusal):
            targets.rename(services, ACTOR, target_id, names)
    with pytest.raises(Refusal, match="事件"):
        targets.change(services, ACTOR, target_id, Facts("医院 APP", wanted.url, True, (), False, 7, ""))
    with services.database.write() as connection:
        connection.execute(update(PUSH_TARGET).values(url="http://10.9.8.7/x"))
    with services.database.read() as connection:
        row = targets.by_code(connection, 1, "app")
    result = AppPush(services.settings).of(services, row).test(services)
    assert getattr(result, "code", "") == "ADDRESS", "what stands in the table is judged again at every call"
    assert sample(now(), "").keys() == FIELDS.keys()
