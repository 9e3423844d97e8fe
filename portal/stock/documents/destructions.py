"""票据销毁: the record of void forms destroyed, by two persons and a witness. It moves no number."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from portal import audit
from portal.approvals import requests
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, ten_digits
from portal.domain.states.stock import DestructionState, Fate
from portal.models.tables import STOCK_DESTRUCTION
from portal.stock.books import movements
from portal.stock.books.fates import fate_map
from portal.stock.books.holdings import lock_segments
from portal.stock.books.intervals import Intervals
from portal.stock.documents import refusals
from portal.stock.documents.facts import DestructionFacts, document, move

APPROVAL = "stock.destruction"
"""The kind of the approval that a destruction waits for."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """Void numbers whose forms are destroyed, why, and before whom."""

    run: NumberRun
    reason: str
    witness: str


def ask(services: Services, actor: Actor, order: Destruction) -> str:
    """Propose the record of a destruction and ask a second person to agree; returns its number.

    Raises Refusal FIELD_INVALID, NUMBERS_NOT_VOID when one of them is not void or destroyed already, BUSY.
    """

    def work(connection: Connection) -> str:
        no = propose_on(connection, actor, order)
        summary = f"销毁 {order.run}"
        requests.request_on(connection, actor, requests.Request(APPROVAL, no, summary, order.reason, {"no": no}))
        return no

    return services.database.act(work)


def propose_on(connection: Connection, actor: Actor, order: Destruction) -> str:
    """Write a destruction that waits, in the caller's transaction; returns its number.

    Raises Refusal FIELD_INVALID, NUMBERS_NOT_VOID.
    """
    run, reason, witness = order.run, order.reason.strip(), order.witness.strip()
    if run.first > run.last or not reason or not witness:
        raise Refusal("FIELD_INVALID", problems="起号不能大于止号" if run.first > run.last else "销毁原因和监销人必填")
    refusals.close(connection)
    _check(connection, actor.unit_id, run)
    no = movements.next_no(connection, "XH")
    connection.execute(
        insert(STOCK_DESTRUCTION),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "category": "stock",
            "bill_code": run.bill_code,
            "first": run.first,
            "last": run.last,
            "reason": reason[:200],
            "witness": witness[:100],
            "state": DestructionState.WAITING,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "decided_name": "",
        },
    )
    details = {"code": run.bill_code, "first": run.first, "last": run.last, "reason": reason}
    audit.record(connection, actor, "stock.destruction_proposed", ("stock", no), details)
    return no


def _check(connection: Connection, unit_id: int, run: NumberRun, besides: int = 0) -> None:
    # Two proposals at once over the same numbers: the second waits for the segments and sees the first.
    void = Intervals()
    for segment in lock_segments(connection, unit_id, run.bill_code):
        if segment.first <= run.last and run.first <= segment.last:
            for part in fate_map(connection, segment.id):
                if part.fate is Fate.VOID:
                    void.add(part.first, part.last)
    again = connection.scalar(
        select(STOCK_DESTRUCTION.c.id).where(
            STOCK_DESTRUCTION.c.bill_code == run.bill_code,
            STOCK_DESTRUCTION.c.first <= run.last,
            STOCK_DESTRUCTION.c.last >= run.first,
            STOCK_DESTRUCTION.c.state != DestructionState.REFUSED,
            STOCK_DESTRUCTION.c.id != besides,
        )
    )
    if again is not None or not void.has(run.first, run.last):
        ends = {"first": ten_digits(run.first), "last": ten_digits(run.last)}
        raise Refusal("NUMBERS_NOT_VOID", bill_code=run.bill_code, **ends)


def carry_out_on(connection: Connection, actor: Actor, no: str) -> None:
    """Record that the forms are destroyed, in the caller's transaction. The caller has made sure that a second person
    agrees.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, NUMBERS_NOT_VOID.
    """
    destroyed = document(connection, DestructionFacts, actor.unit_id, no, lock=True)
    _check(connection, destroyed.unit_id, destroyed.run, besides=destroyed.id)
    _decide(connection, actor, destroyed, DestructionState.DONE)
    details = {"code": destroyed.bill_code, "first": destroyed.first, "last": destroyed.last}
    audit.record(connection, actor, "stock.destroyed", ("stock", no), details)


def refuse_on(connection: Connection, actor: Actor, no: str) -> None:
    """Close a proposal that the second person does not agree to. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    proposed = document(connection, DestructionFacts, actor.unit_id, no, lock=True)
    _decide(connection, actor, proposed, DestructionState.REFUSED)
    audit.record(connection, actor, "stock.destruction_refused", ("stock", no), {})


def _decide(connection: Connection, actor: Actor, proposed: DestructionFacts, state: DestructionState) -> None:
    changes = {"state": state, "decided_name": actor.name, "decided_at": now()}
    move(connection, proposed, (DestructionState.WAITING,), **changes)
