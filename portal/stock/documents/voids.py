"""作废: 库存作废 of unit stock and 空白票报损 at a point; numbers that will never be used, by range."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import NUMBER_RANGE, POINT, STOCK_VOID
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.books.holdings import choose
from portal.stock.rows import audit, document, number

TOPIC = topic("finance.void")
"""Finance is told of what is void (9304)."""
APPROVAL = "stock.void"
"""The kind of the approval that a void waits for."""
STATES = {"waiting": "待复核", "done": "已作废", "refused": "未通过"}


def void_blank(
    connection: Connection, actor: Actor, point_id: int, bill_code: str, first: int, last: int, reason: str
) -> str:
    """Void ``first``…``last``, all unused at the point; returns the document's number (单号).

    They may begin at the next number or lie further on: the ranges are split around them. Raises Refusal
    FIELD_INVALID, NUMBERS_NOT_UNUSED when one of them is used, elsewhere or not handed out; then nothing has changed.
    The ranges' rows are locked to the commit.
    """
    no = propose(connection, actor, bill_code, first, last, reason, point_id)
    carry_out(connection, actor, no)
    return no


def propose(
    connection: Connection,
    actor: Actor,
    bill_code: str,
    first: int,
    last: int,
    reason: str,
    point_id: int | None = None,
) -> str:
    """Ask for a void, of unit stock or of a point's blank numbers; nothing moves until a second person agrees.

    Returns the document's number. Raises Refusal FIELD_INVALID.
    """
    if first > last or not reason.strip():
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if first > last else "作废原因必填")
    no = movements.next_no(connection, "ZF" if point_id is None else "BS")
    connection.execute(
        insert(STOCK_VOID),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "category": "stock" if point_id is None else "blank",
            "point_id": point_id,
            "bill_code": bill_code,
            "first": first,
            "last": last,
            "reason": reason.strip()[:200],
            "state": "waiting",
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "decided_name": "",
        },
    )
    details = {"point": point_id, "code": bill_code, "first": first, "last": last, "reason": reason.strip()}
    audit(connection, actor, "stock.void_proposed", no, details)
    return no


def carry_out(connection: Connection, actor: Actor, no: str) -> None:
    """Void the numbers of a proposal. The caller has made sure that the right person agrees.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, NUMBERS_NOT_IN_STOCK, NUMBERS_NOT_UNUSED.
    """
    row = document(connection, STOCK_VOID, actor.unit_id, no, lock=True)
    _decide(connection, actor, row, "done")
    if row.category == "stock":
        kind, pieces = "stock_void", choose(connection, row.unit_id, row.bill_code, row.last - row.first + 1, row.first)
    else:
        kind, pieces = "blank_loss", cut(connection, row.point_id, row.bill_code, row.first, row.last)
    for segment_id, low, high in pieces:
        movements.record(connection, kind, segment_id, row.bill_code, low, high, no, actor, row.point_id, row.reason)
    details = {"point": row.point_id, "code": row.bill_code, "first": row.first, "last": row.last}
    audit(connection, actor, "stock.voided", no, details)
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": row.unit_id, "no": no})


def refuse(connection: Connection, actor: Actor, no: str) -> None:
    """The second person does not agree. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    row = document(connection, STOCK_VOID, actor.unit_id, no, lock=True)
    _decide(connection, actor, row, "refused")
    audit(connection, actor, "stock.void_refused", no, {})


def _decide(connection: Connection, actor: Actor, row: Any, state: str) -> None:
    changed = connection.execute(
        update(STOCK_VOID)
        .where(STOCK_VOID.c.id == row.id, STOCK_VOID.c.state == "waiting")
        .values(state=state, decided_name=actor.name, decided_at=now())
    )
    if changed.rowcount != 1:
        raise Refusal("DOCUMENT_STATE", no=row.no, state=STATES[row.state])


def cut(connection: Connection, point_id: int, bill_code: str, first: int, last: int) -> list[tuple[int, int, int]]:
    """Take unused numbers ``first``…``last`` out of the point's ranges: ``(segment id, first, last)`` of each piece.

    The caller writes the movement that says where they went. Raises Refusal NUMBERS_NOT_UNUSED.
    """
    rows = connection.execute(
        select(NUMBER_RANGE)
        .where(
            NUMBER_RANGE.c.point_id == point_id,
            NUMBER_RANGE.c.bill_code == bill_code,
            NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
            NUMBER_RANGE.c.first <= last,
            NUMBER_RANGE.c.last >= first,
        )
        .order_by(NUMBER_RANGE.c.first)
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
        raise Refusal("NUMBERS_NOT_UNUSED", point=point, bill_code=bill_code, first=number(first), last=number(last))
    for row, low, high in parts:
        _split(connection, row, low, high)
    return [(row.segment_id, low, high) for row, low, high in parts]


def _split(connection: Connection, row: Any, low: int, high: int) -> None:
    """Leave ``first``…``low - 1`` in the range and put what lies behind ``high`` into one of its own."""
    connection.execute(update(NUMBER_RANGE).where(NUMBER_RANGE.c.id == row.id).values(last=low - 1))
    if high < row.last:
        behind = {"first": high + 1, "next": high + 1, "last": row.last}
        kept = ("segment_id", "point_id", "bill_code", "handed_out_at", "state", "slip")
        connection.execute(insert(NUMBER_RANGE), {name: getattr(row, name) for name in kept} | behind)
