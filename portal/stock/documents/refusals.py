"""Voids and destructions whose second person said no, or whose request was taken back or failed: they are closed."""

from __future__ import annotations

from sqlalchemy import Connection, exists, update

from portal.core.clock import now
from portal.domain.states.approval import ApprovalState
from portal.domain.states.stock import DestructionState, VoidState
from portal.models.tables import APPROVAL, STOCK_DESTRUCTION, STOCK_VOID

_KINDS = (
    ("stock.void", STOCK_VOID, VoidState.WAITING, VoidState.REFUSED),
    ("stock.destruction", STOCK_DESTRUCTION, DestructionState.WAITING, DestructionState.REFUSED),
)
_ENDED = (ApprovalState.REFUSED, ApprovalState.WITHDRAWN, ApprovalState.FAILED)


def close(connection: Connection) -> int:
    """Mark them refused; returns how many. Called by the watch, and before a new document over the same numbers."""
    closed = 0
    for kind, table, waiting, refused in _KINDS:
        ended = exists().where(
            APPROVAL.c.kind == kind,
            APPROVAL.c.object_id == table.c.no,
            APPROVAL.c.unit_id == table.c.unit_id,
            APPROVAL.c.state.in_(_ENDED),
        )
        done = connection.execute(
            update(table).where(table.c.state == waiting, ended).values(state=refused, decided_at=now())
        )
        closed += done.rowcount
    return closed
