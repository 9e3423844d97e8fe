"""Basic information that a hospital keeps itself: every change in one transaction, audited with before and after."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import (
    CHARGE_ITEM,
    DEPARTMENT,
    POINT,
    POINT_KIND,
    REVIEWER,
    STAFF_ACCOUNT,
    STAFF_POINT,
    UNIT,
)

KEPT: Mapping[str, Table] = {
    "department": DEPARTMENT,
    "reviewer": REVIEWER,
    "charge_item": CHARGE_ITEM,
    "point": POINT,
}
"""What :func:`save` keeps, by the name that stands in the log."""


def one(connection: Connection, kind: str, unit_id: int, row_id: int) -> Row[Any]:
    """The unit's row. Raises PAGE_NOT_FOUND."""
    table = KEPT[kind]
    row = connection.execute(select(table).where(table.c.id == row_id, table.c.unit_id == unit_id)).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return row


def units(connection: Connection, most: int | None = None) -> list[Row[Any]]:
    """Return the installation's units in order of their ids, at most ``most``."""
    return list(connection.execute(select(UNIT).order_by(UNIT.c.id).limit(most)))


def general_department(connection: Connection, unit_id: int, name: str) -> str:
    """Return the general name that patients know a department by; its own name where there is none."""
    general: str | None = connection.scalar(
        select(DEPARTMENT.c.general_name).where(DEPARTMENT.c.unit_id == unit_id, DEPARTMENT.c.name == name)
    )
    return general or name


def point_names(connection: Connection, unit_id: int) -> list[tuple[str, str]]:
    """Return code and name of every point of a unit, by code."""
    named = select(POINT.c.code, POINT.c.name).where(POINT.c.unit_id == unit_id)
    return [(row.code, row.name) for row in connection.execute(named.order_by(POINT.c.code))]


def save(services: Services, actor: Actor, kind: str, row_id: int, values: Mapping[str, Any]) -> int:
    """Add (``row_id`` 0) or change a row of the actor's unit; returns its id. Unchanged values write nothing.

    Raises CODE_TAKEN for a code that the unit has already, PAGE_NOT_FOUND.
    """
    try:
        with services.database.write() as connection:
            return _save(connection, actor, kind, row_id, values)
    except IntegrityError as error:
        raise Refusal("CODE_TAKEN", taken=values.get("code", "")) from error


def _save(connection: Connection, actor: Actor, kind: str, row_id: int, values: Mapping[str, Any]) -> int:
    table = KEPT[kind]
    if not row_id:
        row = {"unit_id": actor.unit_id, **values}
        row_id = int(connection.execute(insert(table).returning(table.c.id), row).scalar_one())
        _record(connection, actor, f"{kind}.created", kind, row_id, {}, values)
        return row_id
    before = one(connection, kind, actor.unit_id, row_id)._mapping
    changed = {name: value for name, value in values.items() if before[name] != value}
    if changed:
        connection.execute(update(table).where(table.c.id == row_id).values(**changed))
        old = {name: before[name] for name in changed}
        _record(connection, actor, f"{kind}.changed", kind, row_id, old, changed)
    return row_id


def save_unit(services: Services, actor: Actor, values: Mapping[str, Any]) -> None:
    """Change the actor's own unit."""
    with services.database.write() as connection:
        before = connection.execute(select(UNIT).where(UNIT.c.id == actor.unit_id)).one()._mapping
        changed = {name: value for name, value in values.items() if before[name] != value}
        if changed:
            connection.execute(update(UNIT).where(UNIT.c.id == actor.unit_id).values(**changed))
            old = {name: before[name] for name in changed}
            _record(connection, actor, "unit.changed", "unit", actor.unit_id, old, changed)


def save_point(
    services: Services,
    actor: Actor,
    point_id: int,
    values: Mapping[str, Any],
    kinds: Collection[int],
    staff: Collection[int],
) -> int:
    """Add or change a point with the kinds it may issue (none: all) and the accounts bound to it.

    Raises CODE_TAKEN, PAGE_NOT_FOUND.
    """
    try:
        with services.database.write() as connection:
            point_id = _save(connection, actor, "point", point_id, values)
            known = set(connection.scalars(select(STAFF_ACCOUNT.c.id).where(STAFF_ACCOUNT.c.unit_id == actor.unit_id)))
            _bind(connection, actor, point_id, "kinds", POINT_KIND, "kind_id", kinds)
            _bind(connection, actor, point_id, "staff", STAFF_POINT, "account_id", known.intersection(staff))
    except IntegrityError as error:
        raise Refusal("CODE_TAKEN", taken=values.get("code", "")) from error
    return point_id


def _bind(
    connection: Connection,
    actor: Actor,
    point_id: int,
    word: str,
    table: Table,
    column: str,
    wanted: Collection[int],
) -> None:
    mine = table.c.point_id == point_id
    before = set(connection.scalars(select(table.c[column]).where(mine)))
    after = set(wanted)
    if before == after:
        return
    connection.execute(delete(table).where(mine, table.c[column].in_(before - after)))
    if added := after - before:
        connection.execute(insert(table), [{"point_id": point_id, column: one} for one in sorted(added)])
    details = {word: sorted(before)}, {word: sorted(after)}
    _record(connection, actor, f"point.{word}_bound", "point", point_id, *details)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _record(
    connection: Connection,
    actor: Actor,
    action: str,
    kind: str,
    row_id: int,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    details = {"before": _plain(before), "after": _plain(after)}
    audit.record(connection, actor, action, (kind, row_id), details)
