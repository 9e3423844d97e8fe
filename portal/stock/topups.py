"""自动补票: a point that falls below its line is handed the next lot by itself (S3.1.2, story 12)."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from portal.domain.actor import Actor
from portal.models.tables import BILL_KIND, NUMBER_RANGE, STOCK_RULE
from portal.stock.books.holdings import lock_segments, unit_stock
from portal.stock.documents import handouts

WORKER = "worker:stock"


def left(connection: Connection, point_id: int, bill_code: str) -> int:
    """How many unused numbers the point has, usable or on their way."""
    return int(
        connection.scalar(
            select(func.coalesce(func.sum(NUMBER_RANGE.c.last - NUMBER_RANGE.c.next + 1), 0)).where(
                NUMBER_RANGE.c.point_id == point_id,
                NUMBER_RANGE.c.bill_code == bill_code,
                NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
                NUMBER_RANGE.c.state != "reserved",
            )
        )
        or 0
    )


def top_up(connection: Connection, point_id: int, bill_code: str) -> str | None:
    """Hand the point its lot when its rule says so and unit stock has some; the slip's number, or ``None``.

    Works in the caller's transaction, so that a bill that finds its point empty can be issued all the same. Two at
    once: the second waits for the segments, counts again and finds enough.
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
    count = min(rule.lot, sum(unit_stock(connection, row.id).count for row in segments))
    if not count:
        return None
    actor = Actor(WORKER, "自动补票", rule.unit_id)
    no = handouts.draft(connection, actor, point_id, bill_code, count, automatic=True)
    handouts.hand_out(connection, actor, no)
    return no
