"""库存结余: balances by place, average use, days left, suggested applications, and our side for finance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, select

from portal.core.clock import now
from portal.domain.states.stock import RangeState, ReceiptSource, ReceiptState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, NUMBER_SEGMENT, STOCK_RECEIPT
from portal.stock import queries, years
from portal.stock.books import uses
from portal.stock.books.fates import identity
from portal.stock.books.holdings import unit_stock
from portal.stock.queries import KindFacts, PointFacts
from portal.stock.rules import Rule, rules_of

WEEK, MONTH = 7, 30
APPLY_FOR_DAYS = 180
"""An application is suggested for half a year's use: finance grants no more at once."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The numbers of one code that one place (``unit`` or a point) has left. ``days``: how long they last at the 7-day
    average, to the end of the code's year at most, ``None`` when nothing is used. ``low`` and ``lot``: the place's
    warning line and automatic lot, 0: none. ``active``: the place is in use. ``over``: the code's year has ended."""

    place: str
    point_id: int | None
    point_code: str
    point_name: str
    kind_id: int
    kind_name: str
    bill_code: str
    first: int | None
    last: int | None
    left: int
    reserved: int
    waiting: int
    daily: float
    days: int | None
    low: int
    lot: int
    active: bool
    over: bool

    @property
    def prefix(self) -> str:
        """What the kind's bill codes of all years begin with."""
        return self.bill_code[:6]

    @property
    def state(self) -> str:
        """``over`` (the year has ended), ``empty``, ``low`` (under the line) or ``good``."""
        if self.over:
            return "over"
        if self.left + self.reserved == 0:
            return "empty"
        return "low" if self.low and self.left < self.low else "good"


@dataclass(frozen=True, slots=True)
class _Unused:
    """A run of unused numbers at one place."""

    first: int
    last: int
    state: RangeState

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class _Place:
    """One code at one place: its kind, its point (``None``: unit stock), its unused runs."""

    bill_code: str
    kind: KindFacts
    point: PointFacts | None
    unused: list[_Unused]

    def count(self, state: RangeState) -> int:
        """How many unused numbers are in this state."""
        return sum(run.count for run in self.unused if run.state is state)

    def holding(self, daily: float, rule: Rule | None) -> Holding:
        """Return the balance, at so many uses a day."""
        waiting = self.count(RangeState.WAITING)
        left = self.count(RangeState.OPEN) + waiting
        return Holding(
            place="unit" if self.point is None else str(self.point.id),
            point_id=None if self.point is None else self.point.id,
            point_code="" if self.point is None else self.point.code,
            point_name="单位库存" if self.point is None else self.point.name,
            kind_id=self.kind.id,
            kind_name=self.kind.name,
            bill_code=self.bill_code,
            first=min((run.first for run in self.unused), default=None),
            last=max((run.last for run in self.unused), default=None),
            left=left,
            reserved=self.count(RangeState.RESERVED),
            waiting=waiting,
            daily=daily,
            days=min(int(left / daily), years.days_left(self.bill_code)) if daily else None,
            low=0 if rule is None else rule.low,
            lot=0 if rule is None else rule.lot,
            active=self.point is None or self.point.active,
            over=years.is_over(self.bill_code),
        )


def holdings(connection: Connection, unit_id: int) -> list[Holding]:
    """Return every place's balance by code, unit first; a place that never had a code is not listed."""
    daily = {key: count / WEEK for key, count in uses.used_since(connection, now() - timedelta(days=WEEK)).items()}
    kinds = {kind.prefix: kind for kind in queries.kinds(connection).values()}
    points = queries.points(connection, unit_id)
    rules = rules_of(connection, unit_id)
    balances: list[Holding] = []
    for code, places in _unused(connection, unit_id).items():
        kind = kinds[code[:6]]
        for point_id, unused in places.items():
            if point_id is None:
                rate = sum(value for (prefix, _), value in daily.items() if prefix == kind.prefix)
            else:
                rate = daily.get((kind.prefix, point_id), 0.0)
            place = _Place(code, kind, None if point_id is None else points[point_id], unused)
            rule = rules.get((kind.id, "unit" if point_id is None else str(point_id)))
            balances.append(place.holding(rate, rule))
    return sorted(balances, key=lambda each: (each.bill_code, each.point_code))


def _unused(connection: Connection, unit_id: int) -> dict[str, dict[int | None, list[_Unused]]]:
    """Return the unused runs by code and point; ``None`` for the unit's own stock."""
    unused: dict[str, dict[int | None, list[_Unused]]] = {}
    segment = NUMBER_SEGMENT.c
    segments = select(segment.id, segment.bill_code).where(segment.unit_id == unit_id)
    for segment_id, code in connection.execute(segments).all():
        in_stock = unused.setdefault(code, {}).setdefault(None, [])
        in_stock += [_Unused(first, last, RangeState.OPEN) for first, last in unit_stock(connection, segment_id)]
    ranges = connection.execute(
        select(NUMBER_RANGE)
        .join(NUMBER_SEGMENT, segment.id == NUMBER_RANGE.c.segment_id)
        .where(segment.unit_id == unit_id)
    )
    for row in ranges:
        at_point = unused[row.bill_code].setdefault(row.point_id, [])
        if row.next <= row.last:
            at_point.append(_Unused(row.next, row.last, RangeState(row.state)))
    return unused


def of_slip(connection: Connection, no: str) -> tuple[int, int]:
    """Count the numbers of a hand-out: those used, and those left with the point."""
    row = connection.execute(
        select(
            func.sum(NUMBER_RANGE.c.next - NUMBER_RANGE.c.first),
            func.sum(NUMBER_RANGE.c.last - NUMBER_RANGE.c.next + 1),
        ).where(NUMBER_RANGE.c.slip == no)
    ).one()
    return int(row[0] or 0), int(row[1] or 0)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How many numbers to ask for, and why: stock of the whole unit, its use in 30 days, days it lasts."""

    bill_code: str
    stock: int
    used: int
    days: int | None
    quantity: int


def suggest(connection: Connection, unit_id: int, kind_id: int, later: int = 0) -> Suggestion:
    """Suggest enough for half a year at the average of 30 days, rounded up to hundreds, but no more than the year that
    is ``later`` years from now can use."""
    prefix = connection.execute(select(BILL_KIND.c.prefix).where(BILL_KIND.c.id == kind_id)).scalar_one()
    code = years.code_of(prefix, later)
    counted = uses.used_since(connection, now() - timedelta(days=MONTH))
    used = sum(count for (of, _), count in counted.items() if of == prefix)
    places = _unused(connection, unit_id).get(code, {})
    stock = sum(run.count for runs in places.values() for run in runs if run.state is not RangeState.RESERVED)
    lasting = min(APPLY_FOR_DAYS, years.days_left(code))
    missing = max(0, used * lasting // MONTH - stock)
    days = min(stock * MONTH // used, years.days_left(code)) if used else None
    return Suggestion(code, stock, used, days, -(-missing // 100) * 100)


# --- the comparison with finance ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StockCount:
    """Our side of the comparison with finance (9206) for one code: counts over all its segments, and unused runs."""

    bill_code: str
    opening: int
    received: int
    used: int
    void: int
    returned: int
    closing: int
    ranges: tuple[tuple[int, int], ...]


def for_finance(connection: Connection, unit_id: int) -> list[StockCount]:
    """Count the unit's stock for the comparison with finance, by code."""
    segment = NUMBER_SEGMENT.c
    segments: dict[str, list[int]] = {}
    for segment_id, code in connection.execute(select(segment.id, segment.bill_code).where(segment.unit_id == unit_id)):
        segments.setdefault(code, []).append(segment_id)
    opened = set(
        connection.scalars(
            select(STOCK_RECEIPT.c.segment_id).where(
                STOCK_RECEIPT.c.source == ReceiptSource.OPENING, STOCK_RECEIPT.c.state == ReceiptState.CONFIRMED
            )
        )
    )
    whole = {each.segment_id: each for each in identity(connection).balances if each.place == "all"}
    unused = _unused(connection, unit_id)
    counts = []
    for code, segment_ids in sorted(segments.items()):
        balances = [whole[segment_id] for segment_id in segment_ids]
        counts.append(
            StockCount(
                code,
                opening=sum(each.received for each in balances if each.segment_id in opened),
                received=sum(each.received for each in balances if each.segment_id not in opened),
                used=sum(each.used for each in balances),
                void=sum(each.void for each in balances),
                returned=sum(each.returned for each in balances),
                closing=sum(each.remaining for each in balances),
                ranges=tuple(sorted((run.first, run.last) for runs in unused[code].values() for run in runs)),
            )
        )
    return counts
