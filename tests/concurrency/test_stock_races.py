"""Two at once on the same numbers: exactly one wins, the other is told why; with the guard off the test fails."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from portal.core.database import Database
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import AlarmRule, MovementKind
from portal.models import NumberRange, NumberSegment, Point, StockAlarm, StockSlip
from portal.models.tables import BILL_KIND
from portal.stock import alarms, watch
from portal.stock.books import holdings, movements
from portal.stock.books.fates import consistent, identity
from portal.stock.documents import handouts, receipts, returns
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.returns import Return
from portal.stock.documents.voids import Void, void_blank_on
from portal.stock.ranges import open_ranges, peek, take_given, take_number
from portal.stock.rules import Rule, set_rule_on
from tests.support import codes
from tests.support.length import SOAK

PAPER, CODE = codes.PAPER, codes.this_year("990421")
ROUNDS = 100 if SOAK else 10
ONE, TWO = Actor("staff:one", "甲", 1), Actor("staff:two", "乙", 1)


@pytest.fixture
def database(app: Flask) -> Iterator[Database]:
    made: Database = app.extensions["qupiao"].services.database
    yield made
    with made.read() as connection:
        movements_agree(connection)


def movements_agree(connection: Connection) -> None:
    """Ranges hold what the movements say. (Numbers taken here have no paper behind them: that is not looked at.)"""
    found = [
        each for each in identity(consistent(connection)).differences if each.what not in ("已用号码与票据", "领入")
    ]
    assert not found, [str(each) for each in found]


def point(database: Database, code: str) -> int:
    with database.read() as connection:
        return connection.scalar(select(Point.id).where(Point.code == code))


def race(database: Database, *acts: Callable[[Connection], Any]) -> list[Any]:
    """All at the same moment, each in its own transaction; results and refusals in the order of ``acts``."""
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[Connection], Any]) -> Any:
        barrier.wait(20)
        try:
            with database.write() as connection:
                return act(connection)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def winners(results: list[Any]) -> int:
    """How many were not refused."""
    return sum(not isinstance(result, Refusal) for result in results)


def drafts(database: Database, count: int, first: int | None, *points: str) -> list[str]:
    places = [point(database, code) for code in points]
    with database.write() as connection:
        return [handouts.draft_on(connection, ONE, HandOut(place, CODE, count, first)) for place in places]


def test_two_hand_outs_of_the_same_free_numbers(database: Database) -> None:
    for turn in range(ROUNDS):
        first = 301_001 + turn * 5
        one, two = drafts(database, 5, first, "07", "08")
        results = race(
            database,
            lambda c, no=one: handouts.hand_out_on(c, ONE, no),
            lambda c, no=two: handouts.hand_out_on(c, TWO, no),
        )
        assert winners(results) == 1, results
        assert [r.code for r in results if isinstance(r, Refusal)] == ["NUMBERS_NOT_IN_STOCK"]


def test_many_hand_outs_share_what_is_there(database: Database) -> None:
    """Seven ask for 150 of 1,000: six get them, all different."""
    slips = drafts(database, 150, None, "02", "03", "05", "06", "07", "08", "09")
    results = race(database, *[lambda c, no=no: handouts.hand_out_on(c, ONE, no) for no in slips])
    assert winners(results) == 6
    pieces = [piece for handed in results if not isinstance(handed, Refusal) for piece in handed.pieces]
    given = [number for piece in pieces for number in range(piece.first, piece.last + 1)]
    assert len(given) == len(set(given)) == 900


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_without_the_lock_two_hand_outs_meet(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the segments' lock the service lets both through; only the database's own guard stops the second."""
    real, barrier = holdings.unit_stock, threading.Barrier(2)

    def unlocked(connection: Connection, unit_id: int, bill_code: str) -> list[Any]:
        query = select(NumberSegment.__table__).where(NumberSegment.bill_code == bill_code)
        return list(connection.execute(query))

    def together(connection: Connection, segment_id: int) -> Any:
        found = real(connection, segment_id)
        barrier.wait(20)
        return found

    monkeypatch.setattr(holdings, "lock_segments", unlocked)
    monkeypatch.setattr(holdings, "unit_stock", together)
    one, two = drafts(database, 5, 301_001, "07", "08")
    with pytest.raises(DBAPIError, match="overlaps"):
        race(database, lambda c: handouts.hand_out_on(c, ONE, one), lambda c: handouts.hand_out_on(c, TWO, two))


def test_withdrawal_against_issue(database: Database) -> None:
    """Each number is taken or withdrawn; what was taken stays the point's."""
    place = point(database, "08")
    for _ in range(ROUNDS):
        (slip,) = drafts(database, 3, None, "08")
        with database.write() as connection:
            for old in open_ranges(connection, place, CODE):
                void_blank_on(connection, ONE, Void(NumberRun(CODE, old.next, old.last), "清空", place))
            (piece,) = handouts.hand_out_on(connection, ONE, slip).pieces
        takers = [lambda c: take_number(c, place, CODE)] * 4
        *taken, back = race(database, *takers, lambda c, no=slip: handouts.withdraw_on(c, TWO, no))
        numbers = sorted(each[1] for each in taken if each is not None)
        withdrawn = 0 if isinstance(back, Refusal) else back
        assert len(numbers) + withdrawn == 3
        assert numbers == list(range(piece.first, piece.first + len(numbers)))
        if isinstance(back, Refusal):
            assert back.code == "NOTHING_UNUSED"


def test_the_given_number_against_the_next(database: Database) -> None:
    """Both want the same form: one has it, the other gets the next one or is told which is next."""
    place = point(database, "01")
    for _ in range(ROUNDS):
        with database.read() as connection:
            following = peek(connection, place, PAPER)
        given, taken = race(
            database, lambda c, n=following: take_given(c, place, PAPER, n), lambda c: take_number(c, place, PAPER)
        )
        assert taken is not None
        if isinstance(given, Refusal):
            assert taken[1] == following and given.code == "NUMBER_NOT_NEXT"
        else:
            assert taken[1] == following + 1


def test_two_persons_hold_the_same_form(database: Database) -> None:
    place = point(database, "01")
    for _ in range(ROUNDS):
        with database.read() as connection:
            following = peek(connection, place, PAPER)
        results = race(database, *[lambda c, n=following: take_given(c, place, PAPER, n)] * 4)
        assert winners(results) == 1
        with database.read() as connection:
            assert peek(connection, place, PAPER) == following + 1


def test_control_reading_first_lets_two_take_one_form(database: Database) -> None:
    """The same race with a check before the take, as one would write it without thinking."""
    place, barrier = point(database, "01"), threading.Barrier(4)

    with database.read() as connection:
        wanted = peek(connection, place, PAPER)

    def run(_: int) -> bool:
        with database.read() as looking:
            seen = peek(looking, place, PAPER)
        barrier.wait(20)
        with database.write() as connection:
            return seen == wanted and take_number(connection, place, PAPER) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) > 1


def test_blank_loss_against_taking(database: Database) -> None:
    """The next form is lost or used, never both."""
    place = point(database, "01")
    for _ in range(ROUNDS):
        with database.read() as connection:
            following = peek(connection, place, PAPER)
        lost, taken = race(
            database,
            lambda c, n=following: void_blank_on(c, ONE, Void(NumberRun(PAPER, n, n), "卡纸", place)),
            lambda c: take_number(c, place, PAPER),
        )
        assert taken is not None
        assert isinstance(lost, Refusal) == (taken[1] == following)


def test_confirmed_once(database: Database) -> None:
    granted = receipts.Granted("HD1", "TEST0000000000001X", CODE, 400_001, 400_100, 100, None)
    with database.write() as connection:
        no = receipts.arrive_on(connection, 1, granted)
    results = race(database, *[lambda c: receipts.confirm_on(c, TWO, str(no))] * 6)
    assert winners(results) == 1
    assert {r.code for r in results if isinstance(r, Refusal)} == {"DOCUMENT_STATE"}
    with database.read() as connection:
        segments = select(NumberSegment.id).where(NumberSegment.bill_code == CODE, NumberSegment.first == 400_001)
        assert len(connection.execute(segments).all()) == 1


def test_overlapping_segments_at_once(database: Database) -> None:
    """The database's own guard, without any service in front: one of two overlapping segments gets in."""

    def write(connection: Connection, first: int) -> int:
        row = {"unit_id": 1, "kind_id": 8, "bill_code": CODE, "first": first, "last": first + 9}
        statement = NumberSegment.__table__.insert().values(**row, received_at=receipts.now())
        return connection.execute(statement).rowcount

    def tried(connection: Connection, first: int) -> Any:
        try:
            with connection.begin_nested():
                return write(connection, first)
        except DBAPIError:
            return Refusal("SEGMENT_UNUSABLE", problems="重叠")

    for turn in range(ROUNDS):
        base = 500_001 + turn * 100
        results = race(database, *[lambda c, n=base + shift: tried(c, n) for shift in (0, 3, 6, 9)])
        stored = [not isinstance(result, Refusal) for result in results]
        assert sum(stored) == 1
    mine = (NumberSegment.bill_code == CODE) & (NumberSegment.first >= 500_001)
    with database.write() as connection:  # no movement tells of these: they are not this test's subject
        for segment in connection.execute(select(NumberSegment.__table__).where(mine)).all():
            piece = movements.Piece(segment.id, segment.first, segment.last)
            movements.record(connection, ONE, movements.Movement(MovementKind.RECEIPT, CODE, piece, "RK"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["number_segment", "number_range"])
def test_control_without_its_wait_a_guard_lets_two_overlap(database: Database, table: str) -> None:
    """Neither transaction sees the other's row; only the wait inside the guard keeps the second back."""
    guard = {"number_segment": "guard_segment_apart", "number_range": "guard_range_inside"}[table]
    with database.read() as connection:
        source = connection.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = :name"), {"name": guard})
        segment, place = connection.scalar(select(NumberSegment.id).limit(1)), point(database, "01")
    row = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')), "
    statement = text(
        f"INSERT INTO number_segment (id, unit_id, kind_id, bill_code, first, last, received_at) {row}"
        f" 1, 8, '{CODE}', 900001, 900009, now()"
        if table == "number_segment"
        else f"INSERT INTO number_range (id, point_id, segment_id, bill_code, first, last, next, handed_out_at) {row}"
        f" {place}, id, bill_code, last, last, last, now() FROM number_segment WHERE id = {segment}"
    )

    def both() -> None:
        with database.engine.connect() as first, database.engine.connect() as second:
            first.execute(statement)
            second.execute(text("SET LOCAL lock_timeout = '300ms'"))
            second.execute(statement)  # neither is committed

    with pytest.raises(DBAPIError, match="lock timeout"):
        both()
    without = re.sub(r"PERFORM pg_advisory_xact_lock[^;]*;", "", source)
    assert without != source
    with database.engine.begin() as connection:
        head = f"CREATE OR REPLACE FUNCTION {guard}() RETURNS trigger LANGUAGE plpgsql AS"
        connection.exec_driver_sql(f"{head} $${without}$$")
    both()


def test_handed_out_or_returned(database: Database) -> None:
    for turn in range(ROUNDS):
        first = 301_001 + turn * 5
        (slip,) = drafts(database, 5, first, "07")
        results = race(
            database,
            lambda c, no=slip: handouts.hand_out_on(c, ONE, no),
            lambda c, n=first: returns.report_on(c, TWO, Return(NumberRun(CODE, n, n + 4), "停用")),
        )
        assert winners(results) == 1


def test_an_empty_point_is_topped_up_once(database: Database) -> None:
    """Eight find the kiosk empty: one lot is handed out, all eight get numbers."""
    place = point(database, "07")
    with database.write() as connection:
        kind = connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == CODE[:6]))
        set_rule_on(connection, ONE, Rule(kind, place, 5, 50))
    results = race(database, *[lambda c: take_number(c, place, CODE)] * 8)
    assert len({number for _, number in results}) == 8
    with database.read() as connection:
        lots = connection.execute(select(StockSlip.count).where(StockSlip.automatic)).all()
        assert lots == [(50,)]
        assert (
            connection.scalar(
                select(NumberRange.next).where(NumberRange.point_id == place, NumberRange.bill_code == CODE)
            )
            == 301_009
        )


def test_a_warning_is_raised_once(database: Database) -> None:
    with database.write() as connection:
        set_rule_on(connection, ONE, Rule(8, None, 5_000, 0))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: watch.watch(database, 1), range(16)))
    with database.read() as connection:
        assert len(connection.execute(select(StockAlarm.id).where(StockAlarm.rule == AlarmRule.LOW)).all()) == 1
        assert alarms.standing(connection, 1, AlarmRule.LOW) == {f"unit:{CODE}"}
