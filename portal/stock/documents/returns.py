"""票据申退: unused unit stock given back to finance (9205)."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import ReturnState
from portal.models.tables import STOCK_MOVEMENT, STOCK_RETURN
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.books.holdings import choose
from portal.stock.rows import audit, document, move

TOPIC = topic("stock.return")


def report(connection: Connection, actor: Actor, bill_code: str, first: int, last: int, reason: str) -> str:
    """Give ``first``…``last`` back: they leave unit stock now; returns the return's number.

    Raises Refusal FIELD_INVALID, NUMBERS_NOT_IN_STOCK (handed-out numbers are withdrawn first).
    """
    if first > last or not reason.strip():
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if first > last else "申退原因必填")
    pieces = choose(connection, actor.unit_id, bill_code, last - first + 1, first)
    no = movements.next_no(connection, "ST")
    connection.execute(
        insert(STOCK_RETURN),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "bill_code": bill_code,
            "first": first,
            "last": last,
            "reason": reason.strip(),
            "state": ReturnState.REPORTED,
            "opinion": "",
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
        },
    )
    for segment_id, low, high in pieces:
        movements.record(connection, "return", segment_id, bill_code, low, high, no, actor, reason=reason.strip())
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": actor.unit_id, "no": no})
    details = {"code": bill_code, "first": first, "last": last, "reason": reason.strip()}
    audit(connection, actor, "stock.returned", no, details)
    return no


def decided(connection: Connection, actor: Actor, no: str, accepted: bool, opinion: str) -> None:
    """Finance's answer. Refused numbers come back into unit stock. A second answer changes nothing."""
    row = document(connection, STOCK_RETURN, actor.unit_id, no, lock=True)
    if row.state != ReturnState.REPORTED:
        return
    state = ReturnState.ACCEPTED if accepted else ReturnState.REFUSED
    move(
        connection, STOCK_RETURN, row, ReturnState, (ReturnState.REPORTED,),
        state=state, opinion=opinion[:500], decided_at=now(),
    )  # fmt: skip
    if not accepted:
        gone = (
            select(STOCK_MOVEMENT)
            .where(STOCK_MOVEMENT.c.slip == no, STOCK_MOVEMENT.c.kind == "return")
            .order_by(STOCK_MOVEMENT.c.id)
        )
        for piece in connection.execute(gone).all():
            movements.record(
                connection, "return_refused", piece.segment_id, piece.bill_code, piece.first, piece.last, no, actor,
                reason=opinion[:200],
            )  # fmt: skip
    details = {"accepted": accepted, "opinion": opinion[:200]}
    audit(connection, actor, "stock.return_decided", no, details)
