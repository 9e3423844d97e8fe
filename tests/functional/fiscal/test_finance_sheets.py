"""9304–9306 over real HTTP: finance hears which sheet stands for which bill, and which numbers are void; each once."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import update

from portal.core.breaker import Breaker
from portal.core.clock import now
from portal.fiscal.jobs import STOCK_WORK, run
from portal.models import FinanceMessage
from portal.models.tables import OUTBOX_TASK, PAPER_BILL
from portal.outbox.worker import Worker
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.national.paper_messages import ENDED, EXCHANGED
from tests.support.finance import World
from tests.support.window import CODE, Window, shift

TOPICS = ("finance.sheets", "finance.void")


def tell(world: World) -> list[str]:
    """Let a worker do all that is due; how the tasks stand then."""
    link = FinanceLink(world.finance.client(timeout=2.0), Breaker(most=1000))
    handlers = {topic: partial(run, STOCK_WORK[topic], link) for topic in TOPICS}
    with world.services.database.write() as connection:
        connection.execute(update(OUTBOX_TASK).where(OUTBOX_TASK.c.state == "pending").values(due_at=now()))
    Worker(world.services, handlers, threads=1).drain()
    return [row.state for row in world.rows(OUTBOX_TASK) if row.topic in TOPICS]


def there(world: World) -> dict[str, list[dict[str, Any]]]:
    """What finance has."""
    found: dict[str, list[dict[str, Any]]] = world.finance.get("/finance/sheets.json")
    return found


def test_a_sheet_and_its_end_in_their_order_once_finance_knows_the_bill(world: World) -> None:
    window = Window(world.his)
    bill = window.issue("SH1")
    first = window.next()
    assert window.turn(bill, first).ok
    assert tell(world) == ["pending"] and there(world)["sheet"] == [], "not supervised: finance does not know it"
    world.work()
    assert window.turn(bill, shift(first, 1), "reTurnPaper").ok, "before finance heard of the first"
    assert set(tell(world)) == {"done"}
    found = there(world)["sheet"]
    assert [(one["paper_number"], one["ended_at"] is None) for one in found] == [
        (first, False),
        (shift(first, 1), True),
    ]
    assert {(one["bill_code"], one["number"], one["paper_code"], one["operator"]) for one in found} == {
        (bill["billBatchCode"], bill["billNo"], CODE, "收费员甲")
    }
    assert [row.message_no for row in world.rows(FinanceMessage.__table__, bill_id=None)] == [
        EXCHANGED,
        ENDED,
        EXCHANGED,
    ]
    [listed] = [row for row in world.finance.get("/finance/bills.json") if row["number"] == bill["billNo"]]
    assert listed["sheet"] == f"{CODE} {shift(first, 1)}"
    assert window.invalidate(shift(first, 1)).ok and set(tell(world)) == {"done"}
    assert all(one["ended_at"] for one in there(world)["sheet"]) and there(world)["sheet"][1]["reason"] == "退费"
    assert all(row.told_at and row.end_told_at for row in world.rows(PAPER_BILL))


def test_an_answer_that_was_lost_is_asked_for_again(world: World) -> None:
    window = Window(world.his)
    bill = window.issue("SH2")
    world.work()
    number = window.next()
    assert window.turn(bill, number).ok
    world.finance.faults("finance", answer_lost={"count": 2})
    assert tell(world) == ["pending"] and world.rows(PAPER_BILL)[0].told_at is None
    assert tell(world) == ["pending"]
    assert tell(world) == ["done"]
    [sheet] = there(world)["sheet"]
    assert sheet["attempts"] == 3
    assert [row.outcome for row in world.rows(FinanceMessage.__table__, bill_id=None)] == [
        "failed",
        "failed",
        "duplicate",
    ]


def test_void_numbers_are_told_by_their_document(world: World) -> None:
    window = Window(world.his)
    first = window.next()
    assert window.lose(first, shift(first, 2)).ok
    world.finance.faults("finance", down={"count": 1})
    assert tell(world) == ["pending"] and tell(world) == ["done"]
    [void] = there(world)["void"]
    assert (void["bill_code"], void["first"], void["last"]) == (CODE, int(first), int(first) + 2)
    assert void["reason"] == "卡纸" and void["attempts"] == 1
