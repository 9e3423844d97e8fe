"""Events of subscription messages over HTTP: allowed, refused, sent or not; what log and counter then say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from portal.app import create_app
from portal.core.clock import now
from portal.demo.accounts import DEMO_MINI, DEMO_TEMPLATES, DEMO_WECHAT
from portal.demo.settings import DemoSettings
from portal.domain.states.delivery import Purpose
from portal.models.tables import DELIVERY_ATTEMPT, PLATFORM_INBOX
from portal.simulators.server import listen
from portal.simulators.wechat import pushes
from tests.support import platforms
from tests.support.length import sqlite_first
from tests.support.platform_bench import MINI, SERVICE, Bench
from tests.support.platforms import MINI_USER
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import Simulators, running_simulators

pytestmark = sqlite_first

HOOK = "/wechat/callback/mini"
MINI_TEMPLATE, SUBSCRIPTION = DEMO_TEMPLATES["mini_subscription"], DEMO_TEMPLATES["wechat_subscription"]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("events")) as simulators:
        yield simulators


@pytest.fixture
def app(settings: DemoSettings, process: Simulators) -> Iterator[Flask]:
    """The application, listening; WeChat knows where."""
    process.faults("wechat")
    made = create_app(platforms.connected(settings, process))
    server = listen(made, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    process.post("/wechat/state", {"hook": f"http://127.0.0.1:{server.port}"})
    yield made
    server.stop()
    thread.join()
    made.extensions["qupiao"].services.database.engine.dispose()


class Phone(Bench):
    """A patient with both accounts bound, and WeChat's events, waited for and worked on."""

    def __init__(self, app: Flask, process: Simulators, serial: str) -> None:
        super().__init__(app, serial)
        self.process = process
        for subject in (MINI, SERVICE):
            platforms.bound(app, self.bill_id, subject)

    def events(self) -> int:
        with self.services.database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(PLATFORM_INBOX)) or 0)

    def worked(self, count: int) -> None:
        """So many pushes have come in all, and are done."""
        wait_for(lambda: self.events() >= count)
        assert self.events() == count
        self.worker.drain()

    def tap(self, act: str, template: str = MINI_TEMPLATE, openid: str = MINI_USER, **more: str) -> None:
        """The person taps 允许 or 拒绝; the push is answered before this returns."""
        body = {"openid": openid, "template": template, "act": act, **more}
        answer = httpx.post(self.process.url("/wechat/allow"), data=body, trust_env=False)
        assert answer.status_code == 303
        self.worker.drain()

    def attempt(self, channel: str) -> Any:
        with self.services.database.read() as connection:
            wanted = (
                select(DELIVERY_ATTEMPT)
                .where(DELIVERY_ATTEMPT.c.channel == channel)
                .order_by(DELIVERY_ATTEMPT.c.id.desc())
            )
            return connection.execute(wanted).first()


def push(app: Flask, told: dict[str, Any], **changes: Any) -> int:
    """One push in JSON, encrypted as the mini-program's console says, or altered."""
    encrypt = pushes.encrypted(changes.pop("account", DEMO_MINI), json.dumps(told))
    query = pushes.query(DEMO_MINI, encrypt) | changes
    body = json.dumps({"ToUserName": "gh_demo", "Encrypt": encrypt})
    return int(app.test_client().post(HOOK, query_string=query, data=body).status_code)


def sent(msgid: str, code: object = 0, at: int | None = None) -> dict[str, Any]:
    row = {"TemplateId": MINI_TEMPLATE, "MsgID": msgid, "ErrorCode": code, "ErrorStatus": "x"}
    head = {"ToUserName": "gh", "FromUserName": MINI_USER, "MsgType": "event", "Event": "subscribe_msg_sent_event"}
    return head | {"CreateTime": at or int(now().timestamp()), "List": row}


@pytest.mark.parametrize(("channel", "subject"), [("mini", MINI), ("wechat-sub", SERVICE)])
def test_from_the_tap_to_the_delivery_log(app: Flask, process: Simulators, channel: str, subject: Any) -> None:
    """Allowed once, sent once, delivered by WeChat's word; refused again: nothing is sent."""
    phone = Phone(app, process, f"EV-{channel}")
    template = MINI_TEMPLATE if channel == "mini" else SUBSCRIPTION
    phone.tap("accept", template, subject.value)
    assert phone.remaining(subject) == 1
    assert phone.tell(channel) == {channel: "accepted"}
    assert phone.attempt(channel).next_at is not None, "a receipt is waited for"
    phone.worked(2)
    found = phone.attempt(channel)
    assert (found.state, found.result_class, phone.remaining(subject)) == ("delivered", "receipt", 0)
    assert found.their_ref == process.get("/wechat/messages")[0]["msgid"]
    phone.tap("accept", template, subject.value)
    phone.tap("reject", template, subject.value, where="settings")
    assert phone.remaining(subject) == 0
    assert phone.tell(channel, Purpose.NOTICE) == {channel: "parked NO_PERMISSION"}


def test_what_wechat_could_not_deliver_goes_over_the_next_channel(app: Flask, process: Simulators) -> None:
    """Accepted, and then failed by event: the delivery log says why, and the next channel begins."""
    phone = Phone(app, process, "EV-FAIL")
    phone.tap("accept")
    phone.allow(MINI, MINI_TEMPLATE, 1)  # we believe that one more is left
    process.faults("wechat", undelivered={"count": 1})
    phone.tell("mini alipay")
    phone.worked(2)
    found = phone.attempt("mini")
    assert (found.state, found.code, found.message) == ("failed", "43101", "user refuse to accept the msg")
    assert phone.remaining(MINI) == 0, "the platform knows better: none is left"
    with phone.services.database.read() as connection:
        why = connection.scalar(select(DELIVERY_ATTEMPT.c.channel).where(DELIVERY_ATTEMPT.c.channel == "alipay"))
    assert why is None, "nobody is bound at Alipay: passed over, and said so"


def test_receipts_find_their_message_by_time_and_only_once(app: Flask, process: Simulators) -> None:
    """WeChat tells no number when it takes a message: two to one person are told apart by when they were sent."""
    phone = Phone(app, process, "EV-TWO")
    process.post("/wechat/state", {"hook": "http://127.0.0.1:1"})  # its own events get lost
    for _ in range(2):
        body = {"openid": MINI_USER, "template": MINI_TEMPLATE, "act": "accept"}
        httpx.post(process.url("/wechat/allow"), data=body, trust_env=False)
        phone.allow(MINI, MINI_TEMPLATE, 1)
    phone.tell("mini")
    first = phone.attempt("mini").id
    with phone.services.database.write() as connection:
        connection.execute(update(DELIVERY_ATTEMPT).values(sent_at=now() - timedelta(hours=3)))
    phone.tell("mini", Purpose.NOTICE)
    three_hours_ago = int((now() - timedelta(hours=3)).timestamp()) + 2

    def states() -> dict[int, str]:
        with phone.services.database.read() as connection:
            return {
                row.id == first: row.state
                for row in connection.execute(select(DELIVERY_ATTEMPT.c.id, DELIVERY_ATTEMPT.c.state))
            }

    assert push(app, sent("m-1", 0, three_hours_ago)) == 200
    phone.worker.drain()
    assert states() == {True: "delivered", False: "accepted"}
    again = sent("m-1", 0, three_hours_ago) | {"ToUserName": "gh_other"}
    for told in (again, again | {"CreateTime": three_hours_ago + 1}):  # a repeat, also as another event
        assert push(app, told) == 200
    phone.worker.drain()
    assert states() == {True: "delivered", False: "accepted"}, "one receipt is for one message"
    assert push(app, sent("m-2", "45047")) == 200
    phone.worker.drain()
    assert states() == {True: "delivered", False: "failed"}
    assert push(app, sent("m-3")) == 200, "a receipt of nobody's changes nothing"
    phone.worker.drain()
    assert states() == {True: "delivered", False: "failed"}


def test_the_mini_programs_address_takes_its_own_pushes_only(app: Flask, process: Simulators) -> None:
    """Checked by GET with its own token; strangers, the other account's keys, plain text and broken JSON: 403."""
    client, told = app.test_client(), sent("m-9")
    good = pushes.query(DEMO_MINI, "")
    assert client.get(HOOK, query_string=good | {"echostr": "8812"}).data == b"8812"
    service = pushes.query(DEMO_WECHAT, "")
    assert client.get(HOOK, query_string=service | {"echostr": "8812"}).status_code == 403
    plain = client.post(HOOK, query_string=good, data=json.dumps(told)).status_code
    refused = [
        plain,
        push(app, told, msg_signature="0" * 40),
        push(app, told, timestamp="1"),
        push(app, told, account=DEMO_WECHAT),
        push(app, []),  # type: ignore[arg-type]
        push(app, {"Event": "x"}),
    ]
    assert refused == [403] * len(refused)
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(PLATFORM_INBOX)) == 0
    assert push(app, told) == 200 and push(app, told) == 200, "WeChat's repeat"
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(PLATFORM_INBOX)) == 1
        assert MINI_USER.encode() not in (connection.scalar(select(PLATFORM_INBOX.c.body)) or b"")
