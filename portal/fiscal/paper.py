"""9304, 9305, 9306: what finance hears of sheets and void numbers, as data and as what is due.

A bill's sheets are told in their order, and only when finance knows the bill: it cannot mark one that it has not
supervised, and a second sheet is right only after the first one's end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from portal.core.clock import now
from portal.models.tables import BILL, PAPER_BILL, SUPERVISION
from portal.providers.finance import envelope
from portal.providers.finance.bill_messages import stamp14

VOIDED, EXCHANGED, ENDED = "9304", "9305", "9306"

_SHEETS = (
    select(
        PAPER_BILL,
        BILL.c.bill_code,
        BILL.c.number.label("bill_number"),
        SUPERVISION.c.bill_id.is_not(None).label("supervised"),
    )
    .select_from(
        PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id).outerjoin(
            SUPERVISION, SUPERVISION.c.bill_id == BILL.c.id
        )
    )
    .order_by(PAPER_BILL.c.exchanged_at, PAPER_BILL.c.id)
)


@dataclass(frozen=True, slots=True)
class Step:
    """One message that is due: that a sheet stands for a bill, or does so no more."""

    sheet_id: int
    message_no: str
    voucher: bytes


def due(connection: Connection, bill_id: int) -> list[Step] | None:
    """What finance has not been told of a bill's sheets, in order; ``None`` while it does not know the bill."""
    rows = connection.execute(_SHEETS.where(PAPER_BILL.c.bill_id == bill_id)).all()
    if rows and not rows[0].supervised:
        return None
    return [step for row in rows for step in _steps(row)]


def _steps(row: Any) -> Iterator[Step]:
    about = {
        "EInvoiceCode": row.bill_code,
        "EInvoiceNumber": f"{row.bill_number:010d}",
        "PaperInvoiceCode": row.paper_code,
        "PaperInvoiceNumber": f"{row.number:010d}",
    }
    if row.told_at is None:
        taken = {"Operator": row.operator, "ExchangeTime": stamp14(row.exchanged_at)}
        yield Step(row.id, EXCHANGED, envelope.build_voucher(about | taken))
    if row.ended_at is not None and row.end_told_at is None:
        ended = {"Operator": row.ended_by, "VoidTime": stamp14(row.ended_at), "Reason": row.ended_reason}
        yield Step(row.id, ENDED, envelope.build_voucher(about | ended))


def told(connection: Connection, step: Step) -> None:
    """Finance has it."""
    column = PAPER_BILL.c.told_at if step.message_no == EXCHANGED else PAPER_BILL.c.end_told_at
    connection.execute(update(PAPER_BILL).where(PAPER_BILL.c.id == step.sheet_id).values({column: now()}))


def voided(agency: str, row: Any) -> bytes:
    """9304: the numbers of a void document (库存作废, 空白票报损) that is done. Idempotent on VoidNo."""
    return envelope.build_voucher(
        {
            "AgencyCode": agency,
            "VoidNo": row.no,
            "BillCode": row.bill_code,
            "StartNo": f"{row.first:010d}",
            "EndNo": f"{row.last:010d}",
            "Count": str(row.last - row.first + 1),
            "Operator": row.decided_name or row.made_name,
            "VoidTime": stamp14(row.decided_at or row.made_at),
            "Reason": row.reason,
        }
    )
