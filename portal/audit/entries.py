"""Writing audit entries, in the transaction of the act they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from portal.audit import units
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.models.tables import AUDIT_ENTRY


def row(
    actor: Actor,
    action: str,
    subject: tuple[str, object],
    details: Mapping[str, Any] | None = None,
    *,
    at: datetime,
    unit_id: int | None,
) -> dict[str, Any]:
    """Return the values of an entry. ``action`` like ``bill.issued``; ``subject`` is the object's kind and id;
    ``details`` never hold personal data in clear; ``unit_id`` bounds which auditor reads it."""
    kind, object_id = subject
    return {
        "id": new_id(),
        "at": at,
        "actor": actor.label,
        "action": action,
        "object_kind": kind,
        "object_id": str(object_id),
        "request_id": actor.request_id,
        "details": dict(details or {}),
        "unit_id": unit_id,
    }


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: tuple[str, object],
    details: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
) -> None:
    """Write the entry of an act, as :func:`row` makes it, into the act's own transaction.

    The unit of an actor who names none is looked up by :func:`portal.audit.units.unit_of`.
    """
    values = row(actor, action, subject, details, at=at or now(), unit_id=actor.unit_id)
    values["unit_id"] = values["unit_id"] or units.unit_of(values)
    connection.execute(insert(AUDIT_ENTRY).values(values))


def note(
    services: Services,
    actor: Actor,
    action: str,
    subject: tuple[str, object],
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write the entry of an act that changes nothing else, such as a reveal, in a transaction of its own."""
    services.database.act(lambda connection: record(connection, actor, action, subject, details))


def about(connection: Connection, object_kind: str, object_id: object, most: int = 100) -> list[Row[Any]]:
    """Return the entries about one object, oldest first."""
    found = select(AUDIT_ENTRY).where(
        AUDIT_ENTRY.c.object_kind == object_kind, AUDIT_ENTRY.c.object_id == str(object_id)
    )
    return list(connection.execute(found.order_by(AUDIT_ENTRY.c.id).limit(most)))
