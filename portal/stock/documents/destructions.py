"""票据销毁: the record of void forms destroyed, by two persons and a witness. It moves no number."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import DestructionState, Fate
from portal.models.tables import NUMBER_SEGMENT, STOCK_DESTRUCTION
from portal.stock.books import movements
from portal.stock.books.fates import fate_map
from portal.stock.books.intervals import Intervals
from portal.stock.documents import refusals
from portal.stock.rows import audit, document, move, number

APPROVAL = "stock.destruction"
"""The kind of the approval that a destruction waits for."""


def propose(
    connection: Connection, actor: Actor, bill_code: str, first: int, last: int, reason: str, witness: str
) -> str:
    """Ask to record a destruction of void numbers; returns its number.

    Raises Refusal FIELD_INVALID, NUMBERS_NOT_VOID when one of them is not void, or destroyed already.
    """
    if first > last or not reason.strip() or not witness.strip():
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if first > last else "销毁原因和监销人必填")
    refusals.close(connection)
    _check(connection, actor.unit_id, bill_code, first, last)
    no = movements.next_no(connection, "XH")
    connection.execute(
        insert(STOCK_DESTRUCTION),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "category": "stock",
            "bill_code": bill_code,
            "first": first,
            "last": last,
            "reason": reason.strip()[:200],
            "witness": witness.strip()[:100],
            "state": DestructionState.WAITING,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "decided_name": "",
        },
    )
    details = {"code": bill_code, "first": first, "last": last, "reason": reason.strip()}
    audit(connection, actor, "stock.destruction_proposed", no, details)
    return no


def _check(connection: Connection, unit_id: int, bill_code: str, first: int, last: int, besides: int = 0) -> None:
    # Two proposals at once over the same numbers: the second waits for the segments and sees the first.
    segments = connection.execute(
        select(NUMBER_SEGMENT)
        .where(NUMBER_SEGMENT.c.unit_id == unit_id, NUMBER_SEGMENT.c.bill_code == bill_code)
        .order_by(NUMBER_SEGMENT.c.first)
        .with_for_update(key_share=True)
    ).all()
    void = Intervals()
    for segment in segments:
        if segment.first <= last and first <= segment.last:
            for run in fate_map(connection, segment.id):
                if run.fate is Fate.VOID:
                    void.add(run.first, run.last)
    again = connection.scalar(
        select(STOCK_DESTRUCTION.c.id).where(
            STOCK_DESTRUCTION.c.bill_code == bill_code,
            STOCK_DESTRUCTION.c.first <= last,
            STOCK_DESTRUCTION.c.last >= first,
            STOCK_DESTRUCTION.c.state != DestructionState.REFUSED,
            STOCK_DESTRUCTION.c.id != besides,
        )
    )
    if again is not None or not void.has(first, last):
        raise Refusal("NUMBERS_NOT_VOID", bill_code=bill_code, first=number(first), last=number(last))


def carry_out(connection: Connection, actor: Actor, no: str) -> None:
    """They are destroyed. The caller has made sure that a second person agrees.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, NUMBERS_NOT_VOID.
    """
    row = document(connection, STOCK_DESTRUCTION, actor.unit_id, no, lock=True)
    _check(connection, row.unit_id, row.bill_code, row.first, row.last, besides=row.id)
    move(
        connection, STOCK_DESTRUCTION, row, DestructionState, (DestructionState.WAITING,),
        state=DestructionState.DONE, decided_name=actor.name, decided_at=now(),
    )  # fmt: skip
    audit(connection, actor, "stock.destroyed", no, {"code": row.bill_code, "first": row.first, "last": row.last})


def refuse(connection: Connection, actor: Actor, no: str) -> None:
    """The second person does not agree. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    row = document(connection, STOCK_DESTRUCTION, actor.unit_id, no, lock=True)
    move(
        connection, STOCK_DESTRUCTION, row, DestructionState, (DestructionState.WAITING,),
        state=DestructionState.REFUSED, decided_name=actor.name, decided_at=now(),
    )  # fmt: skip
    audit(connection, actor, "stock.destruction_refused", no, {})
