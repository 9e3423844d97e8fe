"""复核 by four eyes: one mechanism for every act that needs a second person.

A service that may not act at once calls :func:`request` in its transaction and tells the person so. Somebody else
decides; on approval the act that is registered for the kind runs in the same transaction as the decision, so that
there is neither a decision without its act nor an act without its decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import APPROVAL


@dataclass(frozen=True, slots=True)
class Approved:
    """What an act is handed: the request's payload and reason, who asked, who agreed."""

    approval_id: int
    object_id: str
    payload: Mapping[str, Any]
    requester: Actor
    decider: Actor
    reason: str = ""


Act = Callable[[Services, Connection, Approved], str]
"""Does what was approved, on the given connection only, and says in one Chinese sentence what was done (no personal
data). A Refusal undoes everything and leaves the approval ``failed`` with its text."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of approval: its words on screen and what runs when it is approved."""

    title: str
    act: Act


def request(
    connection: Connection,
    kind: str,
    object_id: object,
    payload: Mapping[str, Any],
    summary: str,
    reason: str,
    actor: Actor,
) -> int:
    """Ask for a second person, in the caller's transaction; returns the approval's id.

    ``payload`` holds ids and figures only; ``summary`` says in one line what will happen (no personal data).
    Raises APPROVAL_PENDING when one for the same object waits already.
    """
    same = select(APPROVAL.c.id).where(
        APPROVAL.c.kind == kind,
        APPROVAL.c.object_id == str(object_id),
        APPROVAL.c.unit_id == actor.unit_id,
        APPROVAL.c.state == "pending",
    )
    if connection.scalar(same) is not None:
        raise Refusal("APPROVAL_PENDING")
    approval_id = new_id()
    connection.execute(
        insert(APPROVAL),
        {
            "id": approval_id,
            "unit_id": actor.unit_id,
            "kind": kind,
            "object_id": str(object_id),
            "payload": dict(payload),
            "summary": summary[:300],
            "reason": reason[:300],
            "state": "pending",
            "requested_by": actor.label,
            "requester": actor.name,
            "requested_at": now(),
            "opinion": "",
            "outcome": "",
        },
    )
    audit.record(
        connection, actor, "approval.requested", ("approval", approval_id), {"kind": kind, "object_id": str(object_id)}
    )
    return approval_id


def decide(
    services: Services, approval_id: int, actor: Actor, approve: bool, opinion: str, kinds: Mapping[str, Kind]
) -> str:
    """Approve (and do it) or refuse, in one transaction; returns what the act said.

    Raises APPROVAL_NOT_FOUND for another unit's, APPROVAL_DECIDED when somebody was faster, APPROVAL_OWN for one's
    own request, and the act's own Refusal, after writing it down as the approval's failure.
    """
    try:
        with services.database.write() as connection:
            row = _locked(connection, approval_id, actor)
            if row.requested_by == actor.label:
                raise Refusal("APPROVAL_OWN")
            outcome = ""
            if approve:
                requester = Actor(row.requested_by, row.requester, row.unit_id, actor.request_id)
                outcome = kinds[row.kind].act(
                    services, connection, Approved(row.id, row.object_id, row.payload, requester, actor, row.reason)
                )
            _close(connection, row, "approved" if approve else "refused", actor, opinion, outcome)
    except Refusal as refusal:
        if refusal.code not in ("APPROVAL_NOT_FOUND", "APPROVAL_DECIDED", "APPROVAL_OWN"):
            with services.database.write() as connection:
                row = _locked(connection, approval_id, actor)
                _close(connection, row, "failed", actor, opinion, f"{refusal.what}：{refusal.why}")
        raise
    return outcome


def withdraw(services: Services, approval_id: int, actor: Actor) -> None:
    """Take one's own request back. Raises APPROVAL_NOT_FOUND for somebody else's, APPROVAL_DECIDED when too late."""
    with services.database.write() as connection:
        row = _locked(connection, approval_id, actor)
        if row.requested_by != actor.label:
            raise Refusal("APPROVAL_NOT_FOUND")
        _close(connection, row, "withdrawn", actor, "", "")


def _locked(connection: Connection, approval_id: int, actor: Actor) -> Row[Any]:
    row = connection.execute(select(APPROVAL).where(APPROVAL.c.id == approval_id).with_for_update()).one_or_none()
    if row is None or row.unit_id != actor.unit_id:
        raise Refusal("APPROVAL_NOT_FOUND")
    if row.state != "pending":
        raise Refusal("APPROVAL_DECIDED", decider=row.decider or "")
    return row


def _close(connection: Connection, row: Row[Any], state: str, actor: Actor, opinion: str, outcome: str) -> None:
    values = {
        "state": state,
        "decided_by": actor.label,
        "decider": actor.name,
        "decided_at": now(),
        "opinion": opinion[:300],
        "outcome": outcome[:300],
    }
    connection.execute(update(APPROVAL).where(APPROVAL.c.id == row.id).values(values))
    audit.record(
        connection, actor, f"approval.{state}", ("approval", row.id), {"kind": row.kind, "object_id": row.object_id}
    )


def of_unit(unit_id: int) -> Select[Any]:
    """A unit's approvals in rows."""
    return select(APPROVAL).where(APPROVAL.c.unit_id == unit_id)


def by_id(connection: Connection, unit_id: int, approval_id: int) -> Row[Any]:
    """One approval of the unit. Raises APPROVAL_NOT_FOUND."""
    row = connection.execute(of_unit(unit_id).where(APPROVAL.c.id == approval_id)).one_or_none()
    if row is None:
        raise Refusal("APPROVAL_NOT_FOUND")
    return row


def of_object(connection: Connection, kind: str, object_id: object) -> Row[Any] | None:
    """The newest approval about an object, for its page."""
    found = select(APPROVAL).where(APPROVAL.c.kind == kind, APPROVAL.c.object_id == str(object_id))
    return connection.execute(found.order_by(APPROVAL.c.requested_at.desc()).limit(1)).one_or_none()


def pending(connection: Connection, unit_id: int) -> int:
    """How many wait for a decision."""
    waiting = select(func.count()).where(APPROVAL.c.unit_id == unit_id, APPROVAL.c.state == "pending")
    return connection.scalar(waiting) or 0
