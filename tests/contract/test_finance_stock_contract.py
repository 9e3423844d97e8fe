"""Messages 9201–9207 between the platform and the simulated finance office, over real HTTP, with its faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.breaker import Breaker
from portal.core.clock import now
from portal.core.database import Database
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import AlarmRule
from portal.fiscal import stock as fiscal
from portal.fiscal.jobs import STOCK_WORK, run
from portal.models import (
    BillKind,
    FinanceMessage,
    OutboxTask,
    StockAlarm,
    StockApplication,
    StockReceipt,
    StockReconcile,
    StockReturn,
)
from portal.outbox import tasks
from portal.outbox.worker import Worker
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.messages import (
    ApplicationQuery,
    FinanceAway,
    NumberApplication,
    SegmentConfirmation,
    SegmentsQuery,
    Withdrawal,
)
from portal.providers.finance.result_codes import ResultCode
from portal.stock import alarms, balances
from portal.stock.books.fates import consistent, identity
from portal.stock.documents import applications, receipts, returns
from portal.stock.documents.applications import Application, Change
from portal.stock.documents.returns import Return
from tests.support import codes
from tests.support.length import sqlite_first
from tests.support.processes.simulators import Simulators, running_simulators

AGENCY = "TEST0000000000001X"
CODE = codes.this_year("990401")
KEEPER = Actor("staff:keeper", "票管员", 1, "r1")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    """One finance office for the module; every test uses keys of its own."""
    with running_simulators(tmp_path_factory.mktemp("finance")) as simulators:
        yield simulators


@pytest.fixture
def finance(office: Simulators) -> Iterator[Simulators]:
    """The same as on its first day: all faults off, applications approved at once."""
    office.faults("finance")
    office.post("/finance/stock/forget", {})
    yield office
    office.faults("finance")


class Unit:
    """The platform's side: an installation whose outbox speaks to that office."""

    def __init__(self, app: Flask, finance: Simulators) -> None:
        self.services: Services = app.extensions["qupiao"].services
        self.database: Database = self.services.database
        self.finance = finance
        link = FinanceLink(finance.client(timeout=1.0), Breaker(most=1000))
        work = {topic: partial(run, one, link) for topic, one in STOCK_WORK.items()}
        self.worker = Worker(self.services, work, threads=1)

    def drain(self) -> None:
        """Do what is due, now or after a back-off."""
        self.worker.drain()

    def again(self) -> None:
        """Make every waiting task due and do it."""
        with self.database.write() as connection:
            connection.execute(OutboxTask.__table__.update().values(due_at=now()).where(OutboxTask.state == "pending"))
        self.worker.drain()

    def poll(self) -> None:
        """One run of the periodic job."""
        with self.database.write() as connection:
            tasks.enqueue(connection, fiscal.POLL_TOPIC, f"poll:{now().isoformat()}", {})
        self.worker.drain()

    def apply(self, quantity: int = 300) -> str:
        """A reported application."""
        with self.database.write() as connection:
            kind = connection.scalar(select(BillKind.id).where(BillKind.prefix == CODE[:6]))
            no = applications.draft_on(connection, KEEPER, Application(kind, CODE, quantity, "补充库存"))
            applications.report_on(connection, KEEPER, no)
        return no

    def application(self, no: str) -> Any:
        with self.database.read() as connection:
            return connection.execute(select(StockApplication.__table__).where(StockApplication.no == no)).one()

    def receipts(self, **where: object) -> list[Any]:
        """Receipts from finance, oldest first."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(StockReceipt.__table__).where(StockReceipt.finance_id.is_not(None)).order_by(StockReceipt.id)
            ).all()
        return [row for row in rows if all(getattr(row, name) == value for name, value in where.items())]

    def grant(self, segment_id: str) -> Any:
        """What finance knows of a segment."""
        return next(r for r in self.finance.get("/finance/stock/grants.json") if r["segment_id"] == segment_id)

    def holds(self) -> None:
        with self.database.read() as connection:
            assert identity(consistent(connection)).holds

    def sent(self, message_no: str) -> list[str]:
        """Outcomes of the messages of one number, in order."""
        with self.database.read() as connection:
            return list(
                connection.scalars(
                    select(FinanceMessage.outcome)
                    .where(FinanceMessage.message_no == message_no)
                    .order_by(FinanceMessage.message_id)
                )
            )


@pytest.fixture
def unit(app: Flask, finance: Simulators) -> Unit:
    return Unit(app, finance)


@sqlite_first
def test_from_application_to_stock(unit: Unit) -> None:
    """申领 → 上报 → 通过 → 下发 → 入库确认: stock grows by the count; finance sees the confirmation once."""
    no = unit.apply(300)
    unit.drain()
    assert unit.application(no).state == "reviewing"
    unit.poll()
    row = unit.application(no)
    assert (row.state, row.approved, row.reviewer) == ("issued", 300, "演示财政审批员")
    receipt = unit.receipts(application_id=row.id)[0]
    assert (receipt.state, receipt.count, receipt.source) == ("waiting", 300, "application")
    with unit.database.write() as connection:
        receipts.confirm_on(connection, KEEPER, receipt.no)
    unit.drain()
    assert unit.application(no).state == "received"
    known = unit.grant(receipt.finance_id)
    assert (known["confirmed"], known["operator"], known["attempts"]) == (300, "票管员", 1)
    unit.poll()
    assert len(unit.receipts(application_id=row.id)) == 1
    unit.holds()


@sqlite_first
def test_approved_for_less(unit: Unit) -> None:
    unit.finance.post("/finance/stock/mode", {"mode": "less"})
    no = unit.apply(301)
    unit.drain()
    unit.poll()
    row = unit.application(no)
    assert (row.quantity, row.approved) == (301, 150)
    assert unit.receipts(application_id=row.id)[0].count == 150


@sqlite_first
def test_returned_with_opinion_then_reported_again(unit: Unit) -> None:
    """A returned application is edited and goes out under a new ApplyNo; twice returned works too."""
    unit.finance.post("/finance/stock/mode", {"mode": "return"})
    no = unit.apply(300)
    for turn in (1, 2):
        unit.drain()
        unit.poll()
        row = unit.application(no)
        assert row.state == "returned" and "演示意见" in row.opinion and row.revision == turn
        with unit.database.write() as connection:
            applications.change_on(connection, KEEPER, Change(no, 200, "减量"))
            applications.report_on(connection, KEEPER, no)
    unit.finance.post("/finance/stock/mode", {"mode": "auto"})
    unit.drain()
    unit.poll()
    assert unit.application(no).state == "issued"
    numbers = [row["apply_no"] for row in unit.finance.get("/finance/stock/applications.json")]
    assert {no, f"{no}-2", f"{no}-3"} <= set(numbers)


@sqlite_first
def test_decided_by_hand(unit: Unit) -> None:
    unit.finance.post("/finance/stock/mode", {"mode": "hand"})
    no = unit.apply(300)
    unit.drain()
    unit.poll()
    assert unit.application(no).state == "reviewing"
    body = {"apply_no": no, "act": "approve", "quantity": 250, "opinion": "按上月用量核减"}
    assert unit.finance.post("/finance/stock/decide", body) == {"decided": True}
    assert unit.finance.post("/finance/stock/decide", body) == {"decided": False}
    unit.poll()
    row = unit.application(no)
    assert (row.state, row.approved, row.opinion) == ("issued", 250, "按上月用量核减")


@sqlite_first
def test_withdrawn_while_finance_waits_and_too_late_after(unit: Unit) -> None:
    unit.finance.post("/finance/stock/mode", {"mode": "hand"})
    first = unit.apply(300)
    unit.drain()
    with unit.database.write() as connection:
        assert applications.withdraw_on(connection, KEEPER, first) == "withdrawing"
    unit.drain()
    assert unit.application(first).state == "withdrawn"
    second = unit.apply(300)
    unit.drain()
    unit.finance.post("/finance/stock/decide", {"apply_no": second, "act": "approve", "quantity": 300})
    with unit.database.write() as connection:
        applications.withdraw_on(connection, KEEPER, second)
    unit.drain()
    assert unit.application(second).state == "reviewing"
    unit.poll()
    assert unit.application(second).state == "issued"


@sqlite_first
@pytest.mark.parametrize("fault", ["answer_lost", "half_answer", "down", "busy", "hang_up", "wrong_digest"])
def test_every_act_survives_a_bad_line(unit: Unit, fault: str) -> None:
    """Each message fails once and is sent again: one application, one confirmation, one return at finance."""
    unit.finance.faults("finance", **{fault: {"count": 1}})
    no = unit.apply(300)
    unit.drain()
    unit.again()
    assert unit.application(no).state == "reviewing"
    assert unit.sent("9201")[0] == "failed" and unit.sent("9201")[-1] in ("accepted", "duplicate")
    unit.poll()
    receipt = unit.receipts(application_id=unit.application(no).id)[0]
    unit.finance.faults("finance", **{fault: {"count": 1}})
    with unit.database.write() as connection:
        receipts.confirm_on(connection, KEEPER, receipt.no)
        back = returns.report_on(connection, KEEPER, Return(NumberRun(CODE, receipt.last - 9, receipt.last), "多余"))
    unit.drain()
    unit.again()
    assert unit.grant(receipt.finance_id)["confirmed"] == 300
    given = [row for row in unit.finance.get("/finance/stock/returns.json") if row["return_no"] == back]
    assert len(given) == 1 and given[0]["status"] == "1"
    with unit.database.read() as connection:
        assert connection.scalar(select(StockReturn.state).where(StockReturn.no == back)) == "accepted"
    unit.holds()


@sqlite_first
def test_slow_finance_times_out_and_is_asked_again(unit: Unit) -> None:
    unit.finance.faults("finance", slow={"count": 1, "value": 1500})
    no = unit.apply(300)
    unit.drain()
    assert unit.sent("9201") == ["failed"]
    unit.again()
    assert unit.application(no).state == "reviewing"


@sqlite_first
@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("segment_overlap", "重叠"),
        ("segment_unit", "单位不符"),
        ("segment_count", "份数不符"),
        ("segment_year", "年度不符"),
        ("segment_again", "重叠"),
    ],
)
def test_bad_segments_are_refused_and_finance_is_told(unit: Unit, fault: str, word: str) -> None:
    unit.finance.faults("finance", **{fault: {"count": 1}})
    pushed = unit.finance.post("/finance/stock/push", {"agency": AGENCY, "bill_code": CODE, "quantity": 100})
    assert pushed["segment"]
    unit.poll()
    refused = unit.receipts(state="refused")
    assert [word in row.problem for row in refused] == [True]
    unit.drain()
    known = unit.grant(refused[0].finance_id)
    assert known["confirmed"] == 0 and word in known["opinion"]
    with unit.database.read() as connection:
        words = connection.execute(select(StockAlarm.text).where(StockAlarm.subject == refused[0].no)).scalars().all()
    assert len(words) == 1 and word in words[0]
    unit.holds()


@sqlite_first
def test_the_same_segment_twice_is_one(unit: Unit) -> None:
    unit.finance.faults("finance", segment_twice={"count": 3})
    unit.finance.post("/finance/stock/push", {"agency": AGENCY, "bill_code": CODE, "quantity": 100})
    for _ in range(3):
        unit.poll()
    assert [(row.state, row.source) for row in unit.receipts()] == [("waiting", "push")]
    assert len(unit.finance.get("/finance/stock/grants.json")) == 1


@sqlite_first
def test_refused_returns_come_back(unit: Unit) -> None:
    unit.finance.faults("finance", return_refused={"count": 1})
    with unit.database.write() as connection:
        no = returns.report_on(connection, KEEPER, Return(NumberRun(CODE, 7_000_004_001, 7_000_004_100), "停用"))
    unit.drain()
    with unit.database.read() as connection:
        row = connection.execute(select(StockReturn.state, StockReturn.opinion).where(StockReturn.no == no)).one()
        assert row.state == "refused" and "暂不收回" in row.opinion
        stock = [each for each in balances.holdings(connection, 1) if (each.place, each.bill_code) == ("unit", CODE)]
    assert stock[0].left == 4000
    unit.holds()


@sqlite_first
def test_comparison_lists_differences_and_alarms_once(unit: Unit) -> None:
    """9206: equal first; then finance counts otherwise: listed by name, one alarm; equal again: cleared."""

    def compare() -> Any:
        with unit.database.write() as connection:
            tasks.enqueue(connection, fiscal.CHECK_TOPIC, f"check:{now().isoformat()}", {"now": True})
        unit.drain()
        with unit.database.read() as connection:
            return connection.execute(
                select(StockReconcile.__table__).order_by(StockReconcile.id.desc()).limit(1)
            ).one()

    assert compare().equal
    unit.finance.faults("finance", stock_differs={"count": 2})
    for _ in range(2):
        found = compare()
        assert [(each["bill_code"], each["item"]) for each in found.differences] == [(CODE, "领入")]
    with unit.database.read() as connection:
        assert len(connection.execute(select(StockAlarm.id).where(StockAlarm.rule == "reconcile")).all()) == 1
    unit.apply(100)
    unit.drain()
    unit.poll()
    with unit.database.write() as connection:
        receipts.confirm_on(connection, KEEPER, unit.receipts()[0].no)
    unit.drain()
    assert compare().equal
    with unit.database.read() as connection:
        assert alarms.standing(connection, 1, AlarmRule.RECONCILE) == set()


def test_keys_are_idempotent_at_finance(finance: Simulators) -> None:
    """ApplyNo, segment id and return no. again: the same answer; with other content: 4002; unknown: named."""
    client = finance.client()
    first = NumberApplication(AGENCY, "SLX1", CODE, 100, "一")
    assert client.ask(first).code == ResultCode.OK
    assert client.ask(first).code == ResultCode.DUPLICATE_SAME
    other = NumberApplication(AGENCY, "SLX1", CODE, 101, "一")
    assert client.ask(other).code == ResultCode.DUPLICATE_OTHER
    for quantity, code in ((0, CODE), (5, "99999926")):
        answer = client.ask(NumberApplication(AGENCY, f"SLX{quantity}", code, quantity, ""))
        assert answer.code == ResultCode.FIELD_INVALID
    assert client.ask(ApplicationQuery(AGENCY, "NOBODY")).code == ResultCode.APPLICATION_UNKNOWN
    assert client.ask(Withdrawal(AGENCY, "NOBODY")).code == ResultCode.APPLICATION_UNKNOWN
    assert client.ask(SegmentConfirmation("HDNONE", 1, "甲", now())).code == ResultCode.SEGMENT_UNKNOWN


def test_many_segments_come_page_by_page(finance: Simulators) -> None:
    for _ in range(3):
        finance.post("/finance/stock/push", {"agency": AGENCY, "bill_code": codes.this_year("990421"), "quantity": 10})
    client, day = finance.client(), date.today() - timedelta(days=1)
    first = client.ask(SegmentsQuery(AGENCY, day, 1)).content
    assert first is not None and len(first.items) == first.total >= 3
    beyond = client.ask(SegmentsQuery(AGENCY, day, 2)).content
    assert beyond is not None and beyond.items == ()


def test_a_stranger_cannot_apply(finance: Simulators) -> None:
    with pytest.raises(FinanceAway):
        finance.client(app_key="another").ask(NumberApplication(AGENCY, "SLX9", CODE, 1, ""))
    assert "SLX9" not in str(finance.get("/finance/stock/applications.json"))


@sqlite_first
def test_a_worker_that_dies_after_the_effect_repeats_it_harmlessly(unit: Unit) -> None:
    """The confirmation reached finance, the worker died before saying so: the next one is told 4001."""
    unit.finance.post("/finance/stock/push", {"agency": AGENCY, "bill_code": CODE, "quantity": 20})
    unit.poll()
    receipt = unit.receipts(state="waiting")[-1]
    with unit.database.write() as connection:
        receipts.confirm_on(connection, KEEPER, receipt.no)
    confirmation = SegmentConfirmation(receipt.finance_id, receipt.count, "票管员", now())
    assert unit.finance.client().ask(confirmation).code == ResultCode.OK
    unit.drain()
    assert unit.sent("9204") == ["duplicate"] and unit.grant(receipt.finance_id)["attempts"] == 2


def test_the_page_shows_and_decides(finance: Simulators) -> None:
    page = finance.page("/finance/stock")
    assert "演示" in page and "人工审批" in page and "主动下发" in page
