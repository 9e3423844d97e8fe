"""Bills told over WeChat and Alipay: bound accounts, permissions, receipts by event, and pushes of strangers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from portal.app import create_app
from portal.demo.accounts import DEMO_MINI, DEMO_TEMPLATES, DEMO_WECHAT
from portal.demo.settings import DemoSettings
from portal.domain.states.delivery import Purpose
from portal.models.tables import DELIVERY_ATTEMPT, PLATFORM_INBOX
from portal.providers.wechat import callback
from portal.simulators.wechat import pushes
from tests.support import platforms
from tests.support.length import sqlite_first
from tests.support.platform_bench import ALIPAY, MINI, SERVICE, Bench
from tests.support.platforms import FOLLOWER, MINI_USER
from tests.support.processes.simulators import Simulators, running_simulators

HOOK = "/wechat/callback/service"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("platforms")) as simulators:
        yield simulators


@pytest.fixture
def app(settings: DemoSettings, process: Simulators) -> Iterator[Flask]:
    """The application, speaking to these simulators."""
    for service in ("wechat", "alipay"):
        process.faults(service)
    made = create_app(platforms.connected(settings, process))
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


def push(client: FlaskClient, text: str, body: bytes | None = None, **changes: str) -> Any:
    """One push as WeChat sends it, or altered."""
    encrypt = pushes.encrypted(DEMO_WECHAT, text)
    query = pushes.query(DEMO_WECHAT, encrypt) | changes
    written = f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()
    return client.post(HOOK, query_string=query, data=written if body is None else body, content_type="text/xml")


def event(name: str, fields: str = "", openid: str = FOLLOWER) -> str:
    return pushes.event(openid, name, fields)


@sqlite_first
def test_a_bill_reaches_every_platform(app: Flask, process: Simulators) -> None:
    """Template with a receipt by event; subscription messages within their permissions; Alipay; no name in any."""
    bench, client = Bench(app, "WX-ALL-1"), app.test_client()
    nobody = bench.tell("wechat wechat-sub mini alipay")
    assert not any(state.startswith(("accepted", "delivered")) for state in nobody.values()), "nobody is bound"
    for subject in (SERVICE, MINI, ALIPAY):
        platforms.bound(app, bench.bill_id, subject)
    before = len(process.get("/wechat/messages"))
    assert bench.tell("wechat", Purpose.READY) == {"wechat": "accepted"}
    sent = process.get("/wechat/messages")[0]
    assert len(process.get("/wechat/messages")) == before + 1
    assert sent["data"]["amount3"]["value"] == "¥128.50" and sent["data"]["phrase2"]["value"] == "待监制", (
        "what it is good for"
    )
    assert "/b/" in sent["url"] and "林演安" not in str(sent) and "内科" not in str(sent)
    done = f"<MsgID>{sent['msgid']}</MsgID><Status><![CDATA[success]]></Status>"
    assert push(client, event("TEMPLATESENDJOBFINISH", done)).status_code == 200
    bench.worker.drain()
    with bench.services.database.read() as connection:
        state = connection.scalar(select(DELIVERY_ATTEMPT.c.state).where(DELIVERY_ATTEMPT.c.their_ref == sent["msgid"]))
    assert state == "delivered"

    template = DEMO_TEMPLATES["mini_subscription"]
    parked = bench.tell("mini alipay", Purpose.NOTICE)
    assert parked == {"mini": "parked NO_PERMISSION", "alipay": "accepted"}
    newest = process.get("/alipay/messages")[0]
    assert newest["data"]["keyword3"]["value"] == "128.50元" and "林演安" not in str(newest)
    process.post("/wechat/people", {"openid": MINI_USER, "appid": DEMO_MINI.appid, "phone": "13900000001"})
    bench.allow(MINI, template, 2)
    assert bench.tell("mini", Purpose.REQUESTED) == {"mini": "failed 43101"}
    assert bench.remaining(MINI) == 0, "the platform knows better: none is left"


@sqlite_first
def test_permissions_follow_the_events(app: Flask, process: Simulators) -> None:
    """+1 on accept, −1 on a send, none after a refusal; an unfollower is not written to until he follows again."""
    bench, client, template = Bench(app, "WX-SUB-1"), app.test_client(), DEMO_TEMPLATES["wechat_subscription"]
    platforms.bound(app, bench.bill_id, SERVICE)

    def popup(word: str, scene: str) -> str:
        fields = (
            f"<SubscribeMsgPopupEvent><List><TemplateId>{template}</TemplateId><SubscribeStatusString>{word}"
            f"</SubscribeStatusString><PopupScene>{scene}</PopupScene></List></SubscribeMsgPopupEvent>"
        )
        text = event("subscribe_msg_popup_event", fields).replace("<CreateTime>", f"<CreateTime>{scene}")
        assert push(client, text).status_code == 200
        bench.worker.drain()
        return text

    told = popup("accept", "1")
    assert push(client, told).status_code == 200  # WeChat's repeat of the same event
    bench.worker.drain()
    assert bench.remaining(SERVICE) == 1
    popup("accept", "2")
    assert bench.remaining(SERVICE) == 2
    with process_allows(process, template):
        assert bench.tell("wechat-sub") == {"wechat-sub": "accepted"}
    assert bench.remaining(SERVICE) == 1
    popup("reject", "3")
    assert bench.remaining(SERVICE) == 0
    push(client, event("unsubscribe"))
    bench.worker.drain()
    assert bench.states() == ["stale"]
    push(client, event("subscribe"))
    bench.worker.drain()
    assert bench.states() == ["active"]


@sqlite_first
def test_tokens_that_expire_in_a_storm_stop_no_channel(app: Flask, process: Simulators) -> None:
    """A fresh token that is refused as well is waited out; refused time after time, it is our set-up's fault."""
    bench, path = Bench(app, "WX-STORM"), "cgi-bin/message/template/send"
    platforms.bound(app, bench.bill_id, SERVICE)
    process.post("/wechat/script", {path: [40001, 40001]})
    assert bench.tell("wechat") == {"wechat": "accepted"}
    process.post("/wechat/script", {path: [40001] * 8})
    delivery_id = bench.open("wechat", Purpose.NOTICE)
    for _ in range(6):
        bench.worker.run_once()
    assert bench.attempts(delivery_id) == {"wechat": "held 40001"}
    process.post("/wechat/script", {})


class process_allows:  # noqa: N801
    """The person has allowed one message at the platform too."""

    def __init__(self, process: Simulators, template: str) -> None:
        self.process, self.template = process, template

    def __enter__(self) -> None:
        body = {"openid": FOLLOWER, "template": self.template, "act": "accept"}
        self.process._http.post(self.process.url("/wechat/allow"), data=body)

    def __exit__(self, *_: object) -> None:
        return None


@sqlite_first
def test_pushes_are_written_once_and_strangers_never(app: Flask) -> None:
    """A repeat is one row; wrong signature, old timestamp, plain mode, broken text: 403 and no row."""
    bench, client = Bench(app, "WX-IN-1"), app.test_client()
    text = event("subscribe")
    encrypt = pushes.encrypted(DEMO_WECHAT, text)
    query = pushes.query(DEMO_WECHAT, encrypt)
    written = f"<xml><Encrypt>{encrypt}</Encrypt></xml>"
    for _ in range(3):
        began = time.monotonic()
        answer = client.post(HOOK, query_string=query, data=written, content_type="text/xml")
        assert (answer.status_code, answer.data) == (200, b"")
        assert time.monotonic() - began < 1
        assert "Set-Cookie" not in answer.headers
    assert push(client, text).status_code == 200, "the same event, encrypted again"

    def count() -> int:
        with bench.services.database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(PLATFORM_INBOX)) or 0)

    assert count() == 1
    with bench.services.database.read() as connection:
        row = connection.execute(select(PLATFORM_INBOX)).one()
    assert FOLLOWER.encode() not in row.body, "sealed"
    old = pushes.query(DEMO_WECHAT, encrypt, stamp=int(time.time()) - 400)
    refused = [
        push(client, text, msg_signature="0" * 40),
        push(client, text, encrypt_type="raw"),
        push(client, text, timestamp="1"),
        push(client, text, nonce=""),
        client.post(HOOK, query_string=old, data=written, content_type="text/xml"),
        client.post(HOOK, query_string=query, data=text, content_type="text/xml"),
        client.post("/wechat/callback/other", query_string=query, data=written, content_type="text/xml"),
        client.post(HOOK, query_string=query, data=b"x" * 70_000, content_type="text/xml"),
        push(client, text, body=b""),
        push(client, text, body=b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml><Encrypt>&a;</Encrypt></xml>"),
    ]
    cut = encrypt[:-24]
    signed = pushes.query(DEMO_WECHAT, cut)
    refused.append(client.post(HOOK, query_string=signed, data=f"<xml><Encrypt>{cut}</Encrypt></xml>"))
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert count() == 1
    good = pushes.query(DEMO_WECHAT, "")
    assert client.get(HOOK, query_string=good | {"echostr": "8812"}).data == b"8812"
    assert client.get(HOOK, query_string=good | {"echostr": "8812", "signature": "0"}).status_code == 403
    assert client.get(HOOK, query_string=good | {"echostr": "<script>"}).status_code == 403


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_refused_by_name(noise: bytes, wrapped: bool) -> None:
    """Malformed input of any kind: NotWeChat and nothing else, also when it is signed (the library: six exceptions)."""
    text = noise.hex() if wrapped else "A" * (len(noise) // 4 * 4)
    query = pushes.query(DEMO_WECHAT, text)
    body = f"<xml><Encrypt>{text}</Encrypt></xml>".encode() if wrapped else noise
    with pytest.raises(callback.NotWeChat):
        callback.read(DEMO_WECHAT, query, body)
