"""What issuing needs to know of the hospital: unit, kinds, points, charge items; kept a few seconds in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Row, Table, select

from portal.core.database import Database
from portal.models import BillKind, ChargeItem, Point, Unit

FRESH_SECONDS = 5.0

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


class ReferenceCache:
    """Snapshots by unit, read again after :data:`FRESH_SECONDS`, so that a change of the catalogue soon counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, References]] = {}

    def get(self, unit_id: int) -> References:
        """The snapshot of a unit, at most :data:`FRESH_SECONDS` old."""
        moment = time.monotonic()
        known = self._known.get(unit_id)
        if known and moment - known[0] < FRESH_SECONDS:
            return known[1]
        with self._lock, self._database.read() as connection:
            fresh = load(connection, unit_id)
            self._known[unit_id] = (moment, fresh)
        return fresh
