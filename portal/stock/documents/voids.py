"""作废: 库存作废 of unit stock and 空白票报损 at a point; numbers that will never be used, by range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from portal import audit
from portal.approvals import requests
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, ten_digits
from portal.domain.states.stock import MovementKind, VoidCategory, VoidState
from portal.models.tables import NUMBER_RANGE, POINT, STOCK_VOID
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.books.holdings import choose_run
from portal.stock.books.movements import Movement, Piece
from portal.stock.documents.facts import VoidFacts, document, move

TOPIC = topic("finance.void")
"""Finance is told of what is void (9304)."""
APPROVAL = "stock.void"
"""The kind of the approval that a void waits for."""


@dataclass(frozen=True, slots=True)
class Void:
    """Numbers to void, and why. ``point_id``: they are blank forms of this point; ``None``: unit stock."""

    run: NumberRun
    reason: str
    point_id: int | None = None

    @property
    def category(self) -> VoidCategory:
        """Where the numbers lie."""
        return VoidCategory.STOCK if self.point_id is None else VoidCategory.BLANK


def ask(services: Services, actor: Actor, order: Void) -> str:
    """Propose a void and ask a second person to agree; returns the document's number. Nothing moves until then.

    The numbers are looked at now, and again when they are voided. Raises Refusal FIELD_INVALID, NUMBERS_NOT_IN_STOCK,
    NUMBERS_NOT_UNUSED, BUSY.
    """

    def work(connection: Connection) -> str:
        if order.run.first <= order.run.last:
            _check_on(connection, actor, order)
        no = propose_on(connection, actor, order)
        summary = f"{order.category.title} {order.run}"
        requests.request_on(connection, actor, requests.Request(APPROVAL, no, summary, order.reason, {"no": no}))
        return no

    return services.database.act(work)


def _check_on(connection: Connection, actor: Actor, order: Void) -> None:
    """Check that every number of an order is unused where it is said to be. Raises as :func:`carry_out_on`."""
    if order.point_id is None:
        choose_run(connection, actor.unit_id, order.run)
    else:
        _unused(connection, order.point_id, order.run)


def void_blank_on(connection: Connection, actor: Actor, order: Void) -> str:
    """Void unused numbers of a point at once, in the caller's transaction; returns the document's number (单号).

    They may begin at the next number or lie further on: the ranges are split around them. Raises Refusal
    FIELD_INVALID, NUMBERS_NOT_UNUSED when one of them is used, elsewhere or not handed out; then nothing has changed.
    The ranges' rows are locked to the commit.
    """
    no = propose_on(connection, actor, order)
    carry_out_on(connection, actor, no)
    return no


def propose_on(connection: Connection, actor: Actor, order: Void) -> str:
    """Write a void that waits, in the caller's transaction; returns its number. Raises Refusal FIELD_INVALID."""
    run, reason = order.run, order.reason.strip()
    if run.first > run.last or not reason:
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if run.first > run.last else "作废原因必填")
    no = movements.next_no(connection, "ZF" if order.category is VoidCategory.STOCK else "BS")
    connection.execute(
        insert(STOCK_VOID),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "category": order.category,
            "point_id": order.point_id,
            "bill_code": run.bill_code,
            "first": run.first,
            "last": run.last,
            "reason": reason[:200],
            "state": VoidState.WAITING,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "decided_name": "",
        },
    )
    details = {
        "point": order.point_id,
        "code": run.bill_code,
        "first": run.first,
        "last": run.last,
        "reason": reason,
    }
    audit.record(connection, actor, "stock.void_proposed", ("stock", no), details)
    return no


def carry_out_on(connection: Connection, actor: Actor, no: str) -> None:
    """Void the numbers of a proposal, in the caller's transaction. The caller has made sure that the right person
    agrees.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, NUMBERS_NOT_IN_STOCK, NUMBERS_NOT_UNUSED.
    """
    void = document(connection, VoidFacts, actor.unit_id, no, lock=True)
    _decide(connection, actor, void, VoidState.DONE)
    if void.point_id is None:
        kind, pieces = MovementKind.STOCK_VOID, choose_run(connection, void.unit_id, void.run)
    else:
        kind, pieces = MovementKind.BLANK_LOSS, cut(connection, void.point_id, void.run)
    for piece in pieces:
        movement = Movement(kind, void.bill_code, piece, no, void.point_id, void.reason)
        movements.record(connection, actor, movement)
    details = {"point": void.point_id, "code": void.bill_code, "first": void.first, "last": void.last}
    audit.record(connection, actor, "stock.voided", ("stock", no), details)
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": void.unit_id, "no": no})


def refuse_on(connection: Connection, actor: Actor, no: str) -> None:
    """Close a proposal that the second person does not agree to. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    void = document(connection, VoidFacts, actor.unit_id, no, lock=True)
    _decide(connection, actor, void, VoidState.REFUSED)
    audit.record(connection, actor, "stock.void_refused", ("stock", no), {})


def _decide(connection: Connection, actor: Actor, void: VoidFacts, state: VoidState) -> None:
    changes = {"state": state, "decided_name": actor.name, "decided_at": now()}
    move(connection, void, (VoidState.WAITING,), **changes)


def cut(connection: Connection, point_id: int, run: NumberRun) -> list[Piece]:
    """Take unused numbers out of a point's ranges; the caller writes the movement that says where they went.

    Raises Refusal NUMBERS_NOT_UNUSED.
    """
    parts = _unused(connection, point_id, run)
    for row, low, high in parts:
        _split(connection, row, low, high)
    return [Piece(row.segment_id, low, high) for row, low, high in parts]


def _unused(connection: Connection, point_id: int, run: NumberRun) -> list[tuple[Row[Any], int, int]]:
    """Return a point's ranges that hold these unused numbers, each with its part of them, locked to the commit.

    Raises Refusal NUMBERS_NOT_UNUSED.
    """
    ranges = connection.execute(
        select(NUMBER_RANGE)
        .where(
            NUMBER_RANGE.c.point_id == point_id,
            NUMBER_RANGE.c.bill_code == run.bill_code,
            NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
            NUMBER_RANGE.c.first <= run.last,
            NUMBER_RANGE.c.last >= run.first,
        )
        .order_by(NUMBER_RANGE.c.first)
        .with_for_update()
    ).all()
    parts, following = [], run.first
    for row in ranges:
        low, high = max(row.next, run.first), min(row.last, run.last)
        if low != following or low > high:
            break
        parts.append((row, low, high))
        following = high + 1
    if following != run.last + 1:
        point = connection.scalar(select(POINT.c.code).where(POINT.c.id == point_id)) or str(point_id)
        ends = {"first": ten_digits(run.first), "last": ten_digits(run.last)}
        raise Refusal("NUMBERS_NOT_UNUSED", point=point, bill_code=run.bill_code, **ends)
    return parts


def _split(connection: Connection, row: Row[Any], low: int, high: int) -> None:
    """Leave ``first``…``low - 1`` in the range and put the numbers behind ``high`` into one of their own."""
    connection.execute(update(NUMBER_RANGE).where(NUMBER_RANGE.c.id == row.id).values(last=low - 1))
    if high < row.last:
        behind = {"first": high + 1, "next": high + 1, "last": row.last}
        kept = ("segment_id", "point_id", "bill_code", "handed_out_at", "state", "slip")
        connection.execute(insert(NUMBER_RANGE), {name: getattr(row, name) for name in kept} | behind)
