"""Every page of the simulators is fetched and validated by ``tests/support/pages.py``."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from portal.delivery.push import targets
from portal.demo.settings import DemoSettings
from portal.demo.settlements import SCENES
from portal.models.tables import PLATFORM_INBOX
from portal.providers.push.signature import signature
from portal.simulators.app import PARTIES, create_simulators
from portal.simulators.server import listen
from tests.support.pages import Pages, Rules
from tests.support.processes.simulators import BillMaker, running_simulators

EVENT = {"event": "bill.issued", "amount": "1.00", "issue_date": "2026-01-05", "patient_id": "P1", "view_url": "/t/1"}
RULES = Rules(personal=("000000195203150010", "10000000001", "林演安"), csrf=False)


@pytest.fixture
def platform(app: Flask) -> Iterator[str]:
    """The application over HTTP, for the desk to push to."""
    server = listen(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()
    thread.join()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_and_the_desk(platform: str, tmp_path: Path) -> None:
    made = create_simulators(tmp_path, DemoSettings(base_url=platform))
    pages = Pages(made.test_client(), RULES)
    assert all(party.title in pages.get("/").text for party in PARTIES)
    for party in PARTIES:
        assert party.title in pages.get(party.address).text
    desk = pages.get("/desk")
    for scene in SCENES:
        assert "已开票" in pages.submit(desk, {"scene": scene, "person": "1"}, action="/desk").text
    assert "没有办成" in pages.submit(desk, {"scene": "none"}, 400, action="/desk").text
    assert "没有办成" in pages.get("/nowhere", 404).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_app_tells_that_a_message_was_read(app: Flask, platform: str, tmp_path: Path) -> None:
    settings, services = DemoSettings(base_url=platform), app.extensions["qupiao"].services
    targets.adopt(services)
    client = create_simulators(tmp_path, settings).test_client()
    body, stamp, nonce = json.dumps({"event_id": str(uuid.uuid4())} | EVENT).encode(), str(int(time.time())), "a" * 16
    signed = signature(settings.push_key, "POST", "/push/events", stamp, nonce, body)
    facts = {"Key": settings.push_key_id, "Timestamp": stamp, "Nonce": nonce, "Signature": signed}
    headers = {f"X-Qupiao-{name}": value for name, value in facts.items()}
    assert client.post("/push/events", data=body, headers=headers).status_code == 200
    pages = Pages(client, RULES)
    pages.submit(pages.get("/push"), {"status": "read"}, action="/push/receipt")
    assert "没有办成" in pages.submit(pages.get("/push"), {"status": "seen"}, 400, action="/push/receipt").text
    with services.database.read() as connection:
        assert connection.execute(select(PLATFORM_INBOX.c.source, PLATFORM_INBOX.c.event)).all() == [
            ("push", "receipt")
        ]


def test_the_desk_without_a_platform(tmp_path: Path) -> None:
    pages = Pages(create_simulators(tmp_path, DemoSettings(base_url="http://127.0.0.1:1")).test_client(), RULES)
    desk = pages.get("/desk")
    assert "没有应答" in pages.submit(desk, {"scene": "outpatient", "person": "1"}, 502, action="/desk").text


def test_with_bills_messages_and_faults(tmp_path: Path) -> None:
    with running_simulators(tmp_path) as process:
        process.client().upload(BillMaker(tmp_path).upload())
    pages = Pages(create_simulators(tmp_path, DemoSettings()).test_client(), RULES)
    finance = pages.get("/finance")
    assert "已监制" in finance.text and "<td>" in finance.text
    for address in ("/finance", "/sms"):
        page = pages.get(address)
        assert "已打开：100%" in pages.submit(page, {"act": "on", "count": "3"}, action=f"{address}/switch").text
        assert "已打开" not in pages.submit(page, {"act": "clear"}, action=f"{address}/switch").text
