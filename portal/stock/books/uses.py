"""The families that use numbers: bills, vouchers, paper forms. Each taken number has exactly one row in one of these.

A further family is one more :class:`Use` in :data:`USES`; the stock knows of it everywhere from then on (identity,
number map, average use).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, case, exists, func, literal, select

from portal.domain.states.bills import PaperState
from portal.domain.states.stock import Fate
from portal.models.tables import BILL, NUMBER_RANGE, PAPER_BILL, VOUCHER, VOUCHER_PAPER

_ON_PAPER = exists().where(PAPER_BILL.c.bill_id == BILL.c.id, PAPER_BILL.c.state == PaperState.VALID.value)


@dataclass(frozen=True, slots=True)
class Use:
    """One table whose rows use numbers. ``fate`` is an SQL expression of a :class:`Fate`; ``id`` what a click opens,
    a bill or voucher as ``name`` says. A row without a range uses none of ours (stationery)."""

    name: str
    table: Table
    code: ColumnElement[str]
    number: ColumnElement[int]
    range_id: ColumnElement[int]
    at: ColumnElement[datetime]
    fate: ColumnElement[str]
    id: ColumnElement[int]


USES: tuple[Use, ...] = (
    Use(
        "bill",
        BILL,
        BILL.c.bill_code,
        BILL.c.number,
        BILL.c.range_id,
        BILL.c.issued_at,
        case(
            (BILL.c.red_of_id.is_not(None), Fate.RED.value),
            (_ON_PAPER, Fate.EXCHANGED.value),
            else_=Fate.ISSUED.value,
        ),
        BILL.c.id,
    ),
    Use(
        "paper",
        PAPER_BILL,
        PAPER_BILL.c.paper_code,
        PAPER_BILL.c.number,
        PAPER_BILL.c.range_id,
        PAPER_BILL.c.exchanged_at,
        case((PAPER_BILL.c.state == PaperState.VALID.value, Fate.PAPER.value), else_=Fate.VOID.value),
        PAPER_BILL.c.bill_id,
    ),
    Use(
        "voucher",
        VOUCHER,
        VOUCHER.c.code,
        VOUCHER.c.number,
        VOUCHER.c.range_id,
        VOUCHER.c.issued_at,
        literal(Fate.ISSUED.value),
        VOUCHER.c.id,
    ),
    Use(
        "voucher",
        VOUCHER_PAPER,
        VOUCHER_PAPER.c.paper_code,
        VOUCHER_PAPER.c.number,
        VOUCHER_PAPER.c.range_id,
        VOUCHER_PAPER.c.printed_at,
        case((VOUCHER_PAPER.c.void_at.is_(None), Fate.PAPER.value), else_=Fate.VOID.value),
        VOUCHER_PAPER.c.voucher_id,
    ),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows use numbers of one range, the lowest and highest of them, and how many are void (spoilt paper)."""

    count: int
    low: int
    high: int
    void: int = 0


def tallies(connection: Connection) -> dict[int, Tally]:
    """Tally every range that is used, over all families."""
    by_range: dict[int, Tally] = {}
    for use in USES:
        spoilt = func.sum(case((use.fate == Fate.VOID.value, 1), else_=0))
        ends = (func.min(use.number), func.max(use.number))
        drawn = select(use.range_id, func.count(), *ends, spoilt).where(use.range_id.is_not(None))
        query = drawn.select_from(use.table).group_by(use.range_id)
        for range_id, count, low, high, void in connection.execute(query):
            before = by_range.get(range_id, Tally(0, low, high))
            by_range[range_id] = Tally(
                before.count + count, min(before.low, low), max(before.high, high), before.void + int(void)
            )
    return by_range


def runs(connection: Connection, bill_code: str, first: int, last: int) -> list[tuple[int, int, Fate]]:
    """Return the used numbers between ``first`` and ``last`` as runs of one fate, in order."""
    by_fate: list[tuple[int, int, Fate]] = []
    for use in USES:
        used = (
            select(
                use.number.label("number"),
                use.fate.label("fate"),
                (use.number - func.row_number().over(partition_by=use.fate, order_by=use.number)).label("island"),
            )
            .where(use.code == bill_code, use.number >= first, use.number <= last)
            .subquery()
        )
        grouped = select(func.min(used.c.number), func.max(used.c.number), used.c.fate).group_by(
            used.c.fate, used.c.island
        )
        by_fate += [(low, high, Fate(fate)) for low, high, fate in connection.execute(grouped)]
    return sorted(by_fate)


def user_of(connection: Connection, bill_code: str, number: int) -> tuple[str, int] | None:
    """Return the user of a number: ``(name of the family, row id)``, or ``None``."""
    for use in USES:
        row_id = connection.scalar(select(use.id).where(use.code == bill_code, use.number == number))
        if row_id is not None:
            return use.name, row_id
    return None


def used_since(connection: Connection, since: datetime) -> dict[tuple[str, int], int]:
    """Count the numbers used since a moment, by (prefix of the code, point id)."""
    counts: dict[tuple[str, int], int] = {}
    for use in USES:
        rows = connection.execute(
            select(use.code, NUMBER_RANGE.c.point_id, func.count())
            .join_from(use.table, NUMBER_RANGE, NUMBER_RANGE.c.id == use.range_id)
            .where(use.at >= since)
            .group_by(use.code, NUMBER_RANGE.c.point_id)
        )
        for code, point_id, count in rows:
            key = (code[:6], point_id)
            counts[key] = counts.get(key, 0) + count
    return counts
