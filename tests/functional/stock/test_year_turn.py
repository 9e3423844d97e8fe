"""The turn of the year: told in December, prepared in advance, named in January, the old numbers put away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, select

from portal.access import parameters
from portal.core.clock import local, midnight, now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.numbers import NumberRun, bill_code
from portal.domain.states.stock import AlarmRule
from portal.models import BillKind, Point, StockSlip
from portal.stock import alarms, balances, rules, watch, years
from portal.stock.documents import applications, handouts, receipts, returns
from portal.stock.documents.applications import Application
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.returns import Return
from portal.stock.rules import Rule
from tests.support import clock, codes
from tests.support.console import Console
from tests.support.his import His, outpatient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

YEAR = local(now()).year
NEW_YEAR = midnight(datetime(YEAR + 1, 1, 1, tzinfo=UTC).date())
DECEMBER = NEW_YEAR - timedelta(days=20)
OLD, NEW = codes.OUTPATIENT, bill_code(codes.OUTPATIENT[:6], YEAR + 1)
KEEPER, OTHER = Actor("staff:keeper", "甲", 1, "r1"), Actor("staff:other", "乙", 1, "r2")


@pytest.fixture
def services(app: Flask) -> Services:
    """The services of the application."""
    built: Services = app.extensions["qupiao"].services
    return built


def standing(services: Services, rule: AlarmRule) -> set[str]:
    """The subjects of a rule that stand after a look of the watch."""
    watch.watch(services.database, 1)
    with services.database.read() as connection:
        return alarms.standing(connection, 1, rule)


def words(services: Services, subject: str) -> str:
    """The text of an alarm that stands."""
    with services.database.read() as connection:
        table = alarms.STOCK_ALARM
        standing_one = select(table.c.text).where(table.c.subject == subject, table.c.cleared_at.is_(None))
        return str(connection.scalar(standing_one))


def receive(services: Services, code: str, first: int = 1, last: int = 500_000) -> None:
    """Opening stock of a code, confirmed by a second person."""
    no = receipts.enter_opening(services, KEEPER, NumberRun(code, first, last))
    services.database.act(lambda connection: receipts.confirm_on(connection, OTHER, no))


def points_of(connection: Connection) -> dict[str, int]:
    """The points by code."""
    return {row.code: row.id for row in connection.execute(select(Point.code, Point.id))}


def test_nothing_is_said_before_the_settable_day(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, midnight(datetime(YEAR, 11, 30, tzinfo=UTC).date()))
    assert standing(services, AlarmRule.NEXT_YEAR) == set()
    parameters.save(services, KEEPER, years.NEXT_YEAR_FROM, "11-15")
    assert f"unit:{NEW}" in standing(services, AlarmRule.NEXT_YEAR)
    with pytest.raises(Exception, match="格式不正确"):
        parameters.save(services, KEEPER, years.NEXT_YEAR_FROM, "13-01")


def test_every_kind_is_missed_then_every_point(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, DECEMBER)
    with services.database.read() as connection:
        places = balances.holdings(connection, 1)
    held = {each.bill_code for each in places}
    by_hand = {each.place for each in places if each.bill_code == OLD and each.point_id and not each.lot}
    assert standing(services, AlarmRule.NEXT_YEAR) == {f"unit:{bill_code(code[:6], YEAR + 1)}" for code in held}
    assert f"还没有 {YEAR + 1} 年的" in words(services, f"unit:{NEW}")
    receive(services, NEW)
    missing = {subject for subject in standing(services, AlarmRule.NEXT_YEAR) if subject.endswith(NEW)}
    assert missing == {f"{place}:{NEW}" for place in by_hand}, "the unit has them, the points do not"
    with services.database.read() as connection:
        window = points_of(connection)["01"]
    no = handouts.draft(services, KEEPER, HandOut(window, NEW, 100))
    handouts.hand_out(services, KEEPER, no)
    assert f"{window}:{NEW}" not in standing(services, AlarmRule.NEXT_YEAR)
    standing_one = next(iter(standing(services, AlarmRule.NEXT_YEAR)))
    with services.database.read() as connection:
        table = alarms.STOCK_ALARM
        number = connection.scalar(select(table.c.id).where(table.c.subject == standing_one))
    alarms.settle(services, KEEPER, int(number or 0))
    assert standing_one not in standing(services, AlarmRule.NEXT_YEAR), "a person has dealt with it"


def test_a_point_with_an_automatic_lot_is_handed_next_year_s_numbers(
    services: Services, his: His, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(monkeypatch, DECEMBER)
    with services.database.read() as connection:
        kind = connection.scalar(select(BillKind.id).where(BillKind.prefix == OLD[:6]))
        window = points_of(connection)["01"]
    rules.set_rule(services, KEEPER, Rule(int(kind or 0), window, 50, 200))
    receive(services, NEW)
    watch.watch(services.database, 1)
    watch.watch(services.database, 1)
    with services.database.read() as connection:
        lots = select(StockSlip.count).where(StockSlip.point_id == window, StockSlip.bill_code == NEW)
        assert connection.scalars(lots).all() == [200]
    clock.move(monkeypatch, NEW_YEAR)
    answer = his.call("invoiceEBillOutpatient", outpatient("Y1"))
    assert answer.payload["billBatchCode"] == NEW


def test_the_new_year_names_its_code(services: Services, his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, NEW_YEAR - timedelta(seconds=60))
    assert his.call("invoiceEBillOutpatient", outpatient("Y1")).payload["billBatchCode"] == OLD
    clock.move(monkeypatch, NEW_YEAR)
    answer = his.call("invoiceEBillOutpatient", outpatient("Y2"))
    assert answer.result == "E3006" and NEW in answer.message and f"{YEAR + 1} 年的号段" in answer.message
    assert f"unit:{NEW}" in standing(services, AlarmRule.THIS_YEAR)
    assert "现在不能开票" in words(services, f"unit:{NEW}")
    assert standing(services, AlarmRule.NEXT_YEAR) == set(), "December's text is over"
    receive(services, NEW)
    refused = his.call("invoiceEBillOutpatient", outpatient("Y2"))
    assert refused.result == "E3001" and "号段已用完" in refused.message, "in the house, not yet handed out"
    with services.database.read() as connection:
        window = points_of(connection)["01"]
    no = handouts.draft(services, KEEPER, HandOut(window, NEW, 100))
    handouts.hand_out(services, KEEPER, no)
    handouts.accept(services, KEEPER, no)
    assert his.call("invoiceEBillOutpatient", outpatient("Y2")).payload["billBatchCode"] == NEW
    assert his.call("invoiceEBillOutpatient", outpatient("Y1")).payload["billBatchCode"] == OLD, "last year's answer"


def test_old_numbers_are_put_away(services: Services, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, NEW_YEAR + timedelta(days=3))
    assert f"unit:{OLD}" in standing(services, AlarmRule.OLD_YEAR)
    assert "已跨年停用" in words(services, f"unit:{OLD}") and "申退" in words(services, f"unit:{OLD}")
    with services.database.read() as connection:
        holdings = balances.holdings(connection, 1)
        stock = next(each for each in holdings if each.bill_code == OLD and each.point_id is None)
    assert {each.state for each in holdings} == {"over"}
    page = Console(app, "keeper").get("/console/stock/balances").text
    assert "已跨年停用" in page and "低于预警线" not in page.split("<tbody>", 1)[1]
    no = returns.report(services, KEEPER, Return(NumberRun(OLD, stock.first or 0, stock.last or 0), "跨年申退"))
    assert no.startswith("ST")


def test_days_of_stock_end_with_the_year(services: Services, his: His, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.move(monkeypatch, DECEMBER)
    for serial in range(5):
        assert his.call("invoiceEBillOutpatient", outpatient(f"D{serial}")).ok
    with services.database.read() as connection:
        kind = int(connection.scalar(select(BillKind.id).where(BillKind.prefix == OLD[:6])) or 0)
        days = {each.days for each in balances.holdings(connection, 1) if each.bill_code == OLD}
        this, following = (balances.suggest(connection, 1, kind, later) for later in (0, 1))
    assert max(day or 0 for day in days) == 20
    assert (this.bill_code, this.quantity, this.days) == (OLD, 0, 20)
    assert (following.bill_code, following.stock, following.quantity) == (NEW, 0, 100)


def test_applications_for_both_years_wait_side_by_side(
    services: Services, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move(monkeypatch, DECEMBER)
    with services.database.read() as connection:
        kind = int(connection.scalar(select(BillKind.id).where(BillKind.prefix == OLD[:6])) or 0)
    page = Console(app, "keeper").get("/console/stock/applications/new")
    assert f"{YEAR + 1} 年" in page.text and NEW in page.text
    for code in (OLD, NEW):
        no = applications.draft(services, KEEPER, Application(kind, code, 100, "年度用量"))
        applications.report(services, KEEPER, no)
    no = applications.draft(services, KEEPER, Application(kind, NEW, 100, "又一次"))
    with pytest.raises(Exception, match="APPLICATION_PENDING|申领"):
        applications.report(services, KEEPER, no)
