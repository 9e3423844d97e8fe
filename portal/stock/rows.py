"""The audit entries of the stock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from portal.audit import entries
from portal.domain.actor import Actor


def audit(connection: Connection, actor: Actor, action: str, no: str, details: dict[str, Any]) -> None:
    """Write the audit entry of an act on document ``no``."""
    about = {"request_id": actor.request_id, "details": details, "unit_id": actor.unit_id}
    entries.record(connection, action, "stock", no, actor.label, **about)
