"""Keeping staff accounts: create, change, disable, unlock, reset (features §3.10)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, select

from portal.access import passwords
from portal.access.permissions import Role, conflict
from portal.access.staff import BOUND, POINT, ROLE, STAFF, UNIT
from portal.audit import entries
from portal.core.clock import now
from portal.domain.errors import Refusal


def of_unit(unit_id: int) -> Select[Any]:
    """Accounts of a unit in rows: name, roles and points as comma-separated codes, state, last log-in."""
    roles = select(func.aggregate_strings(ROLE.c.role, ",")).where(ROLE.c.account_id == STAFF.c.id).scalar_subquery()
    points = (
        select(func.aggregate_strings(POINT.c.code, ","))
        .select_from(BOUND.join(POINT, POINT.c.id == BOUND.c.point_id))
        .where(BOUND.c.account_id == STAFF.c.id)
        .scalar_subquery()
    )
    return select(
        STAFF.c.id,
        STAFF.c.username,
        STAFF.c.name,
        STAFF.c.active,
        STAFF.c.locked_until,
        STAFF.c.valid_until,
        STAFF.c.last_login_at,
        STAFF.c.totp.is_not(None).label("has_totp"),
        roles.label("roles"),
        points.label("points"),
    ).where(STAFF.c.unit_id == unit_id)


def has_role(role: str) -> ColumnElement[bool]:
    """The condition that an account has this role."""
    return exists().where(ROLE.c.account_id == STAFF.c.id, ROLE.c.role == role)


def state_of(row: Any) -> str:
    """``active``, ``locked``, ``over`` or ``disabled``."""
    moment = now()
    if not row.active:
        return "disabled"
    if row.valid_until is not None and row.valid_until <= moment:
        return "over"
    return "locked" if row.locked_until is not None and row.locked_until > moment else "active"


def create(
    connection: Connection,
    unit_id: int,
    username: str,
    name: str,
    password: str,
    roles: Iterable[Role],
    point_ids: Iterable[int] = (),
    valid_until: datetime | None = None,
    must_change: bool = True,
) -> int:
    """Write an account with its roles and points; returns its id. The caller audits.

    Raises INPUT_INVALID when the name is taken or roles that must stand apart are mixed (三员分立).
    """
    chosen = sorted(set(roles))
    alone = conflict(chosen)
    if alone is not None:
        raise Refusal("INPUT_INVALID", reason=f"“{alone.title}”不能与其他角色兼任")
    if connection.scalar(select(STAFF.c.id).where(STAFF.c.username == username.casefold())) is not None:
        raise Refusal("INPUT_INVALID", reason=f"用户名 {username} 已被使用")
    moment = now()
    values = {
        "unit_id": unit_id,
        "username": username.casefold(),
        "name": name,
        "phone": None,
        "password": passwords.hashed(password),
        "password_at": moment,
        "past_passwords": [],
        "must_change": must_change,
        "totp": None,
        "active": True,
        "locked_until": None,
        "valid_until": valid_until,
        "last_login_at": None,
        "created_at": moment,
    }
    account_id = connection.execute(insert(STAFF).returning(STAFF.c.id), values).scalar_one()
    for role in chosen:
        connection.execute(insert(ROLE), {"account_id": account_id, "role": role})
    for point_id in sorted(set(point_ids)):
        connection.execute(insert(BOUND), {"account_id": account_id, "point_id": point_id})
    return int(account_id)


def create_first(connection: Connection, unit_code: str, username: str, name: str, role: Role, password: str) -> int:
    """An officer made from the command line, where nobody is signed in yet; audited as such.

    Raises INPUT_INVALID for an unknown unit and a name that is taken.
    """
    units = select(UNIT.c.id).where(UNIT.c.code == unit_code) if unit_code else select(UNIT.c.id)
    found = connection.scalars(units).all()
    if len(found) != 1:
        raise Refusal("INPUT_INVALID", reason="单位编码不存在，或有多个单位而没有写明是哪一个")
    account_id = create(connection, found[0], username, name, password, [role])
    details = {"roles": [role.value]}
    entries.record(connection, "staff.created", "staff", account_id, "system:command-line", details=details)
    return account_id
