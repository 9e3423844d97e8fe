"""Keeping staff accounts: create, change, disable, unlock, reset."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, exists, func, insert, select, update

from portal import audit
from portal.access import parameters, passwords, staff_sessions
from portal.access.permissions import Role, conflict
from portal.access.staff_sessions import Session
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import POINT, STAFF_ACCOUNT, STAFF_POINT, STAFF_ROLE, UNIT


def of_unit(unit_id: int) -> Select[Any]:
    """Accounts of a unit in rows: name, roles and points as comma-separated codes, state, last log-in."""
    roles = (
        select(func.aggregate_strings(STAFF_ROLE.c.role, ","))
        .where(STAFF_ROLE.c.account_id == STAFF_ACCOUNT.c.id)
        .scalar_subquery()
    )
    points = (
        select(func.aggregate_strings(POINT.c.code, ","))
        .select_from(STAFF_POINT.join(POINT, POINT.c.id == STAFF_POINT.c.point_id))
        .where(STAFF_POINT.c.account_id == STAFF_ACCOUNT.c.id)
        .scalar_subquery()
    )
    return select(
        STAFF_ACCOUNT.c.id,
        STAFF_ACCOUNT.c.username,
        STAFF_ACCOUNT.c.name,
        STAFF_ACCOUNT.c.active,
        STAFF_ACCOUNT.c.locked_until,
        STAFF_ACCOUNT.c.valid_until,
        STAFF_ACCOUNT.c.last_login_at,
        STAFF_ACCOUNT.c.totp.is_not(None).label("has_totp"),
        roles.label("roles"),
        points.label("points"),
    ).where(STAFF_ACCOUNT.c.unit_id == unit_id)


def has_role(role: str) -> ColumnElement[bool]:
    """The condition that an account has this role."""
    return exists().where(STAFF_ROLE.c.account_id == STAFF_ACCOUNT.c.id, STAFF_ROLE.c.role == role)


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
    if connection.scalar(select(STAFF_ACCOUNT.c.id).where(STAFF_ACCOUNT.c.username == username.casefold())) is not None:
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
    account_id = connection.execute(insert(STAFF_ACCOUNT).returning(STAFF_ACCOUNT.c.id), values).scalar_one()
    for role in chosen:
        connection.execute(insert(STAFF_ROLE), {"account_id": account_id, "role": role})
    for point_id in sorted(set(point_ids)):
        connection.execute(insert(STAFF_POINT), {"account_id": account_id, "point_id": point_id})
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
    audit.record(connection, Actor("system:command-line"), "staff.created", ("staff", account_id), details)
    return account_id


_USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,39}", re.ASCII)


def get(connection: Connection, account_id: int, actor: Actor) -> Row[Any]:
    """An account of the actor's unit, locked for a change. Raises PAGE_NOT_FOUND for any other."""
    found = (
        select(STAFF_ACCOUNT)
        .where(STAFF_ACCOUNT.c.id == account_id, STAFF_ACCOUNT.c.unit_id == actor.unit_id)
        .with_for_update()
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return row


def other(connection: Connection, account_id: int, actor: Actor) -> Row[Any]:
    """:func:`get` of somebody else: nobody unlocks, resets, disables or promotes oneself. Raises INPUT_INVALID."""
    row = get(connection, account_id, actor)
    if actor.label == f"staff:{row.username}":
        raise Refusal("INPUT_INVALID", reason="不能对本人的账号这样操作，请另一位管理员办理")
    return row


def one_time_password() -> str:
    """A password to hand over once; it must be changed at the first log-in."""
    return f"{secrets.token_urlsafe(9)}-{secrets.randbelow(10_000):04d}"


def open_account(
    connection: Connection, username: str, name: str, point_ids: Iterable[int], over: datetime | None, actor: Actor
) -> tuple[int, str]:
    """A new account without roles (the security administrator grants them); returns id and one-time password.

    Raises INPUT_INVALID for a name that is taken or not well-formed.
    """
    username = username.casefold()
    if not _USERNAME.fullmatch(username):
        raise Refusal("INPUT_INVALID", reason="用户名应为 3 至 40 位小写字母、数字、点、横线，以字母开头")
    password = one_time_password()
    account_id = create(connection, actor.unit_id, username, name, password, [], point_ids, over)
    audit.record(connection, actor, "staff.created", ("staff", account_id), {"username": username})
    return account_id, password


def change(
    connection: Connection, account_id: int, name: str, point_ids: Iterable[int], over: datetime | None, actor: Actor
) -> None:
    """Name, points, and until when; audited with before and after. The session's point follows at once."""
    row = get(connection, account_id, actor)
    bound = (
        select(STAFF_POINT.c.point_id).where(STAFF_POINT.c.account_id == account_id).order_by(STAFF_POINT.c.point_id)
    )
    before = list(connection.scalars(bound))
    allowed = set(connection.scalars(select(POINT.c.id).where(POINT.c.unit_id == actor.unit_id)))
    after = sorted(set(point_ids) & allowed)
    connection.execute(
        update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id).values(name=name, valid_until=over)
    )
    connection.execute(delete(STAFF_POINT).where(STAFF_POINT.c.account_id == account_id))
    for point_id in after:
        connection.execute(insert(STAFF_POINT), {"account_id": account_id, "point_id": point_id})
    names = {"before": row.name, "after": name}
    audit.record(
        connection,
        actor,
        "staff.changed",
        ("staff", account_id),
        {"name": names, "points": {"before": before, "after": after}},
    )


def set_active(connection: Connection, account_id: int, active: bool, actor: Actor) -> None:
    """Disable or enable; a disabled account's sessions end now."""
    other(connection, account_id, actor)
    connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id).values(active=active))
    if not active:
        staff_sessions.end_all(connection, account_id)
    audit.record(connection, actor, "staff.enabled" if active else "staff.disabled", ("staff", account_id))


def set_roles(connection: Connection, account_id: int, roles: Iterable[Role], actor: Actor) -> None:
    """Grant exactly these roles to somebody else; their sessions end, so that new rights begin with a log-in.

    Raises INPUT_INVALID when roles that must stand apart are mixed (三员分立).
    """
    other(connection, account_id, actor)
    chosen = sorted(set(roles))
    alone = conflict(chosen)
    if alone is not None:
        raise Refusal("INPUT_INVALID", reason=f"“{alone.title}”不能与其他角色兼任")
    before = sorted(connection.scalars(select(STAFF_ROLE.c.role).where(STAFF_ROLE.c.account_id == account_id)))
    connection.execute(delete(STAFF_ROLE).where(STAFF_ROLE.c.account_id == account_id))
    for role in chosen:
        connection.execute(insert(STAFF_ROLE), {"account_id": account_id, "role": role})
    staff_sessions.end_all(connection, account_id)
    audit.record(
        connection,
        actor,
        "staff.roles-changed",
        ("staff", account_id),
        {"before": before, "after": [role.value for role in chosen]},
    )


def unlock(connection: Connection, account_id: int, actor: Actor) -> None:
    """Forget the wrong passwords of somebody else's account."""
    other(connection, account_id, actor)
    connection.execute(
        update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id).values(failures=0, locked_until=None)
    )
    audit.record(connection, actor, "staff.unlocked", ("staff", account_id))


def reset_password(connection: Connection, account_id: int, actor: Actor) -> str:
    """Somebody else gets a one-time password, which is returned; the second factor stays, all sessions end."""
    row = other(connection, account_id, actor)
    password = one_time_password()
    values = {"password": passwords.hashed(password), "password_at": now(), "must_change": True}
    values |= {"past_passwords": [row.password, *row.past_passwords][:10], "failures": 0, "locked_until": None}
    connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id).values(values))
    staff_sessions.end_all(connection, account_id)
    audit.record(connection, actor, "staff.password-reset", ("staff", account_id))
    return password


def policy_of(connection: Connection, unit_id: int) -> passwords.Policy:
    """The password profile that the unit has chosen."""
    return passwords.POLICIES[parameters.value(connection, unit_id, "login.policy")]


def change_password(services: Services, session: Session, current: str, new: str, actor: Actor) -> None:
    """One's own password; every other session of the account ends.

    Raises INPUT_INVALID for a wrong present password, PASSWORD_WEAK when the policy refuses the new one.
    """
    with services.database.read() as connection:
        row = connection.execute(select(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == session.staff.id)).one()
        policy = policy_of(connection, session.staff.unit_id)
    if not passwords.matches(row.password, current[:200]):
        raise Refusal("INPUT_INVALID", reason="当前密码不对")
    passwords.check(policy, new, row.username, [row.password, *row.past_passwords[: policy.past]])
    values = {"password": passwords.hashed(new), "password_at": now(), "must_change": False}
    values |= {"past_passwords": [row.password, *row.past_passwords][:10]}
    with services.database.write() as connection:
        connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == row.id).values(values))
        staff_sessions.end_all(connection, row.id, but=session.digest)
        audit.record(connection, actor, "staff.password-changed", ("staff", row.id))
