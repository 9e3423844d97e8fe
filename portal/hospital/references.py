"""References of issuing: unit, kinds, points and charge items of the hospital, kept a few seconds in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, select

from portal.core.clock import business_day, now
from portal.core.database import Database
from portal.core.snapshots import Snapshots
from portal.domain.documents.settlement import Charge
from portal.domain.money import commas
from portal.models.tables import BILL_KIND, CHARGE_ITEM, POINT, POINT_KIND, UNIT


@dataclass(frozen=True, slots=True)
class References:
    """A snapshot for one unit. ``kinds`` by form, ``points`` by code (active ones), ``items`` by charge code (those
    valid today), ``bounds`` of charge lines in fen, ``allowed`` kinds of points that have a list."""

    unit: Row[tuple[object, ...]]
    kinds: Mapping[str, Row[tuple[object, ...]]]
    points: Mapping[str, int]
    items: Mapping[str, tuple[str, str]]
    bounds: Mapping[str, tuple[int | None, int | None]]
    allowed: Mapping[int, frozenset[int]]

    def may_issue(self, point_id: int, kind_id: int) -> bool:
        """Tell whether the point may issue bills of this kind; a point without a list may issue all."""
        kinds = self.allowed.get(point_id)
        return kinds is None or kind_id in kinds

    def outside(self, charges: Sequence[Charge]) -> list[str]:
        """Return a Chinese sentence for every charge line whose amount is outside the bounds of its item."""
        warnings = []
        for charge in charges if self.bounds else ():
            low, high = self.bounds.get(charge.code, (None, None))
            if low is not None and charge.amount_fen < low:
                warnings.append(f"{charge.name} 金额 {commas(charge.amount_fen)} 元低于下限 {commas(low)} 元")
            if high is not None and charge.amount_fen > high:
                warnings.append(f"{charge.name} 金额 {commas(charge.amount_fen)} 元高于上限 {commas(high)} 元")
        return warnings


def load(connection: Connection, unit_id: int) -> References:
    """Read the snapshot from the tables."""
    points = connection.execute(select(POINT.c.code, POINT.c.id).where(POINT.c.unit_id == unit_id, POINT.c.active))
    today = business_day(now())
    items = connection.execute(
        select(CHARGE_ITEM).where(
            CHARGE_ITEM.c.unit_id == unit_id,
            CHARGE_ITEM.c.valid_from.is_(None) | (CHARGE_ITEM.c.valid_from <= today),
            CHARGE_ITEM.c.valid_until.is_(None) | (CHARGE_ITEM.c.valid_until >= today),
        )
    ).all()
    allowed: dict[int, set[int]] = {}
    for row in connection.execute(select(POINT_KIND.c.point_id, POINT_KIND.c.kind_id)):
        allowed.setdefault(row.point_id, set()).add(row.kind_id)
    return References(
        unit=connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one(),
        kinds={row.form: row for row in connection.execute(select(BILL_KIND).order_by(BILL_KIND.c.id.desc()))},
        points={row.code: row.id for row in points},
        items={row.code: (row.fiscal_code, row.fiscal_name) for row in items},
        bounds={
            row.code: (row.low_fen, row.high_fen)
            for row in items
            if row.low_fen is not None or row.high_fen is not None
        },
        allowed={point: frozenset(kinds) for point, kinds in allowed.items()},
    )


class ReferenceCache(Snapshots[int, References]):
    """Snapshots by unit."""

    def __init__(self, database: Database) -> None:
        def read(unit_id: int) -> References:
            with database.read() as connection:
                return load(connection, unit_id)

        super().__init__(read)


_BY_CODE = select(UNIT).where(UNIT.c.code == bindparam("key"))
_BY_ID = select(UNIT).where(UNIT.c.id == bindparam("key"))


UnitRow: TypeAlias = Row[Any]
"""A unit's row with every column of its table."""


class UnitCache(Snapshots[str | int, UnitRow | None]):
    """Units by their public code (text) or id (number); ``None`` for an unknown one."""

    def __init__(self, database: Database) -> None:
        def read(key: str | int) -> UnitRow | None:
            with database.read() as connection:
                statement = _BY_CODE if isinstance(key, str) else _BY_ID
                return connection.execute(statement, {"key": key}).one_or_none()

        super().__init__(read)
