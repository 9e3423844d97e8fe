"""自动补票: a point that falls below its line is handed the next lot by itself."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from portal.domain.actor import Actor
from portal.domain.states.stock import RangeState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, STOCK_RULE
from portal.stock.books.holdings import lock_segments, unit_stock
from portal.stock.documents import handouts

WORKER = "worker:stock"


def left(connection: Connection, point_id: int, bill_code: str) -> int:
    """Count the unused numbers of a point, usable or on their way."""
    return int(
        connection.scalar(
            select(func.coalesce(func.sum(NUMBER_RANGE.c.last - NUMBER_RANGE.c.next + 1), 0)).where(
                NUMBER_RANGE.c.point_id == point_id,
                NUMBER_RANGE.c.bill_code == bill_code,
                NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
                NUMBER_RANGE.c.state != RangeState.RESERVED,
            )
        )
        or 0
    )


def top_up(connection: Connection, point_id: int, bill_code: str) -> str | None:
    """Hand a point its lot when its rule says so and unit stock has some; returns the slip's number, or ``None``.

    Works in the caller's transaction, so that a bill that finds its point empty can be issued all the same. Of two at
    once the second waits for the segments, counts again and finds enough.
    """
    rule = connection.execute(
        select(STOCK_RULE.c.unit_id, STOCK_RULE.c.low, STOCK_RULE.c.lot)
        .join(BILL_KIND, BILL_KIND.c.id == STOCK_RULE.c.kind_id)
        .where(STOCK_RULE.c.point_id == point_id, STOCK_RULE.c.lot > 0, BILL_KIND.c.prefix == bill_code[:6])
    ).one_or_none()
    if rule is None or left(connection, point_id, bill_code) >= max(rule.low, 1):
        return None
    segments = lock_segments(connection, rule.unit_id, bill_code)
    if left(connection, point_id, bill_code) >= max(rule.low, 1):
        return None
    count = min(rule.lot, sum(unit_stock(connection, segment.id).count for segment in segments))
    if not count:
        return None
    actor = Actor(WORKER, "自动补票", rule.unit_id)
    order = handouts.HandOut(point_id, bill_code, count, automatic=True)
    no = handouts.draft_on(connection, actor, order)
    handouts.hand_out_on(connection, actor, no)
    return no
