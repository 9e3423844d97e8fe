"""Offline links in use: opened before the bill exists, told when it is there, kept through a change of key."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlalchemy import select

from portal.access.his.accounts import load
from portal.app import create_app
from portal.demo.accounts import DEMO_APPID
from portal.demo.settings import DemoSettings
from portal.domain.link import token
from portal.models import LinkWatch
from portal.worker import build
from tests.support.his import His, outpatient
from tests.support.length import sqlite_first
from tests.support.processes.simulators import running_simulators

pytestmark = sqlite_first

PHONE = "10000009999"


def link_of(app: Flask, serial: str, key_id: str = "A") -> str:
    """The address as a HIS without a network computes it."""
    key = app.extensions["qupiao"].services.keyring.link_key(key_id, DEMO_APPID)
    return f"/b/{token(key, key_id, 'pgzx', serial)}"


def form_token(html: str) -> str:
    """The hidden field that a browser sends back."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return found[1]


def test_opened_early_it_waits_then_is_the_bill(app: Flask, his: His) -> None:
    client, link = app.test_client(), link_of(app, "OFF1")
    early = client.get(link)
    assert early.status_code == 200 and "现在还看不到这张票" in early.text
    assert f'<noscript><meta http-equiv="refresh" content="60;url={link}?n=1"></noscript>' in early.text
    answer = his.call("invoiceEBillOutpatient", outpatient("OFF1"))
    assert answer.ok and answer.payload["pictureUrl"].endswith(link)
    there = client.get(link)
    assert there.status_code == 200 and "现在还看不到这张票" not in there.text and "林**" in there.text


def test_the_his_may_ask_for_the_link_before_and_after(app: Flask, his: His) -> None:
    before = his.call("getEBillUrlByBusNo", {"busNo": " OFF2 "}).payload
    issued = his.call("invoiceEBillOutpatient", outpatient("OFF2")).payload
    after = his.call("getEBillUrlByBusNo", {"busNo": "OFF2"}).payload
    assert before == after
    assert before["pictureUrl"] == issued["pictureUrl"] and before["billQRCode"] == issued["billQRCode"]
    assert before["pictureUrl"].endswith(link_of(app, "OFF2")) and before["linkKeyId"] == "A"


def test_a_link_of_another_key_or_shape_is_no_link(app: Flask) -> None:
    client = app.test_client()
    for wrong in ("Z" + "a" * 22, "A" + "a" * 21, "A" + "a" * 23, "A" + "a" * 21 + "."):
        assert client.get(f"/b/{wrong}", follow_redirects=True).status_code == 404
    unknown = client.get("/b/A" + "a" * 22).text
    waiting = client.get(link_of(app, "NEVER")).text
    by_chance = r"/b/[\w-]{23}|(value|nonce)=\"[^\"]*\""
    assert re.sub(by_chance, "", unknown) == re.sub(by_chance, "", waiting)


def test_links_of_both_keys_open_while_both_are_in_force(settings: DemoSettings, his: His, app: Flask) -> None:
    old = his.call("invoiceEBillOutpatient", outpatient("KEY1")).payload
    changed = create_app(settings.model_copy(update={"link_keys": "B,A"}))
    new = His(changed).call("invoiceEBillOutpatient", outpatient("KEY2")).payload
    client = changed.test_client()
    assert new["pictureUrl"].endswith(link_of(app, "KEY2", "B"))
    for link in (link_of(app, "KEY2", "B"), link_of(app, "KEY2", "A"), link_of(app, "KEY1", "A")):
        assert "林**" in client.get(link).text
    again = His(changed).call("invoiceEBillOutpatient", outpatient("KEY1")).payload
    assert again["pictureUrl"] == old["pictureUrl"], "a bill keeps the key of its link"
    changed.extensions["qupiao"].services.database.engine.dispose()


def test_one_account_cannot_compute_anothers_links(app: Flask) -> None:
    keyring = app.extensions["qupiao"].services.keyring
    assert keyring.link_key("A", "OTHER") != keyring.link_key("A", DEMO_APPID)
    with app.extensions["qupiao"].services.database.read() as connection:
        account = load(connection, app.extensions["qupiao"].services.cipher, DEMO_APPID)
    assert account is not None
    assert app.extensions["qupiao"].issuing.token(account, "S") == link_of(app, "S").removeprefix("/b/")


@pytest.mark.parametrize("typed", ["", "12345", "100000000011", "=1+1", "一二三"])
def test_a_phone_that_is_none_is_refused_and_kept_in_the_form(app: Flask, typed: str) -> None:
    client, link = app.test_client(), link_of(app, "OFF3")
    form = {"csrf_token": form_token(client.get(link).text), "phone": typed}
    sent = client.post(f"{link}/watch", data=form, follow_redirects=True)
    assert sent.status_code == 422 and "11 位" in sent.text and f'value="{typed}"' in sent.text
    with app.extensions["qupiao"].services.database.read() as connection:
        assert connection.execute(select(LinkWatch.id)).all() == []


def test_who_waits_is_told_once_and_forgotten(settings: DemoSettings, tmp_path: Path) -> None:
    with running_simulators(tmp_path / "simulators") as simulators:
        app = create_app(settings.model_copy(update={"sms_url": simulators.url("/sms/send")}))
        services, worker = app.extensions["qupiao"].services, build(app)
        client, link = app.test_client(), link_of(app, "OFF4")
        for _ in range(2):
            form = {"csrf_token": form_token(client.get(link).text), "phone": " １0000009999 "}
            assert "记下了" in client.post(f"{link}/watch", data=form, follow_redirects=True).text
        worker.drain()
        messages = lambda: httpx.get(simulators.url("/sms/messages"), trust_env=False).json()  # noqa: E731
        assert [m for m in messages() if m["phone"] == PHONE] == []
        with services.database.read() as connection:
            row = connection.execute(select(LinkWatch.__table__)).one()
            assert PHONE.encode() not in row.phone and row.told_at is None
        assert His(app).call("invoiceEBillOutpatient", outpatient("OFF4")).ok
        look_again(worker)
        look_again(worker)
        told = [m for m in messages() if m["phone"] == PHONE]
        assert len(told) == 1 and "已开具" in told[0]["text"] and "林演安" not in told[0]["text"]
        with services.database.read() as connection:
            row = connection.execute(select(LinkWatch.__table__)).one()
            assert row.phone is None and row.told_at is not None
        services.database.engine.dispose()


def look_again(worker: object) -> None:
    """What the schedule does at its next slot."""
    from portal.delivery import link_alerts

    services = worker.services  # type: ignore[attr-defined]
    link_alerts.look(services, None)  # type: ignore[arg-type]
    worker.drain()  # type: ignore[attr-defined]
