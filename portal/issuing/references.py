"""What issuing needs to know of the hospital: unit, kinds, points, charge items; kept a few seconds in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select

from portal.core.database import Database
from portal.core.snapshots import Snapshots
from portal.models import BillKind, ChargeItem, Point, Unit

UNIT: Table = Unit.__table__  # type: ignore[assignment]
KIND: Table = BillKind.__table__  # type: ignore[assignment]
POINT: Table = Point.__table__  # type: ignore[assignment]
ITEM: Table = ChargeItem.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class References:
    """A snapshot for one unit. ``kinds`` by form, ``points`` by code (active ones), ``items`` by charge code."""

    unit: Row[tuple[object, ...]]
    kinds: Mapping[str, Row[tuple[object, ...]]]
    points: Mapping[str, int]
    items: Mapping[str, tuple[str, str]]


def load(connection: Connection, unit_id: int) -> References:
    """Read the snapshot from the tables."""
    points = connection.execute(select(POINT.c.code, POINT.c.id).where(POINT.c.unit_id == unit_id, POINT.c.active))
    items = connection.execute(
        select(ITEM.c.code, ITEM.c.fiscal_code, ITEM.c.fiscal_name).where(ITEM.c.unit_id == unit_id)
    )
    return References(
        unit=connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one(),
        kinds={row.form: row for row in connection.execute(select(KIND).order_by(KIND.c.id.desc()))},
        points={row.code: row.id for row in points},
        items={row.code: (row.fiscal_code, row.fiscal_name) for row in items},
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


class UnitCache(Snapshots[str | int, Row[Any] | None]):
    """Units by their public code (text) or id (number); ``None`` for an unknown one."""

    def __init__(self, database: Database) -> None:
        def read(key: str | int) -> Row[Any] | None:
            with database.read() as connection:
                statement = _BY_CODE if isinstance(key, str) else _BY_ID
                return connection.execute(statement, {"key": key}).one_or_none()

        super().__init__(read)
