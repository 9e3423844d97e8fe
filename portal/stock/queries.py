"""Reading the stock: kinds, points, segments, movements, alarms, comparisons. Named queries for every edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from portal.domain.states.stock import AlarmRule, MovementKind
from portal.models.tables import (
    BILL_KIND,
    NUMBER_SEGMENT,
    POINT,
    STOCK_ALARM,
    STOCK_MOVEMENT,
    STOCK_RECONCILE,
)


@dataclass(frozen=True, slots=True)
class KindFacts:
    """A kind of bill, voucher or form (票据种类); ``prefix`` begins its bill codes."""

    id: int
    prefix: str
    name: str


@dataclass(frozen=True, slots=True)
class PointFacts:
    """A point (开票点) that may hold numbers; ``kind``: window, kiosk, emergency and others."""

    id: int
    code: str
    name: str
    kind: str
    active: bool


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """A segment (号段) with the name of its kind."""

    id: int
    kind_id: int
    kind_name: str
    bill_code: str
    first: int
    last: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class MovementFacts:
    """One movement of numbers (号码流水)."""

    at: datetime
    kind: MovementKind
    bill_code: str
    first: int
    last: int
    count: int
    from_point_id: int | None
    to_point_id: int | None
    slip: str
    actor_name: str
    reason: str

    @property
    def point_id(self) -> int | None:
        """The point that gave or got the numbers."""
        return self.from_point_id or self.to_point_id


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """A standing alarm (预警)."""

    id: int
    rule: AlarmRule
    text: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """What finance counted and where it differed: ``bill_code``, ``item``, ``ours``, ``theirs`` of each difference."""

    as_of: datetime
    equal: bool
    differences: Sequence[dict[str, Any]]


def kinds(connection: Connection) -> dict[int, KindFacts]:
    """Return every kind by id."""
    rows = connection.execute(select(BILL_KIND.c.id, BILL_KIND.c.prefix, BILL_KIND.c.name).order_by(BILL_KIND.c.id))
    return {row.id: KindFacts(*row) for row in rows}


def points(connection: Connection, unit_id: int) -> dict[int, PointFacts]:
    """Return the unit's points by id, in the order of their codes."""
    columns = (POINT.c.id, POINT.c.code, POINT.c.name, POINT.c.kind, POINT.c.active)
    rows = connection.execute(select(*columns).where(POINT.c.unit_id == unit_id).order_by(POINT.c.code))
    return {row.id: PointFacts(*row) for row in rows}


def segments(connection: Connection, unit_id: int) -> list[SegmentFacts]:
    """Return the unit's segments by code."""
    segment = NUMBER_SEGMENT.c
    query = (
        select(
            segment.id,
            segment.kind_id,
            BILL_KIND.c.name,
            segment.bill_code,
            segment.first,
            segment.last,
            segment.received_at,
        )
        .join(BILL_KIND, BILL_KIND.c.id == segment.kind_id)
        .where(segment.unit_id == unit_id)
        .order_by(segment.kind_id, segment.bill_code, segment.first)
    )
    return [SegmentFacts(*row) for row in connection.execute(query)]


def movements_of(connection: Connection, slip: str) -> list[MovementFacts]:
    """Return what a document moved, in order."""
    return _movements(connection, STOCK_MOVEMENT.c.slip == slip)


def movements_of_number(connection: Connection, bill_code: str, number: int) -> list[MovementFacts]:
    """Return every movement that one number was part of, in order."""
    moved = STOCK_MOVEMENT.c
    return _movements(connection, moved.bill_code == bill_code, moved.first <= number, moved.last >= number)


def _movements(connection: Connection, *conditions: ColumnElement[bool]) -> list[MovementFacts]:
    moved = STOCK_MOVEMENT.c
    columns = (
        moved.at,
        moved.kind,
        moved.bill_code,
        moved.first,
        moved.last,
        moved.count,
        moved.from_point_id,
        moved.to_point_id,
        moved.slip,
        moved.actor_name,
        moved.reason,
    )
    rows = connection.execute(select(*columns).where(*conditions).order_by(moved.id))
    return [MovementFacts(at, MovementKind(kind), *others) for at, kind, *others in rows]


def standing_alarms(connection: Connection, unit_id: int) -> list[AlarmFacts]:
    """Return the alarms of a unit that stand, the oldest first."""
    alarm = STOCK_ALARM.c
    rows = connection.execute(
        select(alarm.id, alarm.rule, alarm.text, alarm.raised_at)
        .where(alarm.unit_id == unit_id, alarm.cleared_at.is_(None))
        .order_by(alarm.raised_at)
    )
    return [AlarmFacts(row.id, AlarmRule(row.rule), row.text, row.raised_at) for row in rows]


def last_comparison(connection: Connection, unit_id: int) -> Comparison | None:
    """Return the newest comparison of the unit's stock with finance's."""
    compared = STOCK_RECONCILE.c
    row = connection.execute(
        select(compared.as_of, compared.equal, compared.differences)
        .where(compared.unit_id == unit_id)
        .order_by(compared.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Comparison(*row)
