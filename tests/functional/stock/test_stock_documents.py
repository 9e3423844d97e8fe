"""The stock's documents: what each does to the numbers, and what it refuses. The identity holds after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import DBAPIError

from portal.approvals import requests
from portal.approvals.registry import Decision
from portal.core.database import Database
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import AlarmRule, Fate
from portal.models import BillKind, NumberSegment, Point, StockAlarm, StockMovement, StockReceipt, StockSlip
from portal.stock import alarms, balances, rules, watch
from portal.stock.books.fates import consistent, fate_map, identity
from portal.stock.documents import applications, destructions, handouts, receipts, returns, voids
from portal.stock.documents.applications import Application, Change
from portal.stock.documents.destructions import Destruction
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.returns import Answer, Return
from portal.stock.documents.voids import Void
from portal.stock.ranges import peek, take_number
from portal.stock.rules import Rule
from tests.support import codes
from tests.support.his import His, outpatient

CODE = codes.this_year("990421")
BILLS = codes.OUTPATIENT
ONE, TWO = Actor("staff:one", "甲", 1, "r1"), Actor("staff:two", "乙", 1, "r2")


@pytest.fixture
def database(app: Flask) -> Iterator[Database]:
    made: Database = app.extensions["qupiao"].services.database
    yield made
    with made.read() as connection:
        found = identity(consistent(connection))
        assert found.holds, [str(each) for each in found.differences]
        assert all(each.holds for each in found.balances)
        for segment in connection.scalars(select(NumberSegment.id)):
            tiles(connection, segment)


def tiles(connection: Connection, segment_id: int) -> None:
    """The number map of a segment covers each of its numbers exactly once."""
    segment = connection.execute(select(NumberSegment.__table__).where(NumberSegment.id == segment_id)).one()
    following = segment.first
    for run in fate_map(connection, segment_id):
        assert run.first == following, f"{run} after {following - 1}"
        following = run.last + 1
    assert following == segment.last + 1


@contextmanager
def refused(database: Database, code: str) -> Iterator[Connection]:
    """The act must be refused with this code and leave nothing behind."""
    with database.read() as connection:
        before = connection.scalar(select(func.count()).select_from(StockMovement))
    with pytest.raises(Refusal) as refusal, database.write() as connection:
        yield connection
    assert refusal.value.code == code
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(StockMovement)) == before


def do(database: Database, act: Callable[..., object], *arguments: object, by: Actor = ONE) -> object:
    """One act in its own transaction."""
    with database.write() as connection:
        return act(connection, by, *arguments)


def point(database: Database, code: str) -> int:
    """A point's id."""
    with database.read() as connection:
        return connection.scalar(select(Point.id).where(Point.code == code))


def fates(database: Database, code: str = CODE) -> dict[Fate, int]:
    """How many numbers of a code have which fate."""
    found: dict[Fate, int] = {}
    with database.read() as connection:
        for segment in connection.scalars(select(NumberSegment.id).where(NumberSegment.bill_code == code)):
            for run in fate_map(connection, segment):
                found[run.fate] = found.get(run.fate, 0) + run.count
    return found


def test_a_window_accepts_before_it_uses(database: Database) -> None:
    window = point(database, "02")
    no = do(database, handouts.draft_on, HandOut(window, CODE, 100))
    assert fates(database) == {Fate.HANDED_OUT: 1000, Fate.UNIT: 1000}
    do(database, handouts.hand_out_on, no)
    with database.read() as connection:
        assert peek(connection, window, CODE) is None
    do(database, handouts.accept_on, no, by=TWO)
    with database.write() as connection:
        assert peek(connection, window, CODE) == 301_001
        assert balances.holdings(connection, 1)
    assert fates(database) == {Fate.HANDED_OUT: 1100, Fate.UNIT: 900}
    with refused(database, "DOCUMENT_STATE") as connection:
        handouts.accept_on(connection, TWO, str(no))
    with refused(database, "DOCUMENT_STATE") as connection:
        handouts.hand_out_on(connection, ONE, str(no))


def test_withdrawn_numbers_can_go_elsewhere(database: Database) -> None:
    no = do(database, handouts.draft_on, HandOut(point(database, "02"), CODE, 100))
    do(database, handouts.hand_out_on, no)
    assert do(database, handouts.withdraw_on, no) == 100
    again = do(database, handouts.draft_on, HandOut(point(database, "07"), CODE, 10, 301_051))
    do(database, handouts.hand_out_on, again)
    with database.read() as connection:
        assert peek(connection, point(database, "07"), CODE) == 301_051
    with refused(database, "DOCUMENT_STATE") as connection:
        handouts.withdraw_on(connection, ONE, str(no))
    assert fates(database) == {Fate.HANDED_OUT: 1010, Fate.UNIT: 990}


def test_only_the_unused_part_is_withdrawn(database: Database, his: His) -> None:
    with database.read() as connection:
        slip = connection.scalar(
            select(StockSlip.no).where(StockSlip.point_id == point(database, "02"), StockSlip.bill_code == BILLS)
        )
    assert his.call("invoiceEBillOutpatient", outpatient("W1", placeCode="02")).ok
    assert do(database, handouts.withdraw_on, slip) == 99_999
    assert not his.call("invoiceEBillOutpatient", outpatient("W2", placeCode="02")).ok
    assert fates(database, BILLS)[Fate.ISSUED] == 1


@pytest.mark.parametrize(
    ("count", "first", "code"),
    [(1001, None, "STOCK_SHORT"), (10, 300_001, "NUMBERS_NOT_IN_STOCK"), (10, 301_995, "NUMBERS_NOT_IN_STOCK")],
    ids=["more than there is", "handed out", "over the end"],
)
def test_what_is_not_in_stock_is_not_handed_out(database: Database, count: int, first: int | None, code: str) -> None:
    no = do(database, handouts.draft_on, HandOut(point(database, "02"), CODE, count, first))
    with refused(database, code) as connection:
        handouts.hand_out_on(connection, ONE, str(no))


def test_points_that_do_not_exist_or_work(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(Point).where(Point.code == "03").values(active=False))
    for place in (point(database, "03"), 9_999):
        with refused(database, "POINT_UNKNOWN") as connection:
            handouts.draft_on(connection, ONE, HandOut(place, CODE, 10))


def test_emergency_hand_outs_are_reserved(database: Database) -> None:
    before = fates(database, BILLS)[Fate.RESERVED]
    no = do(database, handouts.draft_on, HandOut(point(database, "99"), BILLS, 50))
    do(database, handouts.hand_out_on, no)
    assert fates(database, BILLS)[Fate.RESERVED] == before + 50
    with database.read() as connection:
        assert peek(connection, point(database, "99"), BILLS) is None


def test_returns_leave_and_come_back_when_refused(database: Database) -> None:
    no = do(database, returns.report_on, Return(NumberRun(CODE, 301_901, 302_000), "停用"))
    assert fates(database) == {Fate.HANDED_OUT: 1000, Fate.UNIT: 900, Fate.RETURNED: 100}
    with refused(database, "NUMBERS_NOT_IN_STOCK") as connection:
        returns.report_on(connection, ONE, Return(NumberRun(CODE, 302_000, 302_000), "再退"))
    do(database, returns.decide_on, Answer(str(no), False, "不收"))
    do(database, returns.decide_on, Answer(str(no), True, "晚到的第二个答复"))
    assert fates(database) == {Fate.HANDED_OUT: 1000, Fate.UNIT: 1000}


def test_stock_voids_wait_for_a_second_person(database: Database) -> None:
    no = do(database, voids.propose_on, Void(NumberRun(CODE, 301_001, 301_010), "印制错误"))
    assert fates(database)[Fate.UNIT] == 1000
    do(database, voids.carry_out_on, no, by=TWO)
    assert fates(database) == {Fate.HANDED_OUT: 1000, Fate.UNIT: 990, Fate.VOID: 10}
    with refused(database, "DOCUMENT_STATE") as connection:
        voids.carry_out_on(connection, TWO, str(no))
    other = do(database, voids.propose_on, Void(NumberRun(CODE, 301_011, 301_012), "试"))
    do(database, voids.refuse_on, other, by=TWO)
    assert fates(database)[Fate.VOID] == 10


def test_voids_and_destructions_are_decided_outside_of_the_console_too(app: Flask, database: Database) -> None:
    """The registry of the process knows the acts: no page is needed to agree, and none to refuse."""
    runtime, run = app.extensions["qupiao"], NumberRun(CODE, 301_001, 301_010)

    def decide(kind: str, no: str, approve: bool) -> str:
        with database.read() as connection:
            approval = requests.of_object(connection, kind, no)
        assert approval is not None
        return runtime.approvals.decide(runtime.services, TWO, Decision(approval.id, approve, "已核对"))

    no = voids.ask(runtime.services, ONE, Void(run, "印制错误"))
    assert fates(database) == {Fate.HANDED_OUT: 1000, Fate.UNIT: 1000}
    assert decide(voids.APPROVAL, no, True) == f"{no} 已作废。"
    assert fates(database)[Fate.VOID] == 10
    first = destructions.ask(runtime.services, ONE, Destruction(run, "到期", "丙"))
    assert decide(destructions.APPROVAL, first, False) == ""
    second = destructions.ask(runtime.services, ONE, Destruction(run, "到期", "丙"))
    assert decide(destructions.APPROVAL, second, True) == f"{second} 已登记销毁。"


def test_only_void_numbers_are_destroyed_and_once(database: Database) -> None:
    do(
        database,
        voids.carry_out_on,
        do(database, voids.propose_on, Void(NumberRun(CODE, 301_001, 301_010), "印制错误")),
        by=TWO,
    )
    with refused(database, "NUMBERS_NOT_VOID") as connection:
        destructions.propose_on(connection, ONE, Destruction(NumberRun(CODE, 301_001, 301_011), "到期", "丙"))
    no = do(database, destructions.propose_on, Destruction(NumberRun(CODE, 301_001, 301_010), "到期", "丙"))
    with refused(database, "NUMBERS_NOT_VOID") as connection:
        destructions.propose_on(connection, ONE, Destruction(NumberRun(CODE, 301_005, 301_005), "到期", "丙"))
    do(database, destructions.carry_out_on, no, by=TWO)
    with refused(database, "DOCUMENT_STATE") as connection:
        destructions.refuse_on(connection, TWO, str(no))
    assert fates(database)[Fate.VOID] == 10


def test_a_point_that_runs_out_is_topped_up_in_the_same_bill(database: Database, his: His) -> None:
    """Story 12: kiosk A has 100,000 numbers and a rule; the one that finds it empty still gets its bill."""
    kiosk = point(database, "07")
    with database.read() as connection:
        slip = connection.scalar(select(StockSlip.no).where(StockSlip.point_id == kiosk, StockSlip.bill_code == BILLS))
    do(database, handouts.withdraw_on, slip)
    first = his.call("invoiceEBillOutpatient", outpatient("T1", placeCode="07"))
    assert first.ok, first.message
    with database.read() as connection:
        automatic = connection.execute(
            select(StockSlip.count, StockSlip.state).where(StockSlip.automatic, StockSlip.point_id == kiosk)
        ).all()
    assert automatic == [(5000, "accepted")]
    assert fates(database, BILLS)[Fate.ISSUED] == 1


def test_the_watch_tops_up_and_warns_once(database: Database) -> None:
    with database.read() as connection:
        kind = connection.scalar(select(BillKind.id).where(BillKind.prefix == CODE[:6]))
    window = point(database, "01")
    do(database, rules.set_rule_on, Rule(kind, window, 600, 200))
    do(database, rules.set_rule_on, Rule(kind, None, 900, 0))
    assert watch.watch(database, 1) == 1  # the window was topped up, which took the unit under its line
    assert watch.watch(database, 1) == 1
    with database.read() as connection:
        warnings = select(StockAlarm.subject, StockAlarm.text).where(StockAlarm.rule == AlarmRule.LOW)
        found = connection.execute(warnings).all()
        assert [row.subject for row in found] == [f"unit:{CODE}"] and "余 800 份，低于预警线 900 份" in found[0].text
        left = {each.place: each.left for each in balances.holdings(connection, 1) if each.bill_code == CODE}
    assert left[str(window)] == 700 and left["unit"] == 800
    do(database, rules.set_rule_on, Rule(kind, None, 800, 0))
    assert watch.watch(database, 1) == 0
    with database.read() as connection:
        assert alarms.standing(connection, 1, AlarmRule.LOW) == set()


def test_rules_are_checked_and_audited(database: Database) -> None:
    with refused(database, "FIELD_INVALID") as connection:
        rules.set_rule_on(connection, ONE, Rule(1, None, 10, 10))  # the unit has nobody to top it up
    with refused(database, "FIELD_INVALID") as connection:
        rules.set_rule_on(connection, ONE, Rule(1, point(database, "01"), 0, 10))


def test_paper_that_stands_for_a_bill_and_paper_that_was_spoilt(database: Database, his: His) -> None:
    """Exchanged, then exchanged anew after a jam: the bill's number is exchanged, one sheet used, one void."""
    issued = his.call("invoiceEBillOutpatient", outpatient("P1")).payload
    bill = {"billBatchCode": issued["billBatchCode"], "billNo": issued["billNo"]}
    paper = {"pBillBatchCode": codes.PAPER, "placeCode": "01", "busDateTime": "20261124093000000", "operator": "甲"}
    for method, number in (("turnPaper", "0000100001"), ("reTurnPaper", "0000100002")):
        answer = his.call(method, bill | paper | {"pBillNo": number})
        assert answer.ok, answer.message
    assert fates(database, BILLS)[Fate.EXCHANGED] == 1 and Fate.ISSUED not in fates(database, BILLS)
    sheets = fates(database, codes.PAPER)
    assert (sheets[Fate.PAPER], sheets[Fate.VOID]) == (1, 1)
    with database.read() as connection:
        found = [
            each for each in identity(connection).balances if each.bill_code == codes.PAPER and each.place == "all"
        ]
    assert (found[0].used, found[0].void, found[0].holds) == (1, 1, True)


def granted(**changes: object) -> receipts.Granted:
    """A good segment of this year; ``changes`` spoil it."""
    values = {
        "finance_id": "HD1",
        "agency": "TEST0000000000001X",
        "bill_code": CODE,
        "first": 310_001,
        "last": 311_000,
        "count": 1000,
        "issued_on": None,
    }
    return receipts.Granted(**(values | changes))  # type: ignore[arg-type]


def test_confirmation_adds_exactly_the_count_once(database: Database) -> None:
    with database.write() as connection:
        no = receipts.arrive_on(connection, 1, granted())
        assert no is not None and receipts.arrive_on(connection, 1, granted()) is None
    assert fates(database)[Fate.UNIT] == 1000
    do(database, receipts.confirm_on, no)
    assert fates(database)[Fate.UNIT] == 2000
    with refused(database, "DOCUMENT_STATE") as connection:
        receipts.confirm_on(connection, TWO, str(no))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"agency": "TEST0000000000009X"}, "单位不符"),
        ({"count": 1001}, "份数不符"),
        ({"first": 301_999}, "重叠"),
        ({"bill_code": "99042123"}, "年度不符"),
        ({"bill_code": "99077726"}, "票种"),
        ({"first": 0, "last": -1, "count": 0}, "起止号"),
    ],
    ids=["unit", "count", "overlap", "year", "kind", "bounds"],
)
def test_bad_segments_are_refused_with_an_alarm(database: Database, changes: dict[str, object], word: str) -> None:
    with database.write() as connection:
        no = receipts.arrive_on(connection, 1, granted(**changes))
    with database.read() as connection:
        row = connection.execute(select(StockReceipt.state, StockReceipt.problem).where(StockReceipt.no == no)).one()
        assert row.state == "refused" and word in row.problem
        assert alarms.standing(connection, 1, AlarmRule.SEGMENT) == {no}
    with refused(database, "DOCUMENT_STATE") as connection:
        receipts.confirm_on(connection, ONE, str(no))


def test_waiting_segments_do_not_overlap_either(database: Database) -> None:
    with database.write() as connection:
        receipts.arrive_on(connection, 1, granted())
        second = receipts.arrive_on(connection, 1, granted(finance_id="HD2", first=311_000, last=311_999))
        assert connection.scalar(select(StockReceipt.problem).where(StockReceipt.no == second)).startswith("与已有号段")


def test_opening_stock_needs_two_persons(database: Database) -> None:
    no = do(database, receipts.enter_opening_on, NumberRun(CODE, 400_001, 400_100))
    with refused(database, "SECOND_PERSON") as connection:
        receipts.confirm_on(connection, ONE, str(no))
    do(database, receipts.confirm_on, no, by=TWO)
    with refused(database, "SEGMENT_UNUSABLE") as connection:
        receipts.enter_opening_on(connection, ONE, NumberRun(CODE, 400_100, 400_200))


def test_applications_wait_their_turn(database: Database) -> None:
    with database.read() as connection:
        kind = connection.scalar(select(BillKind.id).where(BillKind.prefix == CODE[:6]))
        assert balances.suggest(connection, 1, kind).quantity == 0
    first = do(database, applications.draft_on, Application(kind, CODE, 500, "补充"))
    second = do(database, applications.draft_on, Application(kind, CODE, 700, "再补充"))
    do(database, applications.report_on, first)
    with refused(database, "APPLICATION_PENDING") as connection:
        applications.report_on(connection, ONE, str(second))
    with refused(database, "DOCUMENT_STATE") as connection:
        applications.change_on(connection, ONE, Change(str(first), 600, "改"))
    assert do(database, applications.withdraw_on, first) == "withdrawn"  # it never left the house
    do(database, applications.report_on, second)
    do(database, applications.change_on, Change(str(first), 600, "改"))
    do(database, applications.cancel_on, first)
    with refused(database, "DOCUMENT_STATE") as connection:
        applications.report_on(connection, ONE, str(first))
    for quantity in (0, -1, 10**9):
        with refused(database, "FIELD_INVALID") as connection:
            applications.draft_on(connection, ONE, Application(kind, CODE, quantity, ""))


@pytest.mark.parametrize(
    "statement",
    [
        update(StockMovement).values(count=1),
        StockMovement.__table__.delete(),
        update(NumberSegment).values(last=NumberSegment.last + 1),
    ],
    ids=["moved", "deleted", "segment"],
)
def test_the_ledger_is_append_only(database: Database, statement: object) -> None:
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(statement)


def test_identity_names_what_is_wrong(app: Flask) -> None:
    """The check itself can fail: a range shortened behind its back, a number taken without a bill."""
    database: Database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        window = connection.scalar(select(Point.id).where(Point.code == "01"))
        assert take_number(connection, window, CODE) is not None
    with database.read() as connection:
        found = identity(consistent(connection))
    assert not found.holds
    assert any(each.what == "已用号码与票据" and each.bill_code == CODE for each in found.differences)
    assert any(each.what == "领入" and each.place == "all" for each in found.differences)
