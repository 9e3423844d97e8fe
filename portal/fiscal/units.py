"""The units as finance knows them, and who acts on finance's word."""

from __future__ import annotations

from sqlalchemy import Connection, select

from portal.domain.actor import Actor
from portal.models.tables import UNIT


def agency(connection: Connection, unit_id: int) -> str:
    """Read the credit code by which finance knows a unit."""
    return str(connection.execute(select(UNIT.c.credit_code).where(UNIT.c.id == unit_id)).scalar_one())


def agencies(connection: Connection) -> dict[int, str]:
    """Read the credit code of every unit, by unit id."""
    return {row.id: row.credit_code for row in connection.execute(select(UNIT.c.id, UNIT.c.credit_code))}


def worker(unit_id: int) -> Actor:
    """Return the actor in whose name finance's word is taken in."""
    return Actor("worker:fiscal", "财政接口", unit_id)
