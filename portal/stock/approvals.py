"""Four-eyes approval of opening stock, voids and destructions."""

from __future__ import annotations

from sqlalchemy import Connection

from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.services import Services
from portal.stock.documents import destructions, receipts, voids


def _void(_services: Services, connection: Connection, approved: Approved) -> str:
    no = str(approved.payload["no"])
    voids.carry_out_on(connection, approved.decider, no)
    return f"{no} 已作废。"


def _open(_services: Services, connection: Connection, approved: Approved) -> str:
    no = str(approved.payload["no"])
    receipts.confirm_on(connection, approved.decider, no)
    return f"{no} 已入库。"


def _destroy(_services: Services, connection: Connection, approved: Approved) -> str:
    no = str(approved.payload["no"])
    destructions.carry_out_on(connection, approved.decider, no)
    return f"{no} 已登记销毁。"


APPROVALS = {
    receipts.APPROVAL: ApprovalKind("期初库存", _open),
    voids.APPROVAL: ApprovalKind("库存作废与报损", _void),
    destructions.APPROVAL: ApprovalKind("票据销毁", _destroy),
}
"""The kinds of four-eyes approval of the stock, for the registry."""
