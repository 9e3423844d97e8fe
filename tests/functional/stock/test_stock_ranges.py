"""Taking given numbers, looking at the next one, blank losses: the range is split, nothing is taken twice."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Connection, select

from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.models import NumberRange, Point, StockMovement, StockVoid
from portal.stock.documents.voids import Void, void_blank_on
from portal.stock.ranges import open_ranges, peek, take_given, take_number
from tests.support import codes

PAPER, BILLS = codes.PAPER, codes.OUTPATIENT
KEEPER = Actor("staff:keeper", "票管员", 1, "r1")


def _point(connection: Connection, code: str = "01") -> int:
    return connection.scalar(select(Point.id).where(Point.code == code))


@pytest.fixture
def database(app: Flask):
    return app.extensions["qupiao"].services.database


def test_the_given_number_must_be_the_next(database) -> None:
    with database.write() as connection:
        point = _point(connection)
        following = peek(connection, point, PAPER)
        assert following is not None
        assert [(found.next, found.left) for found in open_ranges(connection, point, PAPER)] == [(following, 1000)]
        with pytest.raises(Refusal) as refusal:
            take_given(connection, point, PAPER, following + 1)
        assert refusal.value.code == "NUMBER_NOT_NEXT" and f"{following:010d}" in refusal.value.why
        range_id = take_given(connection, point, PAPER, following)
        assert take_number(connection, point, PAPER) == (range_id, following + 1)
        with pytest.raises(Refusal, match="下一号是"):
            take_given(connection, point, PAPER, following)


def test_a_point_without_that_kind_says_so(database) -> None:
    with database.write() as connection:
        point = _point(connection, "09")
        assert peek(connection, point, PAPER) is None and open_ranges(connection, point, PAPER) == []
        with pytest.raises(Refusal) as refusal:
            take_given(connection, point, PAPER, 1)
        assert refusal.value.code == "STOCK_EXHAUSTED"


def test_emergency_numbers_are_for_emergencies(database) -> None:
    with database.write() as connection:
        point = _point(connection, "99")
        assert take_number(connection, point, BILLS) is None and peek(connection, point, BILLS) is None
        taken = take_number(connection, point, BILLS, emergency=True)
        assert taken is not None and taken[1] == 9_000_900_001


def test_blank_losses_at_the_front_and_in_the_middle(database) -> None:
    with database.write() as connection:
        point = _point(connection)
        first = take_number(connection, point, PAPER)[1]
        void_blank_on(connection, KEEPER, Void(NumberRun(PAPER, first + 1, first + 2), "卡纸", point))
        no = void_blank_on(connection, KEEPER, Void(NumberRun(PAPER, first + 10, first + 19), "受潮", point))
        taken = [take_number(connection, point, PAPER)[1] - first for _ in range(9)]
        assert taken == [3, 4, 5, 6, 7, 8, 9, 20, 21]
        left = sum(found.left for found in open_ranges(connection, point, PAPER))
        assert left == 1000 - 1 - 2 - 10 - 9
        document = connection.execute(select(StockVoid).where(StockVoid.no == no)).mappings().one()
        assert (document["first"], document["last"], document["reason"]) == (first + 10, first + 19, "受潮")
        moves = connection.execute(select(StockMovement.first, StockMovement.count).where(StockMovement.slip == no))
        assert moves.all() == [(first + 10, 10)]


@pytest.mark.parametrize(("low", "high"), [(0, 0), (-5, 3), (990, 1000), (5, 4)], ids=["used", "out", "end", "order"])
def test_refused_losses_change_nothing(database, low: int, high: int) -> None:
    with database.write() as connection:
        point = _point(connection)
        first = take_number(connection, point, PAPER)[1]
    with pytest.raises(Refusal), database.write() as connection:
        void_blank_on(connection, KEEPER, Void(NumberRun(PAPER, first + low, first + high), "试", point))
    with database.read() as connection:
        assert [found.left for found in open_ranges(connection, point, PAPER)] == [999]
        assert connection.execute(select(StockVoid)).all() == []
        assert connection.scalar(select(NumberRange.next).where(NumberRange.first == first)) == first + 1


def test_a_whole_range_can_be_lost(database) -> None:
    with database.write() as connection:
        point = _point(connection)
        first = peek(connection, point, PAPER)
        void_blank_on(connection, KEEPER, Void(NumberRun(PAPER, first, first + 999), "整箱遗失", point))
        assert take_number(connection, point, PAPER) is None
