"""Reading paper: what a point has in stock, which bills are still without a sheet. Named queries for every edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from portal.domain.numbers import Sheet
from portal.domain.states import BillState, PaperState
from portal.ledger.bills import FACTS, BillFacts, read_facts
from portal.models.tables import BILL, BILL_KIND, PAPER_BILL, PARTY_KEY
from portal.stock.ranges import OpenRange, open_ranges

LIVE = (BillState.ISSUED.value, BillState.UPLOADED.value, BillState.SUPERVISED.value)


def paper_ranges(connection: Connection, point_id: int, code: str = "") -> list[OpenRange]:
    """The point's open ranges of paper forms; ``code``: of one paper code, or of one kind (its first digits)."""
    prefixes = set(connection.scalars(select(BILL_KIND.c.prefix).where(BILL_KIND.c.form == "paper")))
    return [
        found
        for found in open_ranges(connection, point_id)
        if found.bill_code[:6] in prefixes and found.bill_code.startswith(code)
    ]


def paper_code_for(connection: Connection, bill: BillFacts, point_id: int) -> str:
    """The paper code that this bill would be exchanged to at the point now; ``""`` when it has no form there."""
    prefix = connection.scalar(
        select(BILL_KIND.c.paper_prefix)
        .select_from(BILL.join(BILL_KIND, BILL_KIND.c.id == BILL.c.kind_id))
        .where(BILL.c.id == bill.bill_id)
    )
    ranges = paper_ranges(connection, point_id, prefix) if prefix else []
    return ranges[0].bill_code if ranges else ""


def next_of_forms(connection: Connection, point_id: int) -> dict[str, int]:
    """The paper codes that bills are exchanged to at the point, the commonest kind first, with their next numbers."""
    prefixes = connection.scalars(
        select(BILL_KIND.c.paper_prefix)
        .where(BILL_KIND.c.paper_prefix != "", BILL_KIND.c.form != "voucher")
        .order_by(BILL_KIND.c.id)
    ).all()
    found: dict[str, int] = {}
    for prefix in prefixes:
        for one in paper_ranges(connection, point_id, prefix):
            found.setdefault(one.bill_code, one.next)
    return found


@dataclass(frozen=True, slots=True)
class Unprinted:
    """Which bills without a sheet are wanted. Times are of the business; ``digests`` are keyed hashes of numbers of
    which one must be the person's."""

    unit_id: int
    begins: datetime | None = None
    ends: datetime | None = None
    scenes: Sequence[str] = ()
    digests: Sequence[bytes] = ()
    point_id: int | None = None


def unprinted(connection: Connection, wanted: Unprinted, offset: int, limit: int) -> tuple[int, list[BillFacts]]:
    """Bills neither on paper nor reversed nor red, newest first: how many there are, and one page of them."""
    total = connection.scalar(_unprinted(wanted, select(func.count(BILL.c.id)))) or 0
    newest = _unprinted(wanted, FACTS).order_by(BILL.c.business_at.desc(), BILL.c.id.desc())
    return total, [read_facts(row) for row in connection.execute(newest.offset(offset).limit(limit))]


def without_sheet(bills: Select[Any]) -> Select[Any]:
    """Of these bills those that may be exchanged: neither on paper nor reversed nor red nor refused."""
    on_paper = select(PAPER_BILL.c.id).where(
        PAPER_BILL.c.bill_id == BILL.c.id, PAPER_BILL.c.state == PaperState.VALID.value
    )
    return bills.where(BILL.c.state.in_(LIVE), BILL.c.red_of_id.is_(None), ~on_paper.exists())


def _unprinted(wanted: Unprinted, columns: Select[Any]) -> Select[Any]:
    query = without_sheet(columns.where(BILL.c.unit_id == wanted.unit_id))
    if wanted.begins is not None:
        query = query.where(BILL.c.business_at >= wanted.begins)
    if wanted.ends is not None:
        query = query.where(BILL.c.business_at <= wanted.ends)
    if wanted.scenes:
        query = query.where(BILL.c.scene.in_(wanted.scenes))
    if wanted.point_id is not None:
        query = query.where(BILL.c.point_id == wanted.point_id)
    if wanted.digests:
        theirs = select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest.in_(wanted.digests))
        query = query.where(BILL.c.id.in_(theirs))
    return query


def sheets_of(connection: Connection, bill_id: int) -> list[Any]:
    """All sheets that ever stood for a bill, newest first."""
    return list(
        connection.execute(
            select(PAPER_BILL).where(PAPER_BILL.c.bill_id == bill_id).order_by(PAPER_BILL.c.exchanged_at.desc())
        )
    )


def own_sheets(connection: Connection, unit_id: int, sheet_ids: Sequence[int]) -> list[Any]:
    """These valid sheets, those of the unit only, in the order of their numbers."""
    return list(
        connection.execute(
            select(PAPER_BILL)
            .select_from(PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id))
            .where(
                PAPER_BILL.c.id.in_(sheet_ids), BILL.c.unit_id == unit_id, PAPER_BILL.c.state == PaperState.VALID.value
            )
            .order_by(PAPER_BILL.c.paper_code, PAPER_BILL.c.number)
        )
    )


def valid_sheet(connection: Connection, bill_id: int) -> Any:
    """The row of the bill's valid sheet or ``None``."""
    return connection.execute(
        select(PAPER_BILL).where(PAPER_BILL.c.bill_id == bill_id, PAPER_BILL.c.state == PaperState.VALID.value)
    ).one_or_none()


def sheet_row(connection: Connection, unit_id: int, sheet: Sheet) -> Any:
    """The row of a numbered sheet of the unit or ``None``."""
    return connection.execute(
        select(PAPER_BILL)
        .select_from(PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id))
        .where(PAPER_BILL.c.paper_code == sheet.code, PAPER_BILL.c.number == sheet.number, BILL.c.unit_id == unit_id)
    ).one_or_none()
