"""票据申退: unused unit stock given back to finance."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import MovementKind, ReturnState
from portal.models.tables import STOCK_MOVEMENT, STOCK_RETURN
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.books.holdings import choose_run
from portal.stock.books.movements import Movement, Piece
from portal.stock.documents.facts import ReturnFacts, document, move

TOPIC = topic("stock.return")


@dataclass(frozen=True, slots=True)
class Return:
    """Numbers to give back, and why."""

    run: NumberRun
    reason: str


def report(services: Services, actor: Actor, order: Return) -> str:
    """Give numbers back: they leave unit stock now; returns the return's number.

    Raises Refusal FIELD_INVALID, NUMBERS_NOT_IN_STOCK (handed-out numbers are withdrawn first), BUSY.
    """
    return services.database.act(lambda connection: report_on(connection, actor, order))


def report_on(connection: Connection, actor: Actor, order: Return) -> str:
    """Do :func:`report` in the caller's transaction."""
    run, reason = order.run, order.reason.strip()
    if run.first > run.last or not reason:
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if run.first > run.last else "申退原因必填")
    pieces = choose_run(connection, actor.unit_id, run)
    no = movements.next_no(connection, "ST")
    connection.execute(
        insert(STOCK_RETURN),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "bill_code": run.bill_code,
            "first": run.first,
            "last": run.last,
            "reason": reason,
            "state": ReturnState.REPORTED,
            "opinion": "",
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
        },
    )
    for piece in pieces:
        movement = Movement(MovementKind.RETURN, run.bill_code, piece, no, reason=reason)
        movements.record(connection, actor, movement)
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": actor.unit_id, "no": no})
    details = {"code": run.bill_code, "first": run.first, "last": run.last, "reason": reason}
    audit.record(connection, actor, "stock.returned", ("stock", no), details)
    return no


@dataclass(frozen=True, slots=True)
class Answer:
    """What finance says of the return ``no``."""

    no: str
    accepted: bool
    opinion: str


def decide(services: Services, actor: Actor, order: Answer) -> None:
    """Take in finance's answer. Refused numbers come back into unit stock. A second answer changes nothing.

    Raises Refusal DOCUMENT_UNKNOWN, BUSY.
    """
    services.database.act(lambda connection: decide_on(connection, actor, order))


def decide_on(connection: Connection, actor: Actor, order: Answer) -> None:
    """Do :func:`decide` in the caller's transaction."""
    returned = document(connection, ReturnFacts, actor.unit_id, order.no, lock=True)
    if returned.state != ReturnState.REPORTED:
        return
    state = ReturnState.ACCEPTED if order.accepted else ReturnState.REFUSED
    changes = {"state": state, "opinion": order.opinion[:500], "decided_at": now()}
    move(connection, returned, (ReturnState.REPORTED,), **changes)
    if not order.accepted:
        _bring_back(connection, actor, order)
    details = {"accepted": order.accepted, "opinion": order.opinion[:200]}
    audit.record(connection, actor, "stock.return_decided", ("stock", order.no), details)


def _bring_back(connection: Connection, actor: Actor, answer: Answer) -> None:
    given_back = (
        select(STOCK_MOVEMENT)
        .where(STOCK_MOVEMENT.c.slip == answer.no, STOCK_MOVEMENT.c.kind == MovementKind.RETURN)
        .order_by(STOCK_MOVEMENT.c.id)
    )
    for row in connection.execute(given_back).all():
        piece = Piece(row.segment_id, row.first, row.last)
        refused = Movement(MovementKind.RETURN_REFUSED, row.bill_code, piece, answer.no, reason=answer.opinion[:200])
        movements.record(connection, actor, refused)
