"""票据分发: numbers from unit stock to a point, their acceptance, and the withdrawal of what is unused (S3.1.2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import SlipState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, POINT, STOCK_SLIP
from portal.stock.books import movements
from portal.stock.books.holdings import choose
from portal.stock.rows import audit, document, move

MOST = 1_000_000


def draft(
    connection: Connection,
    actor: Actor,
    point_id: int,
    bill_code: str,
    count: int,
    first: int | None = None,
    taker: str = "",
    automatic: bool = False,
) -> str:
    """Write a slip as a draft; returns its number. ``first`` chooses the run, else the lowest numbers are taken.

    Raises Refusal FIELD_INVALID, POINT_UNKNOWN.
    """
    if not 0 < count <= MOST:
        raise Refusal("FIELD_INVALID", problems=f"份数应在 1 到 {MOST} 之间")
    point = connection.execute(select(POINT).where(POINT.c.id == point_id, POINT.c.unit_id == actor.unit_id)).first()
    if point is None or not point.active:
        raise Refusal("POINT_UNKNOWN", place=point.code if point else point_id)
    kind_id = connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == bill_code[:6]))
    if kind_id is None:
        raise Refusal("FIELD_INVALID", problems=f"票据代码 {bill_code} 没有对应的票据种类")
    no = movements.next_no(connection, "FF")
    connection.execute(
        insert(STOCK_SLIP),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "point_id": point_id,
            "point_name": point.name,
            "kind_id": kind_id,
            "bill_code": bill_code,
            "count": count,
            "first": first,
            "taker": taker.strip(),
            "automatic": automatic,
            "state": SlipState.DRAFT,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "handed_name": "",
            "accepted_name": "",
            "withdrawn_name": "",
        },
    )
    audit(connection, actor, "stock.slip_drafted", no, {"point": point.code, "code": bill_code, "count": count})
    return no


def hand_out(connection: Connection, actor: Actor, no: str) -> list[tuple[int, int]]:
    """下发: the numbers leave unit stock; returns their runs. A window has to accept them; machines accept at once.

    Numbers for an emergency point are reserved. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, STOCK_SHORT,
    NUMBERS_NOT_IN_STOCK, POINT_UNKNOWN.
    """
    slip = document(connection, STOCK_SLIP, actor.unit_id, no, lock=True)
    point = connection.execute(select(POINT).where(POINT.c.id == slip.point_id)).one()
    if not point.active:
        raise Refusal("POINT_UNKNOWN", place=point.code)
    moment, waits = now(), point.kind == "window" and not slip.automatic
    accepted = {} if waits else {"accepted_name": "自动接收", "accepted_at": moment}
    state = SlipState.HANDED_OUT if waits else SlipState.ACCEPTED
    move(
        connection, STOCK_SLIP, slip, SlipState, (SlipState.DRAFT,),
        state=state, handed_name=actor.name, handed_at=moment, **accepted,
    )  # fmt: skip
    pieces = choose(connection, actor.unit_id, slip.bill_code, slip.count, slip.first)
    usable = "reserved" if point.kind == "emergency" else "waiting" if waits else "open"
    for segment_id, first, last in pieces:
        _give(connection, actor, slip, segment_id, first, last, usable, moment)
    runs = [(first, last) for _, first, last in pieces]
    audit(connection, actor, "stock.handed_out", no, {"point": point.code, "code": slip.bill_code, "runs": runs})
    return runs


def _give(
    connection: Connection,
    actor: Actor,
    slip: object,
    segment_id: int,
    first: int,
    last: int,
    usable: str,
    moment: datetime,
) -> None:
    code, point_id, no = slip.bill_code, slip.point_id, slip.no  # type: ignore[attr-defined]
    connection.execute(
        insert(NUMBER_RANGE),
        {
            "segment_id": segment_id,
            "point_id": point_id,
            "bill_code": code,
            "first": first,
            "last": last,
            "next": first,
            "handed_out_at": moment,
            "state": usable,
            "slip": no,
        },
    )
    movements.record(connection, "hand_out", segment_id, code, first, last, no, actor, point_id, at=moment)


def waits(connection: Connection, actor: Actor, no: str) -> bool:
    """Whether the slip is handed out and not yet accepted. Raises Refusal DOCUMENT_UNKNOWN."""
    return bool(document(connection, STOCK_SLIP, actor.unit_id, no).state == SlipState.HANDED_OUT)


def accept(connection: Connection, actor: Actor, no: str) -> None:
    """接收: from now on the point may use the numbers. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    slip = document(connection, STOCK_SLIP, actor.unit_id, no, lock=True)
    move(
        connection, STOCK_SLIP, slip, SlipState, (SlipState.HANDED_OUT,),
        state=SlipState.ACCEPTED, accepted_name=actor.name, accepted_at=now(),
    )  # fmt: skip
    connection.execute(
        update(NUMBER_RANGE).where(NUMBER_RANGE.c.slip == no, NUMBER_RANGE.c.state == "waiting").values(state="open")
    )
    audit(connection, actor, "stock.accepted", no, {"code": slip.bill_code})


def withdraw(connection: Connection, actor: Actor, no: str) -> int:
    """撤回: what is unused of a slip goes back to unit stock; returns how many. What is used stays used.

    The ranges' rows are locked, so a number is either issued or withdrawn. Raises Refusal DOCUMENT_UNKNOWN,
    DOCUMENT_STATE, NOTHING_UNUSED.
    """
    slip = document(connection, STOCK_SLIP, actor.unit_id, no, lock=True)
    moment = now()
    move(
        connection, STOCK_SLIP, slip, SlipState, (SlipState.HANDED_OUT, SlipState.ACCEPTED),
        state=SlipState.WITHDRAWN, withdrawn_name=actor.name, withdrawn_at=moment,
    )  # fmt: skip
    rows = connection.execute(
        select(NUMBER_RANGE)
        .where(NUMBER_RANGE.c.slip == no, NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last)
        .order_by(NUMBER_RANGE.c.id)
        .with_for_update()
    ).all()
    count = 0
    for row in rows:
        connection.execute(update(NUMBER_RANGE).where(NUMBER_RANGE.c.id == row.id).values(last=row.next - 1))
        movements.record(
            connection, "withdraw", row.segment_id, row.bill_code, row.next, row.last, no, actor, row.point_id,
            at=moment,
        )  # fmt: skip
        count += row.last - row.next + 1
    if not count:
        raise Refusal("NOTHING_UNUSED", no=no)
    audit(connection, actor, "stock.withdrawn", no, {"code": slip.bill_code, "count": count})
    return count


def cancel(connection: Connection, actor: Actor, no: str) -> None:
    """删除 a draft (it is kept, marked). Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    slip = document(connection, STOCK_SLIP, actor.unit_id, no, lock=True)
    move(connection, STOCK_SLIP, slip, SlipState, (SlipState.DRAFT,), state=SlipState.CANCELLED)
    audit(connection, actor, "stock.slip_cancelled", no, {})
