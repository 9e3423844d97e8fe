"""空白票报损: unused numbers of a point that will never be used, taken out of its ranges by range."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from portal.audit import entries
from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import StockVoid
from portal.stock import movements
from portal.stock.ranges import POINT, RANGE

VOID: Table = StockVoid.__table__  # type: ignore[assignment]


def void_blank(
    connection: Connection, actor: Actor, point_id: int, bill_code: str, first: int, last: int, reason: str
) -> str:
    """Void ``first``…``last``, all unused at the point; returns the document's number (单号).

    They may begin at the next number or lie further on: the ranges are split around them. Raises Refusal
    NUMBERS_NOT_UNUSED when one of them is used, elsewhere or not handed out; then nothing has changed. The ranges'
    rows are locked to the commit.
    """
    if first > last or not reason.strip():
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if first > last else "报损原因必填")
    no = movements.next_no(connection, "BS")
    pieces = cut(connection, point_id, bill_code, first, last)
    moment = now()
    connection.execute(
        insert(VOID),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "category": "blank",
            "point_id": point_id,
            "bill_code": bill_code,
            "first": first,
            "last": last,
            "reason": reason.strip(),
            "state": "done",
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": moment,
            "decided_name": "",
            "decided_at": moment,
        },
    )
    for segment_id, low, high in pieces:
        movements.record(
            connection, "blank_loss", segment_id, bill_code, low, high, no, actor, point_id, reason.strip(), moment
        )
    entries.record(
        connection,
        "stock.blank_voided",
        "stock",
        no,
        actor.label,
        at=moment,
        request_id=actor.request_id,
        details={"point": point_id, "code": bill_code, "first": first, "last": last, "reason": reason.strip()},
    )
    return no


def cut(connection: Connection, point_id: int, bill_code: str, first: int, last: int) -> list[tuple[int, int, int]]:
    """Take unused numbers ``first``…``last`` out of the point's ranges: ``(segment id, first, last)`` of each piece.

    The caller writes the movement that says where they went. Raises Refusal NUMBERS_NOT_UNUSED.
    """
    rows = connection.execute(
        select(RANGE)
        .where(
            RANGE.c.point_id == point_id,
            RANGE.c.bill_code == bill_code,
            RANGE.c.next <= RANGE.c.last,
            RANGE.c.first <= last,
            RANGE.c.last >= first,
        )
        .order_by(RANGE.c.first)
        .with_for_update()
    ).all()
    parts, wanted = [], first
    for row in rows:
        low, high = max(row.next, first), min(row.last, last)
        if low != wanted or low > high:
            break
        parts.append((row, low, high))
        wanted = high + 1
    if wanted != last + 1:
        point = connection.scalar(select(POINT.c.code).where(POINT.c.id == point_id)) or str(point_id)
        raise Refusal(
            "NUMBERS_NOT_UNUSED", point=point, bill_code=bill_code, first=f"{first:010d}", last=f"{last:010d}"
        )
    for row, low, high in parts:
        _split(connection, row, low, high)
    return [(row.segment_id, low, high) for row, low, high in parts]


def _split(connection: Connection, row: Any, low: int, high: int) -> None:
    """Leave ``first``…``low - 1`` in the range and put what lies behind ``high`` into one of its own."""
    connection.execute(update(RANGE).where(RANGE.c.id == row.id).values(last=low - 1))
    if high < row.last:
        behind = {"first": high + 1, "next": high + 1, "last": row.last}
        kept = ("segment_id", "point_id", "bill_code", "handed_out_at", "state", "slip")
        connection.execute(insert(RANGE), {name: getattr(row, name) for name in kept} | behind)
