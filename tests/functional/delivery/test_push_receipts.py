"""Receipts of push targets: signed, fresh, once; written down before they are answered; seen in the log."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, text
from werkzeug.test import TestResponse

from portal.core.services import Services
from portal.delivery import jobs
from portal.delivery.channels.app import AppPush
from portal.delivery.engine import triggers
from portal.delivery.engine.driver import Engine
from portal.delivery.inbound import inbox, push
from portal.delivery.push import targets
from portal.delivery.push.events import EVENTS
from portal.delivery.push.targets import Facts
from portal.domain.actor import Actor
from portal.models.tables import DELIVERY_ATTEMPT, PLATFORM_INBOX, PUSH_TARGET
from portal.outbox.worker import Worker
from portal.providers.push.signature import signature
from tests.support.channels import Bench
from tests.support.console import Console
from tests.support.his import His
from tests.support.length import sqlite_first
from tests.support.processes.simulators import running_simulators

pytestmark = sqlite_first

ACTOR = Actor("staff:system", "系统管理员", 1)
PATH = "/his-callback"


class Receiver:
    """An APP that has taken one event and tells what became of it."""

    def __init__(self, app: Flask, his: His, url: str, post: Any) -> None:
        self.app, self.services = app, app.extensions["qupiao"].services
        target_id = targets.create(self.services, ACTOR, Facts("医院 APP", url, True, tuple(EVENTS), True, 7, ""))
        self.target_id = target_id
        self.key_id, self.key = targets.look(self.services, ACTOR, target_id)
        post("/push/receivers", {"key_id": self.key_id, "key": self.key})
        self.bench = Bench(app, his, "RCPT1", patientId="P1")
        triggers._tell(self.services, self.bench.bill_id, waited=True)
        self.work()
        self.bench.pass_time()
        self.work()

    def work(self) -> None:
        """Everything that is due."""
        handlers = jobs.with_engine(Engine([AppPush(self.services.settings)]))
        handlers[inbox.TOPIC] = inbox.InboxDesk(push.ACTS)
        Worker(self.services, handlers, threads=1).drain()

    def attempt(self) -> Any:
        """The message's row."""
        with self.services.database.read() as connection:
            return connection.execute(select(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.channel == "app")).one()

    def tell(self, status: str, event_id: str = "", key: str = "", shift: int = 0, **headers: str) -> TestResponse:
        """One receipt as the contract says; ``headers`` and the rest may spoil it."""
        values = {"event_id": event_id or self.attempt().their_ref, "status": status}
        return self.post(json.dumps(values).encode(), key, shift, **headers)

    def post(self, body: bytes, key: str = "", shift: int = 0, **headers: str) -> TestResponse:
        """A signed body; ``stamp`` and ``nonce`` make it a replay of another."""
        stamp = headers.pop("stamp", str(int(time.time()) + shift))
        nonce = headers.pop("nonce", secrets.token_hex(8))
        signed = signature(key or self.key, "POST", PATH, stamp, nonce, body)
        sent = {"Key": self.key_id, "Timestamp": stamp, "Nonce": nonce, "Signature": signed} | headers
        named = {f"X-Qupiao-{name}": value for name, value in sent.items()}
        return self.app.test_client().post(PATH, data=body, headers=named)

    def inbox(self) -> int:
        """How many receipts are written down."""
        with self.services.database.read() as connection:
            return int(connection.execute(select(func.count()).where(PLATFORM_INBOX.c.source == "push")).scalar_one())


@pytest.fixture
def receiver(app: Flask, his: His, tmp_path: Path) -> Receiver:
    """It has the event and has said so."""
    with running_simulators(tmp_path / "simulators") as simulators:
        made = Receiver(app, his, simulators.url("/push/events"), simulators.post)
    assert made.attempt().state == "accepted" and made.attempt().next_at is not None, "a receipt is waited for"
    return made


def test_delivered_and_read_stand_in_the_log(receiver: Receiver) -> None:
    event_id = receiver.attempt().their_ref
    once = {"stamp": str(int(time.time())), "nonce": "n" * 16}
    answer = receiver.tell("delivered", **once)
    assert answer.status_code == 200 and answer.json == {"code": 0, "event_id": event_id}
    assert (receiver.attempt().state, receiver.inbox()) == ("accepted", 1), "written down first, worked on later"
    assert receiver.tell("read", **once).status_code == 200, "a replay is answered alike"
    receiver.work()
    assert (receiver.attempt().state, receiver.attempt().read_at, receiver.inbox()) == ("delivered", None, 1)
    assert receiver.tell("delivered").status_code == 200 and receiver.inbox() == 1, "the same again is one"
    assert receiver.tell("read").status_code == 200
    receiver.work()
    assert receiver.attempt().state == "delivered" and receiver.attempt().read_at is not None
    assert receiver.tell("failed").status_code == 200
    receiver.work()
    assert receiver.attempt().state == "delivered", "what has arrived stays so"
    page = Console(receiver.app, "keeper").get(f"/console/delivery/deliveries/{receiver.attempt().delivery_id}").text
    assert "已送达" in page and "已读" in page and "推送：医院 APP" in page


def test_what_failed_is_over_and_may_be_sent_again(receiver: Receiver) -> None:
    assert receiver.tell("failed").status_code == 200
    receiver.work()
    assert receiver.attempt().state == "failed"


def test_a_receipt_may_be_quicker_than_the_answer(receiver: Receiver) -> None:
    """Its number is known before the receiver has the event: a lost answer loses no receipt."""
    bench = Bench(receiver.app, receiver.bench.his, "RCPT2", patientId="P2")
    triggers._tell(receiver.services, bench.bill_id, waited=True)
    receiver.work()
    with receiver.services.database.read() as connection:
        queued = connection.execute(select(DELIVERY_ATTEMPT).order_by(DELIVERY_ATTEMPT.c.id.desc()).limit(1)).one()
    assert queued.state == "queued" and receiver.tell("delivered", queued.their_ref).status_code == 200
    receiver.work()
    with receiver.services.database.read() as connection:
        assert (
            connection.scalar(select(DELIVERY_ATTEMPT.c.state).where(DELIVERY_ATTEMPT.c.id == queued.id)) == "delivered"
        )


def test_who_cannot_sign_changes_nothing(receiver: Receiver) -> None:
    spoiled = [
        receiver.tell("read", key="another"),
        receiver.tell("read", shift=-301),
        receiver.tell("read", shift=301),
        receiver.tell("read", nonce=""),
        receiver.tell("read", nonce="n" * 65),
        receiver.tell("read", Key="QPnobody"),
        receiver.tell("read", Signature="签名"),
        receiver.tell("read", Signature=""),
        receiver.tell("read", Timestamp="now"),
        receiver.app.test_client().post(PATH, json={"event_id": receiver.attempt().their_ref, "status": "read"}),
    ]
    assert {answer.status_code for answer in spoiled} == {401}
    assert len({answer.data for answer in spoiled}) == 1, "one answer for all of them"
    wrong = [b"", b"[]", b"{}", b'{"event_id": "x", "status": "read"}', b"x" * 5000]
    wrong.append(json.dumps({"event_id": receiver.attempt().their_ref, "status": "seen"}).encode())
    assert {receiver.post(body).status_code for body in wrong} == {422}
    receiver.work()
    assert (receiver.attempt().state, receiver.inbox()) == ("accepted", 0)


def test_the_next_key_is_good_too_and_nobody_speaks_of_another_units_messages(receiver: Receiver) -> None:
    services: Services = receiver.services
    with services.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO unit (id, code, name, short_name, credit_code, region_code, org_type, desk_place,"
                " desk_phone, desk_hours) VALUES (2, 'other', '别院', '别院', 'T2', '990000', '', '', '', '')"
            )
        )
        row = dict(connection.execute(select(PUSH_TARGET)).mappings().one())
        sealed = services.cipher.encrypt(targets.KEY_FIELD, "2/app", "theirs")
        connection.execute(insert(PUSH_TARGET), row | {"id": 99, "unit_id": 2, "key_id": "THEIRS", "key": sealed})
    assert receiver.tell("delivered", key="theirs", Key="THEIRS").status_code == 200
    receiver.work()
    assert receiver.attempt().state == "accepted", "the number is not of a message of theirs"
    targets.renew(services, ACTOR, receiver.target_id)
    _, following = targets.look(services, ACTOR, receiver.target_id)
    assert receiver.tell("delivered", key=following).status_code == 200
    receiver.work()
    assert receiver.attempt().state == "delivered"
