"""The stock's tables as Core tables, and what all its documents share: finding, changing, auditing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, select, update

from portal.audit import entries
from portal.domain.actor import Actor
from portal.domain.errors import Refusal


def number(value: int) -> str:
    """A bill number as it is printed: ten digits."""
    return f"{value:010d}"


def document(connection: Connection, table: Table, unit_id: int, no: str, lock: bool = False) -> Any:
    """A document's row by its number (单号); with ``lock`` held to the commit. Raises Refusal DOCUMENT_UNKNOWN."""
    query = select(table).where(table.c.unit_id == unit_id, table.c.no == no)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Refusal("DOCUMENT_UNKNOWN", no=no[:24])
    return row


def move(
    connection: Connection, table: Table, row: Any, states: type[Any], allowed: tuple[str, ...], **to: Any
) -> None:
    """Change a document whose state is one of ``allowed``; two at once: one wins. Raises Refusal DOCUMENT_STATE."""
    changed = connection.execute(update(table).where(table.c.id == row.id, table.c.state.in_(allowed)).values(**to))
    if changed.rowcount != 1:
        state = connection.scalar(select(table.c.state).where(table.c.id == row.id))
        raise Refusal("DOCUMENT_STATE", no=row.no, state=states(state).title)


def audit(connection: Connection, actor: Actor, action: str, no: str, details: dict[str, Any]) -> None:
    """The audit entry of an act on document ``no``."""
    entries.record(connection, actor, action, ("stock", no), details, unit_id=actor.unit_id)
