"""票据分发: numbers from unit stock to a point, their acceptance, and the withdrawal of the unused ones."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import MovementKind, RangeState, SlipState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, POINT, STOCK_SLIP
from portal.stock.books import movements
from portal.stock.books.holdings import choose_lowest, choose_run
from portal.stock.books.movements import Movement, Piece
from portal.stock.documents.facts import SlipFacts, document, move

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class HandOut:
    """``count`` numbers for a point: from ``first`` on, else the lowest of unit stock. ``taker``: who fetches them;
    ``automatic``: handed out by a rule."""

    point_id: int
    bill_code: str
    count: int
    first: int | None = None
    taker: str = ""
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The numbers that a slip handed out, and whether the point has to accept them before it may use them."""

    pieces: tuple[Piece, ...]
    waits: bool

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(piece.count for piece in self.pieces)


def draft(services: Services, actor: Actor, order: HandOut) -> str:
    """Write a slip as a draft; returns its number. Raises Refusal FIELD_INVALID, POINT_UNKNOWN, BUSY."""
    return services.database.act(lambda connection: draft_on(connection, actor, order))


def draft_on(connection: Connection, actor: Actor, order: HandOut) -> str:
    """Do :func:`draft` in the caller's transaction."""
    if not 0 < order.count <= MOST:
        raise Refusal("FIELD_INVALID", problems=f"份数应在 1 到 {MOST} 之间")
    point = connection.execute(
        select(POINT).where(POINT.c.id == order.point_id, POINT.c.unit_id == actor.unit_id)
    ).first()
    if point is None or not point.active:
        raise Refusal("POINT_UNKNOWN", place=point.code if point else order.point_id)
    kind_id = connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == order.bill_code[:6]))
    if kind_id is None:
        raise Refusal("FIELD_INVALID", problems=f"票据代码 {order.bill_code} 没有对应的票据种类")
    no = movements.next_no(connection, "FF")
    connection.execute(
        insert(STOCK_SLIP),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "point_id": order.point_id,
            "point_name": point.name,
            "kind_id": kind_id,
            "bill_code": order.bill_code,
            "count": order.count,
            "first": order.first,
            "taker": order.taker.strip(),
            "automatic": order.automatic,
            "state": SlipState.DRAFT,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "handed_name": "",
            "accepted_name": "",
            "withdrawn_name": "",
        },
    )
    details = {"point": point.code, "code": order.bill_code, "count": order.count}
    audit.record(connection, actor, "stock.slip_drafted", ("stock", no), details)
    return no


def hand_out(services: Services, actor: Actor, no: str) -> HandedOut:
    """下发: the numbers of a draft leave unit stock. A window has to accept them; machines accept at once.

    Numbers for an emergency point are reserved. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, STOCK_SHORT,
    NUMBERS_NOT_IN_STOCK, POINT_UNKNOWN, BUSY.
    """
    return services.database.act(lambda connection: hand_out_on(connection, actor, no))


def hand_out_on(connection: Connection, actor: Actor, no: str) -> HandedOut:
    """Do :func:`hand_out` in the caller's transaction."""
    slip = document(connection, SlipFacts, actor.unit_id, no, lock=True)
    point = connection.execute(select(POINT).where(POINT.c.id == slip.point_id)).one()
    if not point.active:
        raise Refusal("POINT_UNKNOWN", place=point.code)
    handed_at, waits = now(), point.kind == "window" and not slip.automatic
    accepted = {} if waits else {"accepted_name": "自动接收", "accepted_at": handed_at}
    changes = {
        "state": SlipState.HANDED_OUT if waits else SlipState.ACCEPTED,
        "handed_name": actor.name,
        "handed_at": handed_at,
    }
    move(connection, slip, (SlipState.DRAFT,), **changes, **accepted)
    pieces = _chosen(connection, slip)
    usable = RangeState.RESERVED if point.kind == "emergency" else RangeState.WAITING if waits else RangeState.OPEN
    for piece in pieces:
        movement = Movement(MovementKind.HAND_OUT, slip.bill_code, piece, no, slip.point_id, at=handed_at)
        _add_range(connection, movement, usable)
        movements.record(connection, actor, movement)
    runs = [(piece.first, piece.last) for piece in pieces]
    audit.record(
        connection,
        actor,
        "stock.handed_out",
        ("stock", no),
        {"point": point.code, "code": slip.bill_code, "runs": runs},
    )
    return HandedOut(tuple(pieces), waits)


def _chosen(connection: Connection, slip: SlipFacts) -> list[Piece]:
    if slip.first is None:
        return choose_lowest(connection, slip.unit_id, slip.bill_code, slip.count)
    return choose_run(connection, slip.unit_id, NumberRun(slip.bill_code, slip.first, slip.first + slip.count - 1))


def _add_range(connection: Connection, movement: Movement, usable: RangeState) -> None:
    piece = movement.piece
    connection.execute(
        insert(NUMBER_RANGE),
        {
            "segment_id": piece.segment_id,
            "point_id": movement.point_id,
            "bill_code": movement.bill_code,
            "first": piece.first,
            "last": piece.last,
            "next": piece.first,
            "handed_out_at": movement.at,
            "state": usable,
            "slip": movement.slip,
        },
    )


def reserve(services: Services, actor: Actor, order: HandOut) -> str:
    """Draft a slip for an emergency point and hand it out at once; returns its number.

    Raises Refusal as :func:`draft` and :func:`hand_out`.
    """

    def work(connection: Connection) -> str:
        no = draft_on(connection, actor, order)
        hand_out_on(connection, actor, no)
        return no

    return services.database.act(work)


def accept(services: Services, actor: Actor, no: str, at_point: int | None = None) -> None:
    """接收: from now on the point may use the numbers. ``at_point``: only a slip of this point may be accepted.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, BUSY.
    """
    services.database.act(lambda connection: accept_on(connection, actor, no, at_point))


def accept_on(connection: Connection, actor: Actor, no: str, at_point: int | None = None) -> None:
    """Do :func:`accept` in the caller's transaction."""
    slip = document(connection, SlipFacts, actor.unit_id, no, lock=True)
    if at_point is not None and slip.point_id != at_point:
        raise Refusal("DOCUMENT_UNKNOWN", no=no)
    changes = {"state": SlipState.ACCEPTED, "accepted_name": actor.name, "accepted_at": now()}
    move(connection, slip, (SlipState.HANDED_OUT,), **changes)
    waiting = (NUMBER_RANGE.c.slip == no, NUMBER_RANGE.c.state == RangeState.WAITING)
    connection.execute(update(NUMBER_RANGE).where(*waiting).values(state=RangeState.OPEN))
    audit.record(connection, actor, "stock.accepted", ("stock", no), {"code": slip.bill_code})


def withdraw(services: Services, actor: Actor, no: str) -> int:
    """撤回: the unused numbers of a slip go back to unit stock; returns how many. Used ones stay used.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, NOTHING_UNUSED, BUSY.
    """
    return services.database.act(lambda connection: withdraw_on(connection, actor, no))


def withdraw_on(connection: Connection, actor: Actor, no: str) -> int:
    """Do :func:`withdraw` in the caller's transaction. The ranges' rows are locked, so that a number is either
    issued or withdrawn."""
    slip = document(connection, SlipFacts, actor.unit_id, no, lock=True)
    withdrawn_at = now()
    changes = {"state": SlipState.WITHDRAWN, "withdrawn_name": actor.name, "withdrawn_at": withdrawn_at}
    move(connection, slip, (SlipState.HANDED_OUT, SlipState.ACCEPTED), **changes)
    ranges = connection.execute(
        select(NUMBER_RANGE)
        .where(NUMBER_RANGE.c.slip == no, NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last)
        .order_by(NUMBER_RANGE.c.id)
        .with_for_update()
    ).all()
    count = 0
    for row in ranges:
        connection.execute(update(NUMBER_RANGE).where(NUMBER_RANGE.c.id == row.id).values(last=row.next - 1))
        piece = Piece(row.segment_id, row.next, row.last)
        movement = Movement(MovementKind.WITHDRAW, row.bill_code, piece, no, row.point_id, at=withdrawn_at)
        movements.record(connection, actor, movement)
        count += piece.count
    if not count:
        raise Refusal("NOTHING_UNUSED", no=no)
    audit.record(
        connection,
        actor,
        "stock.withdrawn",
        ("stock", no),
        {"code": slip.bill_code, "count": count},
    )
    return count


def cancel(services: Services, actor: Actor, no: str) -> None:
    """删除 a draft: it is kept and marked. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, BUSY."""
    services.database.act(lambda connection: cancel_on(connection, actor, no))


def cancel_on(connection: Connection, actor: Actor, no: str) -> None:
    """Do :func:`cancel` in the caller's transaction."""
    slip = document(connection, SlipFacts, actor.unit_id, no, lock=True)
    move(connection, slip, (SlipState.DRAFT,), state=SlipState.CANCELLED)
    audit.record(connection, actor, "stock.slip_cancelled", ("stock", no), {})
