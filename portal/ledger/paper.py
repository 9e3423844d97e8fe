"""Reads of paper: the stock of a point, bills without a sheet, sheets with their bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from portal.domain.numbers import Sheet
from portal.domain.states.bills import BillState, PaperState
from portal.ledger.bills import FACTS, BillFacts, read_facts
from portal.models.tables import BILL, BILL_KIND, NUMBER_RANGE, PAPER_BILL, PARTY_KEY, POINT
from portal.stock.ranges import OpenRange, open_ranges

LIVE = (BillState.ISSUED.value, BillState.UPLOADED.value, BillState.SUPERVISED.value)


def paper_ranges(connection: Connection, point_id: int, code: str = "") -> list[OpenRange]:
    """Return the point's open ranges of paper forms; ``code``: of one paper code, or of one kind (its first digits)."""
    prefixes = set(connection.scalars(select(BILL_KIND.c.prefix).where(BILL_KIND.c.form == "paper")))
    return [
        found
        for found in open_ranges(connection, point_id)
        if found.bill_code[:6] in prefixes and found.bill_code.startswith(code)
    ]


def paper_code_for(connection: Connection, bill: BillFacts, point_id: int) -> str:
    """Return the paper code that this bill would be exchanged to at the point now; ``""`` when it has no form there."""
    prefix = connection.scalar(
        select(BILL_KIND.c.paper_prefix)
        .select_from(BILL.join(BILL_KIND, BILL_KIND.c.id == BILL.c.kind_id))
        .where(BILL.c.id == bill.bill_id)
    )
    ranges = paper_ranges(connection, point_id, prefix) if prefix else []
    return ranges[0].bill_code if ranges else ""


def next_of_forms(connection: Connection, point_id: int) -> dict[str, int]:
    """Return the paper codes that bills are exchanged to at the point, the commonest kind first, with their next
    numbers."""
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


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """A sheet of paper that stands, or stood, for a bill; its statement and attachment stay sealed in the table."""

    id: int
    bill_id: int
    point_id: int
    paper_code: str
    number: int
    exchanged_at: datetime
    operator: str
    printer_id: int | None
    prints: int
    state: PaperState
    ended_at: datetime | None
    ended_reason: str
    approver: str

    @property
    def sheet(self) -> Sheet:
        """Code and number."""
        return Sheet(self.paper_code, self.number)

    @property
    def printed(self) -> str:
        """Code and number as they stand on the sheet."""
        return str(self.sheet)


SHEET_FACTS = select(*(PAPER_BILL.c[name] for name in SheetFacts.__dataclass_fields__))
_OF_UNIT = SHEET_FACTS.select_from(PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id))


def read_sheet(row: Row[Any]) -> SheetFacts:
    """Make the facts of a row of :data:`SHEET_FACTS`."""
    return SheetFacts(**dict(row._mapping) | {"state": PaperState(row.state)})


def _one(connection: Connection, statement: Select[Any]) -> SheetFacts | None:
    row = connection.execute(statement).one_or_none()
    return None if row is None else read_sheet(row)


def sheets_of(connection: Connection, bill_id: int) -> list[SheetFacts]:
    """Read all sheets that ever stood for a bill, the newest first."""
    wanted = SHEET_FACTS.where(PAPER_BILL.c.bill_id == bill_id).order_by(PAPER_BILL.c.exchanged_at.desc())
    return [read_sheet(row) for row in connection.execute(wanted)]


def own_sheets(connection: Connection, unit_id: int, sheet_ids: Sequence[int]) -> list[SheetFacts]:
    """Read those of these sheets that are valid and the unit's, in the order of their numbers."""
    wanted = _OF_UNIT.where(
        PAPER_BILL.c.id.in_(sheet_ids), BILL.c.unit_id == unit_id, PAPER_BILL.c.state == PaperState.VALID.value
    )
    rows = connection.execute(wanted.order_by(PAPER_BILL.c.paper_code, PAPER_BILL.c.number))
    return [read_sheet(row) for row in rows]


def valid_sheet(connection: Connection, bill_id: int) -> SheetFacts | None:
    """Read the sheet that stands for a bill now."""
    valid = PAPER_BILL.c.state == PaperState.VALID.value
    return _one(connection, SHEET_FACTS.where(PAPER_BILL.c.bill_id == bill_id, valid))


def sheet_row(connection: Connection, unit_id: int, sheet: Sheet) -> SheetFacts | None:
    """Read the numbered sheet of a unit."""
    numbered = (PAPER_BILL.c.paper_code == sheet.code) & (PAPER_BILL.c.number == sheet.number)
    return _one(connection, _OF_UNIT.where(numbered, BILL.c.unit_id == unit_id))


def full_code(connection: Connection, unit_id: int, prefix: str, number: int, point_id: int | None = None) -> str:
    """Return the paper code of a number when only its kind is known, which has a code each year.

    What is still unused at the point comes first, then a sheet of the unit, the valid and the newest one before others,
    then the newest that the point ever had; ``prefix`` itself when there is none.
    """
    ranges = paper_ranges(connection, point_id, prefix) if point_id is not None else []
    if unused := [one.bill_code for one in ranges if one.next <= number <= one.last]:
        return unused[0]
    numbered = PAPER_BILL.c.paper_code.startswith(prefix) & (PAPER_BILL.c.number == number)
    sheets = select(PAPER_BILL.c.paper_code).join(BILL, BILL.c.id == PAPER_BILL.c.bill_id)
    newest = ((PAPER_BILL.c.state == PaperState.VALID.value).desc(), PAPER_BILL.c.exchanged_at.desc())
    sheet = connection.scalar(sheets.where(numbered, BILL.c.unit_id == unit_id).order_by(*newest).limit(1))
    had = (NUMBER_RANGE.c.point_id == point_id) & NUMBER_RANGE.c.bill_code.startswith(prefix)
    codes = select(NUMBER_RANGE.c.bill_code).where(had).order_by(NUMBER_RANGE.c.bill_code.desc())
    return sheet or connection.scalar(codes.limit(1)) or prefix


NEWEST_SHEETS = (PAPER_BILL.c.exchanged_at, PAPER_BILL.c.id)
"""The order of the list of sheets."""


def sheets_of_unit(unit_id: int) -> Select[Any]:
    """Select the sheets of a unit with bill and point, for lists."""
    sealed = ("statement", "attachment")
    return (
        select(
            *(column for column in PAPER_BILL.c if column.name not in sealed),
            BILL.c.bill_code,
            BILL.c.number.label("bill_number"),
            BILL.c.total_fen,
            POINT.c.code.label("point_code"),
        )
        .select_from(
            PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id).join(POINT, POINT.c.id == PAPER_BILL.c.point_id)
        )
        .where(BILL.c.unit_id == unit_id)
    )


def sheets_numbered(number: int) -> ColumnElement[bool]:
    """Return the condition that a sheet has a number."""
    return PAPER_BILL.c.number == number
