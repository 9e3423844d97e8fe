"""Cards for both packs from platforms that fail three times in ten, while workers are killed.

Each bill is in its owner's card pack once, whatever was repeated. Short form: 6 bills in both packs and two kills;
under QUPIAO_SOAK 200 and fifty.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.app import create_app
from portal.core.services import Services
from portal.delivery.bindings import Subject
from portal.delivery.cards import orders
from portal.delivery.cards.orders import Asker
from portal.delivery.cards.worker import CardDesk
from portal.demo.accounts import DEMO_ALIPAY_APP
from portal.demo.settings import DemoSettings
from portal.domain.states.bills import BillState
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import BillFacts
from portal.models.tables import BILL, BILL_CARD, OUTBOX_TASK
from tests.support.his import His, outpatient
from tests.support.length import SOAK, SQLITE_FIRST
from tests.support.platforms import ALIPAY_USER, FOLLOWER, bound, connected
from tests.support.processes.delivery_worker import start
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import Simulators, running_simulators

CARDS = 200 if SOAK else 6
KILLS = 50 if SOAK else 2
WORKERS = 4 if SOAK else 2
PATIENCE = 3600 if SOAK else 300
SOME = {"probability": 0.06}
FAULTS = {
    "wechat": ("busy", "down", "answer_lost", "half_answer", "twice"),
    "alipay": ("down", "error_response", "answer_lost", "half_answer", "twice"),
}
PACKS = ("wechat", "alipay")
ENDS = ("inserted", "failed")
log = logging.getLogger("fire")


@pytest.fixture
def simulators(tmp_path: Path) -> Iterator[Simulators]:
    """Providers that are well until the cards are asked for."""
    with running_simulators(tmp_path / "simulators") as started:
        yield started


@pytest.fixture
def app(database_url: str, data_dir: Path, simulators: Simulators) -> Iterator[Flask]:
    """The platform, with nobody at work yet."""
    made = create_app(connected(DemoSettings(data_dir=data_dir, database_url=database_url), simulators))
    yield made
    made.extensions["qupiao"].services.database.engine.dispose()


@pytest.fixture
def services(app: Flask) -> Services:
    """Its services."""
    services: Services = app.extensions["qupiao"].services
    return services


def ask(app: Flask, services: Services, simulators: Simulators) -> list[BillFacts]:
    """Bills under supervision whose owner lets each into both packs."""
    his = His(app)
    for number in range(CARDS):
        assert his.call("invoiceEBillOutpatient", outpatient(f"CARD{number:05d}")).ok
    with services.database.write() as connection:
        connection.execute(update(BILL).values(state=BillState.SUPERVISED.value))
        numbers = connection.scalars(select(BILL.c.id)).all()
        bills = [found for number in numbers if (found := ledger_bills.by_id(connection, number)) is not None]
    bound(app, bills[0].bill_id, Subject("alipay", DEMO_ALIPAY_APP, "open_id", ALIPAY_USER))
    desk = CardDesk(services)
    for bill in bills:
        orders.ask(services, bill, "alipay", Asker("patient:test", whole=True))
        order = orders.ask(services, bill, "wechat", Asker("patient:test", whole=True))
        link = desk.wechat.link(order, bill.total_fen, "https://x.invalid/")
        httpx.post(link, data={"openid": FOLLOWER, "silent": "1"}, trust_env=False).raise_for_status()
        assert orders.authorised(services, order.order_id, FOLLOWER)
    return bills


def ended(services: Services) -> int:
    """How many cards are there or have come to another end; what waits is due now."""
    waiting = (
        (OUTBOX_TASK.c.topic == orders.WORK_TOPIC)
        & (OUTBOX_TASK.c.state == "pending")
        & (OUTBOX_TASK.c.leased_by == "")
    )
    with services.database.write() as connection:
        connection.execute(update(OUTBOX_TASK).where(waiting).values(due_at=OUTBOX_TASK.c.created_at))
        return len(connection.execute(select(BILL_CARD.c.id).where(BILL_CARD.c.state.in_(ENDS))).all())


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
def test_every_bill_is_in_its_card_packs_once(app: Flask, services: Services, simulators: Simulators) -> None:
    bills = ask(app, services, simulators)
    for service, names in FAULTS.items():
        simulators.faults(service, **dict.fromkeys(names, SOME))
    workers = [start(services, (), 0.1, 4.0) for _ in range(WORKERS)]
    try:
        for number in range(KILLS):
            goal = len(bills) * len(PACKS) * (number + 1) // (KILLS + 2)
            wait_for(lambda goal=goal: ended(services) >= goal, PATIENCE, f"{goal} cards")  # type: ignore[misc]
            workers.pop(0).kill()
            workers.append(start(services, (), 0.1, 4.0))
            simulators.post("/wechat/state", {"revoke": True})
        wait_for(lambda: ended(services) == len(bills) * len(PACKS), PATIENCE, "every card's end")
    finally:
        for worker in workers:
            worker.kill()
    with services.database.read() as connection:
        rows = connection.execute(select(BILL_CARD)).all()
    states = Counter((row.platform, row.state, row.reason) for row in rows)
    log.info("cards %d, kills %d: %s", len(rows), KILLS, dict(states))
    of_bill = {bill.bill_id: {bill.code, bill.number} for bill in bills}
    wanted = {row.order_id: of_bill[row.bill_id] for row in rows}
    at_wechat, at_alipay = simulators.get("/wechat/cards"), simulators.get("/alipay/invoices")
    for one in at_alipay:
        one["order_id"] = one["ours"].removesuffix(f"-{one['number']}")
    there = Counter(one["order_id"] for one in at_wechat + at_alipay)
    assert max(there.values()) == 1, "no bill is in a pack twice"
    for one in at_wechat:
        assert one["openid"] == FOLLOWER
        assert {one["data"]["billing_no"], one["data"]["billing_code"]} == wanted[one["order_id"]]
    for one in at_alipay:
        assert {one["code"], one["number"]} == wanted[one["order_id"]]
    assert {row.order_id for row in rows if row.state == "inserted"} <= set(there), "none is said to be where it is not"
    assert {row.state for row in rows} == {"inserted"}, states
