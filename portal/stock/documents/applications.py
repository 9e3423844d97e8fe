"""票据申领: numbers asked of finance, from the draft to their arrival."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.stock import EDITABLE, PENDING, WITHDRAWABLE, ApplicationState
from portal.models.tables import BILL_KIND, STOCK_APPLICATION
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock.books import movements
from portal.stock.documents.facts import ApplicationFacts, document, facts_of, move

TOPIC = topic("stock.application")
WITHDRAW_TOPIC = topic("stock.application.withdraw")
MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Application:
    """How many numbers of a kind are asked for, under which bill code, and why."""

    kind_id: int
    bill_code: str
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an application that may be edited says from now on."""

    no: str
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """One report of an application to finance: each time it is reported again its ``revision`` grows."""

    no: str
    revision: int


@dataclass(frozen=True, slots=True)
class Review:
    """Finance's word on an application: ``status`` 0 submitted, 1 approved, 2 rejected, 3 issued (message 9202)."""

    status: str
    approved: int | None
    opinion: str
    reviewer: str


# --- the acts of staff -------------------------------------------------------------------------------------------


def draft(services: Services, actor: Actor, order: Application) -> str:
    """Write an application as a draft; returns its number. Raises Refusal FIELD_INVALID, BUSY."""
    return services.database.act(lambda connection: draft_on(connection, actor, order))


def draft_on(connection: Connection, actor: Actor, order: Application) -> str:
    """Do :func:`draft` in the caller's transaction."""
    _check(connection, order.kind_id, order.bill_code, order.quantity)
    no = movements.next_no(connection, "SL")
    connection.execute(
        insert(STOCK_APPLICATION),
        {
            "unit_id": actor.unit_id,
            "no": no,
            "revision": 0,
            "kind_id": order.kind_id,
            "bill_code": order.bill_code,
            "quantity": order.quantity,
            "reason": order.reason.strip(),
            "state": ApplicationState.DRAFT,
            "made_by": actor.label,
            "made_name": actor.name,
            "made_at": now(),
            "opinion": "",
            "reviewer": "",
        },
    )
    details = {"code": order.bill_code, "quantity": order.quantity}
    audit.record(connection, actor, "stock.application_drafted", ("stock", no), details)
    return no


def change(services: Services, actor: Actor, order: Change) -> None:
    """Edit a draft, or an application that came back.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, FIELD_INVALID, BUSY.
    """
    services.database.act(lambda connection: change_on(connection, actor, order))


def change_on(connection: Connection, actor: Actor, order: Change) -> None:
    """Do :func:`change` in the caller's transaction."""
    application = document(connection, ApplicationFacts, actor.unit_id, order.no, lock=True)
    _check(connection, application.kind_id, application.bill_code, order.quantity)
    changes = {"state": ApplicationState.DRAFT, "quantity": order.quantity, "reason": order.reason.strip()}
    move(connection, application, EDITABLE, **changes)
    details = {"before": application.quantity, "after": order.quantity}
    audit.record(connection, actor, "stock.application_changed", ("stock", order.no), details)


def report(services: Services, actor: Actor, no: str) -> None:
    """上报: send an application to finance (9201) after the commit.

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, APPLICATION_PENDING (another of this kind awaits finance), BUSY.
    """
    services.database.act(lambda connection: report_on(connection, actor, no))


def report_on(connection: Connection, actor: Actor, no: str) -> None:
    """Do :func:`report` in the caller's transaction."""
    application = document(connection, ApplicationFacts, actor.unit_id, no, lock=True)
    revision = application.revision + 1
    try:
        with connection.begin_nested():
            move(
                connection,
                application,
                EDITABLE,
                state=ApplicationState.REPORTED,
                revision=revision,
                reported_at=now(),
                sent_at=None,
                approved=None,
                opinion="",
                reviewer="",
                reviewed_at=None,
            )
    except IntegrityError as error:
        raise _pending_already(connection, application) from error
    payload = {"unit": application.unit_id, "no": no, "revision": revision}
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}:{revision}", payload)
    details = {"quantity": application.quantity, "revision": revision}
    audit.record(connection, actor, "stock.application_reported", ("stock", no), details)


def _pending_already(connection: Connection, application: ApplicationFacts) -> Refusal:
    other = select(STOCK_APPLICATION.c.no).where(
        STOCK_APPLICATION.c.unit_id == application.unit_id,
        STOCK_APPLICATION.c.kind_id == application.kind_id,
        STOCK_APPLICATION.c.id != application.id,
        STOCK_APPLICATION.c.state.in_(PENDING),
    )
    kind = connection.scalar(select(BILL_KIND.c.name).where(BILL_KIND.c.id == application.kind_id))
    return Refusal("APPLICATION_PENDING", kind=kind, no=connection.scalar(other) or "")


def withdraw(services: Services, actor: Actor, no: str) -> ApplicationState:
    """撤销上报, while finance has not acted; returns the new state.

    A report that has not left the house is withdrawn at once; one that may have reached finance is ``withdrawing``
    until finance says so (9207). Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, BUSY.
    """
    return services.database.act(lambda connection: withdraw_on(connection, actor, no))


def withdraw_on(connection: Connection, actor: Actor, no: str) -> ApplicationState:
    """Do :func:`withdraw` in the caller's transaction."""
    application = document(connection, ApplicationFacts, actor.unit_id, no, lock=True)
    state = ApplicationState.WITHDRAWN if application.sent_at is None else ApplicationState.WITHDRAWING
    move(connection, application, WITHDRAWABLE, state=state)
    if state is ApplicationState.WITHDRAWING:
        payload = {"unit": application.unit_id, "no": no, "revision": application.revision}
        tasks.enqueue(connection, WITHDRAW_TOPIC, f"{WITHDRAW_TOPIC}:{no}:{application.revision}", payload)
    audit.record(
        connection,
        actor,
        "stock.application_withdrawn",
        ("stock", no),
        {"revision": application.revision},
    )
    return state


def cancel(services: Services, actor: Actor, no: str) -> None:
    """删除: the application is kept and marked. Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, BUSY."""
    services.database.act(lambda connection: cancel_on(connection, actor, no))


def cancel_on(connection: Connection, actor: Actor, no: str) -> None:
    """Do :func:`cancel` in the caller's transaction."""
    application = document(connection, ApplicationFacts, actor.unit_id, no, lock=True)
    move(connection, application, EDITABLE, state=ApplicationState.CANCELLED)
    audit.record(connection, actor, "stock.application_cancelled", ("stock", no), {})


def _check(connection: Connection, kind_id: int, bill_code: str, quantity: int) -> None:
    if not 0 < quantity <= MOST:
        raise Refusal("FIELD_INVALID", problems=f"申领数量应在 1 到 {MOST} 之间")
    prefix = connection.scalar(select(BILL_KIND.c.prefix).where(BILL_KIND.c.id == kind_id))
    if prefix is None or bill_code[:6] != prefix or not bill_code[6:].isdigit() or len(bill_code) != 8:
        raise Refusal("FIELD_INVALID", problems="票据种类无效")


# --- the exchange with finance -----------------------------------------------------------------------------------


def send(services: Services, actor: Actor, order: Report) -> ApplicationFacts | None:
    """Mark an application as sent and return it; ``None`` when this report is no longer wanted.

    Raises Refusal DOCUMENT_UNKNOWN, BUSY.
    """

    def work(connection: Connection) -> ApplicationFacts | None:
        application = document(connection, ApplicationFacts, actor.unit_id, order.no, lock=True)
        sendable = (ApplicationState.REPORTED, ApplicationState.WITHDRAWING)
        if application.revision != order.revision or application.state not in sendable:
            return None
        _update(connection, application, sent_at=application.sent_at or now())
        return application

    return services.database.act(work)


def review(services: Services, actor: Actor, order: Report, word: Review) -> None:
    """Take in finance's word on a report, however often it comes; a state never goes back.

    Raises Refusal DOCUMENT_UNKNOWN, BUSY.
    """
    services.database.act(lambda connection: _review(connection, actor, order, word))


def _review(connection: Connection, actor: Actor, order: Report, word: Review) -> None:
    application = document(connection, ApplicationFacts, actor.unit_id, order.no, lock=True)
    if application.revision != order.revision:
        return
    to = {
        "0": ApplicationState.REVIEWING,
        "1": ApplicationState.APPROVED,
        "2": ApplicationState.RETURNED,
        "3": ApplicationState.ISSUED,
    }[word.status]
    before: tuple[ApplicationState, ...] = {
        ApplicationState.REVIEWING: (ApplicationState.REPORTED,),
        ApplicationState.APPROVED: (*WITHDRAWABLE, ApplicationState.WITHDRAWING),
        ApplicationState.RETURNED: PENDING,
        ApplicationState.ISSUED: PENDING,
    }[to]
    if application.state not in before:
        arrived = application.state in (ApplicationState.ISSUED, ApplicationState.RECEIVED)
        if arrived and application.reviewed_at is None:
            _note(connection, application, word, application.state)  # its segment was quicker than the word about it
        return
    if to is ApplicationState.REVIEWING:
        _update(connection, application, state=to)
        return
    _note(connection, application, word, to)
    details = {"status": word.status, "approved": word.approved, "opinion": word.opinion}
    audit.record(connection, actor, "stock.application_reviewed", ("stock", order.no), details)


def _note(connection: Connection, application: ApplicationFacts, word: Review, state: ApplicationState) -> None:
    _update(
        connection,
        application,
        state=state,
        approved=word.approved,
        opinion=word.opinion[:500],
        reviewer=word.reviewer[:100],
        reviewed_at=now(),
    )


def _update(connection: Connection, application: ApplicationFacts, **changes: object) -> None:
    connection.execute(update(STOCK_APPLICATION).where(STOCK_APPLICATION.c.id == application.id).values(**changes))


def end_withdrawal(services: Services, actor: Actor, order: Report, done: bool) -> None:
    """Take in finance's answer to a withdrawal (9207): withdrawn, or too late; then its review goes on.

    Raises Refusal DOCUMENT_UNKNOWN, BUSY.
    """

    def work(connection: Connection) -> None:
        application = document(connection, ApplicationFacts, actor.unit_id, order.no, lock=True)
        if application.revision != order.revision or application.state is not ApplicationState.WITHDRAWING:
            return
        _update(connection, application, state=ApplicationState.WITHDRAWN if done else ApplicationState.REVIEWING)
        audit.record(
            connection,
            actor,
            "stock.application_withdrawal",
            ("stock", order.no),
            {"done": done},
        )

    services.database.act(work)


def pending(connection: Connection) -> list[ApplicationFacts]:
    """Return the applications whose fate finance still has to tell, for the poll (9202)."""
    states = (ApplicationState.REVIEWING, ApplicationState.WITHDRAWING, ApplicationState.APPROVED)
    query = select(STOCK_APPLICATION).where(STOCK_APPLICATION.c.state.in_(states)).order_by(STOCK_APPLICATION.c.id)
    return [facts_of(ApplicationFacts, row) for row in connection.execute(query)]
