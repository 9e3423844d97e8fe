"""What the unit has in stock: derived from the ledger of movements, under the lock of its segments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, or_, select

from portal.domain.errors import Refusal
from portal.models.tables import NUMBER_SEGMENT, STOCK_MOVEMENT
from portal.stock.books.intervals import Intervals
from portal.stock.rows import number


def lock_segments(connection: Connection, unit_id: int, bill_code: str) -> list[Any]:
    """The segments of a code, their rows held to the commit: whoever takes from unit stock comes through here.

    Numbers may come back into stock without this lock (a withdrawal): that only makes more of them free.
    """
    query = select(NUMBER_SEGMENT).where(NUMBER_SEGMENT.c.unit_id == unit_id, NUMBER_SEGMENT.c.bill_code == bill_code)
    return list(connection.execute(query.order_by(NUMBER_SEGMENT.c.first).with_for_update(key_share=True)))


def unit_stock(connection: Connection, segment_id: int) -> Intervals:
    """The numbers of a segment that lie in the unit's own stock, by replaying its movements."""
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


def choose(
    connection: Connection, unit_id: int, bill_code: str, count: int, first: int | None = None
) -> list[tuple[int, int, int]]:
    """Pick ``count`` numbers from unit stock, the lowest or from ``first`` on: ``(segment id, first, last)`` pieces.

    The segments stay locked to the commit. Raises Refusal STOCK_SHORT, NUMBERS_NOT_IN_STOCK.
    """
    stock = [(row.id, unit_stock(connection, row.id)) for row in lock_segments(connection, unit_id, bill_code)]
    if first is not None:
        last = first + count - 1
        for segment_id, held in stock:
            if held.has(first, last):
                return [(segment_id, first, last)]
        raise Refusal("NUMBERS_NOT_IN_STOCK", bill_code=bill_code, first=number(first), last=number(last))
    pieces: list[tuple[int, int, int]] = []
    wanted = count
    for segment_id, held in stock:
        for low, high in held.lowest(wanted):
            pieces.append((segment_id, low, high))
            wanted -= high - low + 1
    if wanted > 0:
        raise Refusal("STOCK_SHORT", bill_code=bill_code, free=count - wanted, wanted=count)
    return pieces
