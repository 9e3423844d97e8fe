"""Card pack in mode A over real HTTP: we authorise and hand over, the bureau inserts at WeChat, our state follows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from portal.core.clock import now
from portal.delivery.cards import orders
from portal.demo.settings import DemoSettings
from portal.fiscal import bills
from portal.models.tables import BILL_CARD
from tests.support.cards import Bench
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import Simulators, running_simulators

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def process(data_dir: Path, tmp_path: Path) -> Iterator[Simulators]:
    """Finance that trusts the unit's certificate, the bureau and WeChat."""
    shutil.copytree(data_dir / "keys", tmp_path / "outside" / "keys")
    with running_simulators(tmp_path / "outside") as simulators:
        yield simulators


class World(Bench):
    """A bill that finance has, and a bureau. ``url`` off: nothing is handed over but by hand."""

    def __init__(self, settings: DemoSettings, process: Simulators, serial: str, url: bool = True) -> None:
        address = process.url("/bureau/orders") if url else ""
        process.faults("bureau")
        super().__init__(settings, process, serial, card_mode="bureau", card_bureau_url=address)

    def uploaded(self) -> None:
        """Finance has the bill, as uploaded; the bureau finds it there."""
        facts = bills._read(self.services, self.bill_id)
        assert facts is not None
        self.process.client().upload(facts.upload())

    def let_in(self) -> None:
        """Consent, the tap at WeChat, its event; the order goes to the bureau."""
        self.authorise(self.order())
        self.authorised()

    def passed(self, ago: timedelta = timedelta(0)) -> None:
        """What waits is due, and the order has been in its state for so long."""
        with self.services.database.write() as connection:
            connection.execute(update(BILL_CARD).values(state_at=now() - ago))
        self.due()
        self.worker.drain()

    def there(self) -> dict[str, Any]:
        """The order as the bureau has it."""
        wanted = self.card().order_id
        return next(row for row in self.process.get("/bureau/orders.json") if row["order_id"] == wanted)

    def decide(self, act: str) -> None:
        """Somebody at the bureau decides."""
        body = {"order_id": self.card().order_id, "act": act}
        assert httpx.post(self.process.url("/bureau/decide"), data=body, trust_env=False).status_code == 303

    def end(self) -> None:
        self.services.database.engine.dispose()


@pytest.fixture
def world(settings: DemoSettings, process: Simulators, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(settings, process, f"BUREAU-{request.node.name[-24:]}")
    yield made
    made.end()


def test_authorised_handed_over_inserted_by_the_bureau_and_cancelled_with_the_bill(world: World) -> None:
    """The whole way; WeChat's word of a reimbursement counts for a card that is not ours too."""
    world.uploaded()
    world.process.faults("bureau", idle={})
    world.let_in()
    assert world.card().state == "handed_over"
    assert "等财政平台放入" in world.pages.get(world.address).text
    told, bill = world.there()["body"], world.facts()
    assert told == {
        "order_id": world.card().order_id,
        "appid": "wxdemo0000service",
        "bill_code": bill.code,
        "bill_number": bill.number,
        "fee": bill.total_fen,
    }
    world.decide("insert")
    world.passed()
    card, (at_wechat,) = world.card(), world.at_wechat()
    assert (card.state, card.card_code, card.reason) == ("inserted", at_wechat["code"], "")
    assert at_wechat["data"]["title"] == "林演安", "finance has the payer; we told no name"
    assert "已放入" in world.pages.get(world.address).text
    lock = f"<Status>INVOICE_REIMBURSE_LOCK</Status><Code>{card.card_code}</Code>"
    world.push("update_invoice_status", lock)
    assert world.card().reimburse == "lock"
    world.push("update_invoice_status", lock.replace("LOCK", "INIT"))
    world.process.faults("bureau", answer_lost={"count": 1})
    world.reverse()
    assert world.card().state == "inserted", "its answer was lost: asked again, not believed"
    world.passed()
    assert (world.card().state, world.there()["state"]) == ("cancelled", "cancelled")
    assert world.at_wechat()[0]["status"] == "INVOICE_REIMBURSE_CANCEL"
    assert "已撤销" in world.pages.get(world.address).text


def test_a_bill_reversed_before_the_bureau_inserts_never_becomes_a_card(world: World) -> None:
    """WeChat refuses the order for ever; the bureau's own try then fails, whatever it thinks."""
    world.uploaded()
    world.process.faults("bureau", idle={})
    world.let_in()
    assert world.there()["state"] == "waiting"
    world.reverse()
    assert world.card().state == "cancelled"
    world.decide("insert")
    assert (world.there()["state"], world.there()["reason"][:5]) == ("refused", "72035")
    assert world.at_wechat() == []


def test_a_reversal_that_crosses_the_insertion_is_told_to_the_bureau(world: World) -> None:
    """We still believe it handed over; WeChat says that it is a card, so its maker cancels it."""
    world.uploaded()
    world.process.faults("bureau", idle={})
    world.let_in()
    world.decide("insert")
    assert (world.card().state, world.there()["state"]) == ("handed_over", "inserted")
    world.reverse()
    assert (world.card().state, world.at_wechat()[0]["status"]) == ("cancelled", "INVOICE_REIMBURSE_CANCEL")


def test_a_bureau_that_refuses_is_said_so_and_may_be_asked_anew(world: World) -> None:
    """It does not have the bill: no card, the order dead at WeChat, a new try has another order and goes through."""
    world.let_in()
    wait_for(lambda: world.there()["state"] == "refused")
    world.passed()
    first = world.card()
    assert first.state == "failed" and "财政没有这张票据" in first.reason
    assert "请下载 PDF" in world.pages.get(world.address).text
    world.uploaded()
    world.let_in()
    assert world.card().order_id != first.order_id
    wait_for(lambda: world.there()["state"] == "inserted")
    world.passed()
    assert world.card().state == "inserted"


def test_silence_ends_in_a_week_with_one_card_or_none(world: World) -> None:
    """The bureau is away: handed over again until it is back. It never answers: void, or inserted if WeChat knows."""
    world.uploaded()
    world.process.faults("bureau", down={"probability": 1})
    world.let_in()
    assert world.card().state == "authorised"
    world.process.faults("bureau", idle={}, half_answer={"count": 1})
    world.passed()
    world.passed(timedelta(days=6))
    assert world.card().state == "handed_over" and world.there()["asked"] >= 1
    world.passed(timedelta(days=7, minutes=1))
    assert (world.card().state, world.card().reason) == ("failed", "财政平台七天没有放入")
    world.decide("insert")
    assert world.at_wechat() == [] and world.there()["reason"].startswith("72035")
    world.process.faults("bureau", mute={"probability": 1})
    world.let_in()
    wait_for(lambda: world.there()["state"] == "inserted")
    world.passed(timedelta(days=8))
    assert (world.card().state, world.card().reason) == ("inserted", "卡片已在卡包，平台没有返回卡号")
    world.process.faults("bureau")
    world.reverse()
    assert (world.card().state, world.at_wechat()[0]["status"]) == ("cancelled", "INVOICE_REIMBURSE_CANCEL")


def test_a_wrong_key_is_our_set_up_and_an_order_they_have_lost_is_handed_over_again(world: World) -> None:
    bad = {"X-Qupiao-Timestamp": "1", "X-Qupiao-Nonce": "n", "X-Qupiao-Signature": "0" * 64}
    address = world.process.url("/bureau/orders")
    assert httpx.post(address, json={"order_id": "x"}, headers=bad, trust_env=False).status_code == 401
    world.uploaded()
    world.authorise(world.order())
    with world.services.database.write() as connection:
        connection.execute(update(BILL_CARD).values(state="handed_over", state_at=now()))
        card_id = connection.scalar(select(BILL_CARD.c.id))
        orders.tasks.enqueue(connection, orders.WATCH_TOPIC, "watch:test", {"card": card_id})
    world.worker.drain()
    wait_for(lambda: world.there()["state"] == "inserted")
    world.passed()
    assert world.card().state == "inserted"


def test_without_an_address_it_is_handed_over_by_hand(settings: DemoSettings, process: Simulators) -> None:
    """The page says whom it waits for, and a reversal still ends the order."""
    world = World(settings, process, "BUREAU-BY-HAND", url=False)
    world.let_in()
    assert (world.card().state, world.card().reason) == ("handed_over", "请把订单号交给财政平台")
    assert not world.at_wechat() and "等财政平台放入" in world.pages.get(world.address).text
    world.reverse()
    assert world.card().state == "cancelled"
    world.end()
