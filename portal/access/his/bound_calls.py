"""A signed text is for one method: the contract's signature does not say which, so the first one is remembered.

Otherwise the captured refund of a part of a deposit, sent to the method that takes back all of it, would do so.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.models.tables import HIS_CALL

ACTS = frozenset(
    {
        "writeOffEBill",
        "writeOffPayMentVoucher",
        "cancelPayMentVoucherBalance",
        "turnPaper",
        "reTurnPaper",
        "invalidPaper",
        "invalidPayMentVoucherPaper",
        "invalidBlankBillNo",
        "noticeEBill",
        "sendNotice",
    }
)
"""Acts on what exists. An issued document is bound by its serial already."""
LOOKS = frozenset({"getEBillStatesByBillInfo", "getEBillAccountStatus", "getBillDetail"})
"""Questions that name a bill: one of them answers personal data."""
ALIKE = {"sendNotice": "noticeEBill"}
"""Two names of one method."""
ACTS_KEPT, LOOKS_KEPT = timedelta(days=366), timedelta(days=1)


def bind(services: Services, method: str, signed: str) -> None:
    """Remember the method of a signed text (``signed``: account and signature) on its first call.

    Raises SIGN_OF_ANOTHER_METHOD.
    """
    if method not in ACTS and method not in LOOKS:
        return
    method = ALIKE.get(method, method)
    digest = services.index.digest("his.call", signed)
    known = select(HIS_CALL.c.method).where(HIS_CALL.c.digest == digest)
    with services.database.read() as connection:
        first = connection.scalar(known)
    if first is None:
        kept = ACTS_KEPT if method in ACTS else LOOKS_KEPT
        make = sqlite.insert if services.database.dialect == "sqlite" else postgresql.insert
        row = make(HIS_CALL).values(digest=digest, method=method, expires_at=now() + kept)
        with services.database.write() as connection:
            connection.execute(row.on_conflict_do_nothing(index_elements=["digest"]))
            first = connection.scalar(known)
    if first != method:
        raise Refusal("SIGN_OF_ANOTHER_METHOD", method=method)


def clean(connection: Connection) -> None:
    """Forget signed texts whose time is over."""
    connection.execute(delete(HIS_CALL).where(HIS_CALL.c.expires_at < now()))
