"""Alipay's pushes over HTTP: verified, written once, answered ``success``; a bill in reimbursement is asked about."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from sqlalchemy import func, select

from portal.delivery.bindings import Subject
from portal.delivery.cards import orders
from portal.delivery.cards.orders import Asker
from portal.delivery.cards.worker import CardDesk
from portal.delivery.inbound import alipay
from portal.delivery.inbound.inbox import TOPIC, InboxDesk
from portal.demo.accounts import DEMO_ALIPAY_APP
from portal.demo.alipay_keys import ensure_demo_keys
from portal.demo.settings import DemoSettings
from portal.models.tables import PLATFORM_INBOX
from portal.outbox.worker import Worker
from portal.simulators.alipay import pushes
from portal.simulators.server import listen
from tests.support import platforms
from tests.support.cards import Bench
from tests.support.platforms import ALIPAY_USER
from tests.support.processes.simulators import Simulators, running_simulators

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("notify")) as simulators:
        yield simulators


class World(Bench):
    """A bill in its patient's 发票管家, the application listening, Alipay that knows where."""

    def __init__(self, settings: DemoSettings, process: Simulators, serial: str) -> None:
        super().__init__(settings, process, serial)
        handlers = CardDesk(self.services).handlers() | {TOPIC: InboxDesk(alipay.ACTS)}
        self.worker = Worker(self.services, handlers, threads=1)
        platforms.bound(self.app, self.bill_id, Subject("alipay", DEMO_ALIPAY_APP, "open_id", ALIPAY_USER))
        orders.ask(self.services, self.facts(), "alipay", Asker("patient:test", whole=True))
        self.worker.drain()
        assert self.card("alipay").state == "inserted"

    def told(self, status: str, shape: str = "message", **changes: str) -> list[str]:
        """A reimburser moves on; what Alipay was answered."""
        bill = self.facts()
        body = {"invoice_code": bill.code, "invoice_no": bill.number, "status": status, "as": shape} | changes
        answer = httpx.post(self.process.url("/alipay/expense"), data=body, trust_env=False).raise_for_status().json()
        self.worker.drain()
        self.last: dict[str, str] = answer["values"]
        return list(answer["answers"])

    @property
    def reimburse(self) -> str:
        return str(self.card("alipay").reimburse)

    def pushes(self) -> int:
        with self.services.database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(PLATFORM_INBOX)) or 0)

    def post(self, values: dict[str, str]) -> tuple[int, str]:
        answer = self.app.test_client().post("/alipay/notify", data=values)
        self.worker.drain()
        return answer.status_code, answer.text


@pytest.fixture
def world(settings: DemoSettings, process: Simulators, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(settings, process, f"NOTIFY-{request.node.name[-24:]}")
    server = listen(made.app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    process.post("/alipay/state", {"hook": f"http://127.0.0.1:{server.port}"})
    yield made
    server.stop()
    thread.join()
    made.services.database.engine.dispose()


def signer(process: Simulators) -> pushes.Sign:
    """Alipay's own signature."""
    key: Any = serialization.load_pem_private_key(ensure_demo_keys(process.data_dir).alipay_private.encode(), None)
    return lambda text: b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


@pytest.mark.parametrize("shape", ["message", "notify"])
def test_a_reimbursement_is_told_and_asked_about(world: World, shape: str) -> None:
    """Applied for, withdrawn, finished; both kinds of push; what is finished stays so whatever comes late."""
    assert world.told("EXPENSE_APPLY", shape) == ["success"]
    assert world.reimburse == "lock"
    with world.services.database.read() as connection:
        assert "支付宝发票管家" in orders.in_reimbursement(connection, world.bill_id)
    assert world.told("EXPENSE_CANCEL", shape) == ["success"] and world.reimburse == ""
    assert world.told("EXPENSE_FINISHED", shape) == ["success"] and world.reimburse == "closure"
    assert world.told("EXPENSE_APPROVAL_PASS", shape) == ["success"] and world.reimburse == "closure"
    assert world.pushes() == 4


def test_a_replay_is_answered_and_changes_nothing(world: World) -> None:
    """The same ``notify_id`` again, as Alipay repeats for a day or as somebody has kept it."""
    world.told("EXPENSE_APPLY")
    kept = dict(world.last)
    world.told("EXPENSE_CANCEL")
    for _ in range(2):
        assert world.post(kept) == (200, "success")
    assert (world.reimburse, world.pushes()) == ("", 2)


def test_strangers_are_refused_and_leave_nothing(world: World, process: Simulators) -> None:
    """A changed field, another signature, another application, no number, the other kind's signature, too long."""
    world.told("EXPENSE_CANCEL")
    good, sign, before = dict(world.last), signer(process), world.pushes()
    content = {"invoice_code": "1", "invoice_no": "2", "status": "EXPENSE_APPLY"}
    mixed = pushes.notify(sign, DEMO_ALIPAY_APP, content, "x") | {"msg_method": "x"}
    fresh = {**good, "notify_id": "another"}
    forged = [
        fresh,
        {**good, "biz_content": good["biz_content"].replace("CANCEL", "APPLY")},
        {**good, "sign": "AAAA"},
        {**good, "sign": ""},
        {**good, "sign_type": "RSA"},
        pushes.message(sign, "2099000000000099", content, "x"),
        {**pushes.message(sign, DEMO_ALIPAY_APP, content, "x"), "notify_id": ""},
        mixed,
        {**good, "more": "x" * 70_000},
        {},
    ]
    answers = [world.post(values) for values in forged]
    assert answers == [(403, "failure")] * len(forged)
    assert world.app.test_client().post("/alipay/notify", data=b"\xff\xfe{").status_code == 403
    assert (world.reimburse, world.pushes()) == ("", before)
    broken = pushes.message(sign, DEMO_ALIPAY_APP, {}, "x") | {"biz_content": "{"}
    broken.pop("sign")
    broken["sign"] = sign("&".join(f"{name}={value}" for name, value in sorted(broken.items())))
    assert world.post(broken) == (403, "failure"), "signed, and not JSON"


def test_an_unknown_bill_and_an_unknown_event_are_answered_and_kept(world: World, process: Simulators) -> None:
    """Genuine pushes that mean nothing to us: ``success``, one row each, no card touched, nothing left to do."""
    assert world.told("EXPENSE_APPLY", invoice_no="0000000000") == ["success"]
    other = pushes.message(signer(process), DEMO_ALIPAY_APP, {"a": "演示"}, "alipay.open.app.some.thing")
    assert world.post(other) == (200, "success")
    assert (world.reimburse, world.pushes()) == ("", 2)
    with world.services.database.read() as connection:
        assert (
            connection.scalar(
                select(func.count()).select_from(PLATFORM_INBOX).where(PLATFORM_INBOX.c.done_at.is_(None))
            )
            == 0
        )
        assert not any("演示".encode() in row for row in connection.scalars(select(PLATFORM_INBOX.c.body))), "sealed"


@pytest.mark.parametrize("charset", ["GBK", "gb18030", "utf-8"])
def test_a_push_in_the_charset_that_it_names_is_read_by_its_own_bytes(
    world: World, process: Simulators, charset: str
) -> None:
    """Signed over the bytes as they left, Chinese in them; named by the form, or by its head alone."""
    key: Any = serialization.load_pem_private_key(ensure_demo_keys(process.data_dir).alipay_private.encode(), None)
    bill, seal = world.facts(), (padding.PKCS1v15(), hashes.SHA256())

    def sign(text: str) -> str:
        return b64encode(key.sign(text.encode(charset), *seal)).decode()

    def sent(values: dict[str, str], head: str = "") -> tuple[int, str]:
        kind = f"application/x-www-form-urlencoded{head}"
        form = urlencode(values, encoding=charset)
        answer = world.app.test_client().post("/alipay/notify", data=form, content_type=kind)
        world.worker.drain()
        return answer.status_code, answer.text

    content = {
        "invoice_code": bill.code,
        "invoice_no": bill.number,
        "status": "EXPENSE_APPLY",
        "memo": "报销单位：平冈镇中心卫生院",
    }
    values = pushes.message(lambda _: "", DEMO_ALIPAY_APP, content, "x") | {"charset": charset}
    values.pop("sign")
    signed = values | {"sign": sign("&".join(f"{name}={value}" for name, value in sorted(values.items())))}
    assert sent(signed) == (200, "success")
    assert world.reimburse == "lock", "the booking is known"
    assert sent(signed | {"biz_content": signed["biz_content"].replace("平冈", "平岗")}) == (403, "failure")
    silent = {name: value for name, value in values.items() if name != "charset"} | {"notify_id": "by-the-head"}
    silent["sign"] = sign("&".join(f"{name}={value}" for name, value in sorted(silent.items())))
    assert sent(silent, f";charset={charset}") == (200, "success")
    assert sent(signed | {"notify_id": "n", "charset": "utf-8" if charset != "utf-8" else "GBK"})[0] == 403
