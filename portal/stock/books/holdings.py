"""The unit's own stock, derived from the ledger of movements under the lock of its segments."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, ten_digits
from portal.models.tables import NUMBER_SEGMENT, STOCK_MOVEMENT
from portal.stock.books.intervals import Intervals
from portal.stock.books.movements import Piece


@dataclass(frozen=True, slots=True)
class Bounds:
    """The id and the ends of a segment."""

    id: int
    first: int
    last: int


def lock_segments(connection: Connection, unit_id: int, bill_code: str) -> list[Bounds]:
    """Return the segments of a code, their rows held to the commit: whoever takes from unit stock comes through here.

    Numbers may come back into stock without this lock (a withdrawal): that only makes more of them free.
    """
    query = (
        select(NUMBER_SEGMENT.c.id, NUMBER_SEGMENT.c.first, NUMBER_SEGMENT.c.last)
        .where(NUMBER_SEGMENT.c.unit_id == unit_id, NUMBER_SEGMENT.c.bill_code == bill_code)
        .order_by(NUMBER_SEGMENT.c.first)
    )
    return [Bounds(*row) for row in connection.execute(query.with_for_update(key_share=True))]


def unit_stock(connection: Connection, segment_id: int) -> Intervals:
    """Return the numbers of a segment that lie in the unit's own stock, by replaying its movements."""
    held = Intervals()
    rows = connection.execute(
        select(STOCK_MOVEMENT.c.first, STOCK_MOVEMENT.c.last, STOCK_MOVEMENT.c.to_place)
        .where(
            STOCK_MOVEMENT.c.segment_id == segment_id,
            or_(STOCK_MOVEMENT.c.from_place == "unit", STOCK_MOVEMENT.c.to_place == "unit"),
        )
        .order_by(STOCK_MOVEMENT.c.id)
    )
    for row in rows:
        if row.to_place == "unit":
            held.add(row.first, row.last)
        else:
            held.remove(row.first, row.last)
    return held


def choose_run(connection: Connection, unit_id: int, run: NumberRun) -> list[Piece]:
    """Return these numbers of unit stock as pieces, their segments locked to the commit.

    Raises Refusal NUMBERS_NOT_IN_STOCK.
    """
    for segment in lock_segments(connection, unit_id, run.bill_code):
        if unit_stock(connection, segment.id).has(run.first, run.last):
            return [Piece(segment.id, run.first, run.last)]
    ends = {"first": ten_digits(run.first), "last": ten_digits(run.last)}
    raise Refusal("NUMBERS_NOT_IN_STOCK", bill_code=run.bill_code, **ends)


def choose_lowest(connection: Connection, unit_id: int, bill_code: str, count: int) -> list[Piece]:
    """Return the ``count`` lowest numbers of unit stock as pieces, the segments locked to the commit.

    Raises Refusal STOCK_SHORT.
    """
    pieces: list[Piece] = []
    missing = count
    for segment in lock_segments(connection, unit_id, bill_code):
        for low, high in unit_stock(connection, segment.id).lowest(missing):
            pieces.append(Piece(segment.id, low, high))
            missing -= high - low + 1
    if missing > 0:
        raise Refusal("STOCK_SHORT", bill_code=bill_code, free=count - missing, wanted=count)
    return pieces
