"""Requests for a second person (复核): one mechanism for every act that one person may not do alone.

A service that may not act at once calls :func:`request_on` in its transaction and tells the person so. Somebody else
decides through the :class:`~portal.approvals.registry.Registry`; on approval the act of the kind runs in the same
transaction as the decision, so that there is neither a decision without its act nor an act without its decision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, or_, select, update

from portal import audit
from portal.core.clock import midnight, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.approval import ApprovalState
from portal.models.tables import APPROVAL


@dataclass(frozen=True, slots=True)
class Request:
    """What a second person is asked for. ``payload`` holds ids and figures only; ``summary`` says in one line what
    will happen (no personal data)."""

    kind: str
    object_id: object
    summary: str
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """A request with what has become of it. ``outcome``: what the act said when it ran, or why it could not."""

    id: int
    unit_id: int
    kind: str
    object_id: str
    payload: Mapping[str, Any]
    summary: str
    reason: str
    state: ApprovalState
    requested_by: str
    requester: str
    requested_at: datetime
    decided_by: str | None
    decider: str | None
    decided_at: datetime | None
    opinion: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ends: its last state, the second person's opinion, the words of the act."""

    state: ApprovalState
    opinion: str = ""
    outcome: str = ""


def request_on(connection: Connection, actor: Actor, order: Request) -> int:
    """Ask for a second person, in the caller's transaction; returns the approval's id.

    Raises APPROVAL_PENDING when one for the same object waits already.
    """
    same = select(APPROVAL.c.id).where(
        APPROVAL.c.kind == order.kind,
        APPROVAL.c.object_id == str(order.object_id),
        APPROVAL.c.unit_id == actor.unit_id,
        APPROVAL.c.state == ApprovalState.PENDING,
    )
    if connection.scalar(same) is not None:
        raise Refusal("APPROVAL_PENDING")
    approval_id = new_id()
    connection.execute(
        insert(APPROVAL),
        {
            "id": approval_id,
            "unit_id": actor.unit_id,
            "kind": order.kind,
            "object_id": str(order.object_id),
            "payload": dict(order.payload),
            "summary": order.summary[:300],
            "reason": order.reason[:300],
            "state": ApprovalState.PENDING,
            "requested_by": actor.label,
            "requester": actor.name,
            "requested_at": now(),
            "opinion": "",
            "outcome": "",
        },
    )
    details = {"kind": order.kind, "object_id": str(order.object_id)}
    audit.record(connection, actor, "approval.requested", ("approval", approval_id), details)
    return approval_id


def withdraw(services: Services, actor: Actor, approval_id: int) -> None:
    """Take one's own request back.

    Raises APPROVAL_NOT_FOUND for somebody else's, APPROVAL_DECIDED when it is too late, BUSY.
    """

    def work(connection: Connection) -> None:
        request = lock_pending(connection, approval_id, actor)
        if request.requested_by != actor.label:
            raise Refusal("APPROVAL_NOT_FOUND")
        close(connection, request, actor, Ending(ApprovalState.WITHDRAWN))

    services.database.act(work)


def lock_pending(connection: Connection, approval_id: int, actor: Actor) -> ApprovalFacts:
    """Return a waiting request of the actor's unit, held to the commit.

    Raises APPROVAL_NOT_FOUND for another unit's, APPROVAL_DECIDED when it waits no more.
    """
    row = connection.execute(select(APPROVAL).where(APPROVAL.c.id == approval_id).with_for_update()).one_or_none()
    if row is None or row.unit_id != actor.unit_id:
        raise Refusal("APPROVAL_NOT_FOUND")
    if row.state != ApprovalState.PENDING:
        raise Refusal("APPROVAL_DECIDED", decider=row.decider or "")
    return _facts(row)


def close(connection: Connection, request: ApprovalFacts, actor: Actor, ending: Ending) -> None:
    """End a request that :func:`lock_pending` holds."""
    values = {
        "state": ending.state,
        "decided_by": actor.label,
        "decider": actor.name,
        "decided_at": now(),
        "opinion": ending.opinion[:300],
        "outcome": ending.outcome[:300],
    }
    connection.execute(update(APPROVAL).where(APPROVAL.c.id == request.id).values(values))
    details = {"kind": request.kind, "object_id": request.object_id}
    audit.record(connection, actor, f"approval.{ending.state}", ("approval", request.id), details)


def _facts(row: Row[Any]) -> ApprovalFacts:
    values = {each.name: getattr(row, each.name) for each in fields(ApprovalFacts)}
    return ApprovalFacts(**(values | {"state": ApprovalState(row.state)}))


def of_unit(unit_id: int) -> Select[Any]:
    """Return the statement of a unit's approvals, for lists."""
    return select(APPROVAL).where(APPROVAL.c.unit_id == unit_id)


UNSUCCESSFUL = "unsuccessful"
"""The value of :func:`in_state` for requests that ended without their act."""


def in_state(value: str) -> ColumnElement[bool]:
    """Return the condition that a request is in a state, or that it ended without its act."""
    if value == UNSUCCESSFUL:
        return APPROVAL.c.state.in_((ApprovalState.REFUSED.value, ApprovalState.FAILED.value))
    return APPROVAL.c.state == value


def asked_by(label: str, own: bool) -> ColumnElement[bool]:
    """Return the condition that somebody has asked for it, or somebody else."""
    return APPROVAL.c.requested_by == label if own else APPROVAL.c.requested_by != label


def decided_from(day: date) -> ColumnElement[bool]:
    """Return the condition that a request was decided on a day or later."""
    return APPROVAL.c.decided_at >= midnight(day)


def by_id(connection: Connection, unit_id: int, approval_id: int) -> ApprovalFacts:
    """Return one approval of the unit. Raises APPROVAL_NOT_FOUND."""
    row = connection.execute(of_unit(unit_id).where(APPROVAL.c.id == approval_id)).one_or_none()
    if row is None:
        raise Refusal("APPROVAL_NOT_FOUND")
    return _facts(row)


def of_object(connection: Connection, kind: str, object_id: object) -> ApprovalFacts | None:
    """Return the newest approval about an object, for its page."""
    query = select(APPROVAL).where(APPROVAL.c.kind == kind, APPROVAL.c.object_id == str(object_id))
    row = connection.execute(query.order_by(APPROVAL.c.requested_at.desc()).limit(1)).one_or_none()
    return None if row is None else _facts(row)


def of_objects(connection: Connection, unit_id: int, objects: Collection[tuple[str, object]]) -> list[ApprovalFacts]:
    """Return every approval of the unit about these objects, each a kind of approval and an id; the newest first."""
    if not objects:
        return []
    either = or_(*(and_(APPROVAL.c.kind == kind, APPROVAL.c.object_id == str(one)) for kind, one in objects))
    rows = connection.execute(of_unit(unit_id).where(either).order_by(APPROVAL.c.requested_at.desc()))
    return [_facts(row) for row in rows]
