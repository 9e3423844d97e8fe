"""票据申领: numbers asked of finance, from the draft to their arrival (S3.1.1a–c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import EDITABLE, PENDING, WITHDRAWABLE, ApplicationState
from portal.models.tables import BILL_KIND, STOCK_APPLICATION
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.rows import audit, document, move

TOPIC = topic("stock.application")
WITHDRAW_TOPIC = topic("stock.application.withdraw")
MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Review:
    """Finance's word on an application: ``status`` 0 submitted, 1 approved, 2 rejected, 3 issued (message 9202)."""

    status: str
    approved: int | None
    opinion: str
    reviewer: str


def apply_no(row: Any) -> str:
    """The number under which finance knows this report: a new one each time it is reported again."""
    return row.no if row.revision <= 1 else f"{row.no}-{row.revision}"


def draft(connection: Connection, actor: Actor, kind_id: int, bill_code: str, quantity: int, reason: str) -> str:
    """Write an application as a draft; returns its number. Raises Refusal FIELD_INVALID."""
    _check(connection, kind_id, bill_code, quantity)
    no = movements.next_no(connection, "SL")
    connection.execute(
        insert(STOCK_APPLICATION),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "revision": 0,
            "kind_id": kind_id,
            "bill_code": bill_code,
            "quantity": quantity,
            "reason": reason.strip(),
            "state": ApplicationState.DRAFT,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "opinion": "",
            "reviewer": "",
        },
    )
    audit(connection, actor, "stock.application_drafted", no, {"code": bill_code, "quantity": quantity})
    return no


def change(connection: Connection, actor: Actor, no: str, quantity: int, reason: str) -> None:
    """Edit a draft, or one that came back. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, FIELD_INVALID."""
    row = document(connection, STOCK_APPLICATION, actor.unit_id, no, lock=True)
    _check(connection, row.kind_id, row.bill_code, quantity)
    move(
        connection, STOCK_APPLICATION, row, ApplicationState, EDITABLE,
        state=ApplicationState.DRAFT, quantity=quantity, reason=reason.strip(),
    )  # fmt: skip
    details = {"before": row.quantity, "after": quantity}
    audit(connection, actor, "stock.application_changed", no, details)


def report(connection: Connection, actor: Actor, no: str) -> None:
    """上报: goes to finance (9201) after commit.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, APPLICATION_PENDING (another of this kind awaits finance).
    """
    row = document(connection, STOCK_APPLICATION, actor.unit_id, no, lock=True)
    other = select(STOCK_APPLICATION.c.no).where(
        STOCK_APPLICATION.c.unit_id == row.unit_id,
        STOCK_APPLICATION.c.kind_id == row.kind_id,
        STOCK_APPLICATION.c.id != row.id,
        STOCK_APPLICATION.c.state.in_(PENDING),
    )
    kind = connection.scalar(select(BILL_KIND.c.name).where(BILL_KIND.c.id == row.kind_id))
    try:
        with connection.begin_nested():
            move(
                connection, STOCK_APPLICATION, row, ApplicationState, EDITABLE,
                state=ApplicationState.REPORTED, revision=row.revision + 1, reported_at=now(), sent_at=None,
                approved=None, opinion="", reviewer="", reviewed_at=None,
            )  # fmt: skip
    except IntegrityError as error:
        raise Refusal("APPLICATION_PENDING", kind=kind, no=connection.scalar(other) or "") from error
    revision = row.revision + 1
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}:{revision}", {"unit": row.unit_id, "no": no, "revision": revision})
    audit(connection, actor, "stock.application_reported", no, {"quantity": row.quantity, "revision": revision})


def withdraw(connection: Connection, actor: Actor, no: str) -> ApplicationState:
    """撤销上报, while finance has not acted; returns the new state.

    A report that has not left the house is withdrawn at once; one that may have reached finance is ``withdrawing``
    until finance says so (9207). Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE.
    """
    row = document(connection, STOCK_APPLICATION, actor.unit_id, no, lock=True)
    state = ApplicationState.WITHDRAWN if row.sent_at is None else ApplicationState.WITHDRAWING
    move(connection, STOCK_APPLICATION, row, ApplicationState, WITHDRAWABLE, state=state)
    if state is ApplicationState.WITHDRAWING:
        key = f"{WITHDRAW_TOPIC}:{no}:{row.revision}"
        tasks.enqueue(connection, WITHDRAW_TOPIC, key, {"unit": row.unit_id, "no": no, "revision": row.revision})
    audit(connection, actor, "stock.application_withdrawn", no, {"revision": row.revision})
    return state


def cancel(connection: Connection, actor: Actor, no: str) -> None:
    """删除 (it is kept, marked). Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE."""
    row = document(connection, STOCK_APPLICATION, actor.unit_id, no, lock=True)
    move(connection, STOCK_APPLICATION, row, ApplicationState, EDITABLE, state=ApplicationState.CANCELLED)
    audit(connection, actor, "stock.application_cancelled", no, {})


def leaving(connection: Connection, unit_id: int, no: str, revision: int) -> Any:
    """The application about to be sent, marked as sent; ``None`` when this report is no longer wanted."""
    row = document(connection, STOCK_APPLICATION, unit_id, no, lock=True)
    wanted = (ApplicationState.REPORTED, ApplicationState.WITHDRAWING)
    if row.revision != revision or row.state not in wanted:
        return None
    connection.execute(
        update(STOCK_APPLICATION).where(STOCK_APPLICATION.c.id == row.id).values(sent_at=row.sent_at or now())
    )
    return row


def reviewed(connection: Connection, actor: Actor, unit_id: int, no: str, revision: int, review: Review) -> None:
    """Take in what finance says, however often it says it; a state never goes back."""
    row = document(connection, STOCK_APPLICATION, unit_id, no, lock=True)
    if row.revision != revision:
        return
    to = {
        "0": ApplicationState.REVIEWING,
        "1": ApplicationState.APPROVED,
        "2": ApplicationState.RETURNED,
        "3": ApplicationState.ISSUED,
    }[review.status]
    before: tuple[str, ...] = {
        ApplicationState.REVIEWING: (ApplicationState.REPORTED,),
        ApplicationState.APPROVED: WITHDRAWABLE + (ApplicationState.WITHDRAWING,),
        ApplicationState.RETURNED: PENDING,
        ApplicationState.ISSUED: PENDING,
    }[to]
    if row.state not in before:
        if row.state in (ApplicationState.ISSUED, ApplicationState.RECEIVED) and row.reviewed_at is None:
            _note(connection, row, review, row.state)  # its segment was quicker than the word about it
        return
    if to is ApplicationState.REVIEWING:
        connection.execute(update(STOCK_APPLICATION).where(STOCK_APPLICATION.c.id == row.id).values(state=to))
        return
    _note(connection, row, review, to)
    details = {"status": review.status, "approved": review.approved, "opinion": review.opinion}
    audit(connection, actor, "stock.application_reviewed", no, details)


def _note(connection: Connection, row: Any, review: Review, state: str) -> None:
    connection.execute(
        update(STOCK_APPLICATION)
        .where(STOCK_APPLICATION.c.id == row.id)
        .values(
            state=state,
            approved=review.approved,
            opinion=review.opinion[:500],
            reviewer=review.reviewer[:100],
            reviewed_at=now(),
        )
    )


def withdrawn(connection: Connection, actor: Actor, unit_id: int, no: str, revision: int, done: bool) -> None:
    """Finance's answer to 9207: withdrawn, or too late (then its review goes on)."""
    row = document(connection, STOCK_APPLICATION, unit_id, no, lock=True)
    if row.revision != revision or row.state != ApplicationState.WITHDRAWING:
        return
    state = ApplicationState.WITHDRAWN if done else ApplicationState.REVIEWING
    connection.execute(update(STOCK_APPLICATION).where(STOCK_APPLICATION.c.id == row.id).values(state=state))
    audit(connection, actor, "stock.application_withdrawal", no, {"done": done})


def pending(connection: Connection) -> list[Any]:
    """Applications whose fate finance still has to tell, for the poll (9202)."""
    states = (ApplicationState.REVIEWING, ApplicationState.WITHDRAWING, ApplicationState.APPROVED)
    return list(
        connection.execute(
            select(STOCK_APPLICATION).where(STOCK_APPLICATION.c.state.in_(states)).order_by(STOCK_APPLICATION.c.id)
        )
    )


def open_count(connection: Connection, unit_id: int) -> int:
    """How many applications wait for finance."""
    query = select(func.count()).where(STOCK_APPLICATION.c.unit_id == unit_id, STOCK_APPLICATION.c.state.in_(PENDING))
    return connection.scalar(query) or 0


def _check(connection: Connection, kind_id: int, bill_code: str, quantity: int) -> None:
    if not 0 < quantity <= MOST:
        raise Refusal("FIELD_INVALID", problems=f"申领数量应在 1 到 {MOST} 之间")
    prefix = connection.scalar(select(BILL_KIND.c.prefix).where(BILL_KIND.c.id == kind_id))
    if prefix is None or bill_code[:6] != prefix or not bill_code[6:].isdigit() or len(bill_code) != 8:
        raise Refusal("FIELD_INVALID", problems="票据种类无效")
