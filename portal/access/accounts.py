"""Staff accounts: created, changed, disabled, unlocked and reset as objects in the transaction of an act."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session as ObjectSession

from portal import audit
from portal.access import parameters
from portal.access.permissions import Role, conflict
from portal.access.sign_in import passwords, sessions
from portal.access.sign_in.sessions import Session
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import Point, StaffAccount, StaffPoint, StaffRole, Unit
from portal.models.objects import objects
from portal.models.tables import POINT, STAFF_ACCOUNT, STAFF_POINT, STAFF_ROLE


def of_unit(unit_id: int) -> Select[Any]:
    """Select the accounts of a unit: name, roles and points as comma-separated codes, state, last log-in."""
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
    """Filter accounts by a role."""
    return exists().where(STAFF_ROLE.c.account_id == STAFF_ACCOUNT.c.id, STAFF_ROLE.c.role == role)


def state_of(row: Any) -> str:
    """Return the state of an account: ``active``, ``locked``, ``over`` or ``disabled``."""
    moment = now()
    if not row.active:
        return "disabled"
    if row.valid_until is not None and row.valid_until <= moment:
        return "over"
    return "locked" if row.locked_until is not None and row.locked_until > moment else "active"


def is_locked() -> ColumnElement[bool]:
    """Return the condition that an account that may be used is locked now."""
    moment = now()
    usable = or_(STAFF_ACCOUNT.c.valid_until.is_(None), STAFF_ACCOUNT.c.valid_until > moment)
    return and_(STAFF_ACCOUNT.c.active, usable, STAFF_ACCOUNT.c.locked_until > moment)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person's account to be; ``must_change``: the password is for one log-in only."""

    username: str
    name: str
    password: str
    roles: Iterable[Role]
    point_ids: Iterable[int] = ()
    valid_until: datetime | None = None
    must_change: bool = True


def create(connection: Connection, unit_id: int, new: NewAccount) -> int:
    """Write an account with its roles and points; return its id. The caller audits.

    Raises INPUT_INVALID when the name is taken or roles that must stand apart are mixed (三员分立).
    """
    chosen = checked_roles(new.roles)
    moment = now()
    with objects(connection) as session:
        if session.scalar(select(StaffAccount.id).where(StaffAccount.username == new.username.casefold())) is not None:
            raise Refusal("INPUT_INVALID", reason=f"用户名 {new.username} 已被使用")
        account = StaffAccount(
            unit_id=unit_id,
            username=new.username.casefold(),
            name=new.name,
            phone=None,
            password=passwords.hashed(new.password),
            password_at=moment,
            past_passwords=[],
            must_change=new.must_change,
            totp=None,
            active=True,
            locked_until=None,
            valid_until=new.valid_until,
            last_login_at=None,
            created_at=moment,
        )
        session.add(account)
        session.flush()
        session.add_all(StaffRole(account_id=account.id, role=role.value) for role in chosen)
        session.add_all(StaffPoint(account_id=account.id, point_id=point_id) for point_id in sorted(set(new.point_ids)))
    return account.id


def checked_roles(roles: Iterable[Role]) -> list[Role]:
    """Return roles in order, each once. Raises INPUT_INVALID when roles that must stand apart are mixed (三员分立)."""
    chosen = sorted(set(roles))
    alone = conflict(chosen)
    if alone is not None:
        raise Refusal("INPUT_INVALID", reason=f"“{alone.title}”不能与其他角色兼任")
    return chosen


def create_first(connection: Connection, unit_code: str, username: str, name: str, role: Role, password: str) -> int:
    """Create an officer from the command line, where nobody is signed in yet; audited as such.

    Raises INPUT_INVALID for an unknown unit and a name that is taken.
    """
    with objects(connection) as session:
        unit_ids = session.scalars(
            select(Unit.id).where(Unit.code == unit_code) if unit_code else select(Unit.id)
        ).all()
    if len(unit_ids) != 1:
        raise Refusal("INPUT_INVALID", reason="单位编码不存在，或有多个单位而没有写明是哪一个")
    account_id = create(connection, unit_ids[0], NewAccount(username, name, password, [role]))
    details = {"roles": [role.value]}
    audit.record(connection, Actor("system:command-line"), "staff.created", ("staff", account_id), details)
    return account_id


_USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,39}", re.ASCII)


def get(connection: Connection, account_id: int, actor: Actor) -> StaffAccount:
    """Return an account of the actor's unit, locked for a change. Raises PAGE_NOT_FOUND for any other."""
    with objects(connection) as session:
        return _get(session, account_id, actor)


def other(connection: Connection, account_id: int, actor: Actor) -> StaffAccount:
    """Return the account of somebody else as :func:`get`: nobody frees or promotes oneself. Raises INPUT_INVALID."""
    with objects(connection) as session:
        return _other(session, account_id, actor)


def _get(session: ObjectSession, account_id: int, actor: Actor) -> StaffAccount:
    of_unit = (StaffAccount.id == account_id) & (StaffAccount.unit_id == actor.unit_id)
    account = session.scalars(select(StaffAccount).where(of_unit).with_for_update()).one_or_none()
    if account is None:
        raise Refusal("PAGE_NOT_FOUND")
    return account


def _other(session: ObjectSession, account_id: int, actor: Actor) -> StaffAccount:
    account = _get(session, account_id, actor)
    if actor.label == f"staff:{account.username}":
        raise Refusal("INPUT_INVALID", reason="不能对本人的账号这样操作，请另一位管理员办理")
    return account


def one_time_password() -> str:
    """Make a password to hand over once; it must be changed at the first log-in."""
    return f"{secrets.token_urlsafe(9)}-{secrets.randbelow(10_000):04d}"


def open_account(
    connection: Connection, username: str, name: str, point_ids: Iterable[int], over: datetime | None, actor: Actor
) -> tuple[int, str]:
    """Open an account without roles, which the security administrator grants; return id and one-time password.

    Raises INPUT_INVALID for a name that is taken or not well-formed.
    """
    username = username.casefold()
    if not _USERNAME.fullmatch(username):
        raise Refusal("INPUT_INVALID", reason="用户名应为 3 至 40 位小写字母、数字、点、横线，以字母开头")
    password = one_time_password()
    account_id = create(connection, actor.unit_id, NewAccount(username, name, password, [], point_ids, over))
    audit.record(connection, actor, "staff.created", ("staff", account_id), {"username": username})
    return account_id, password


def change(
    connection: Connection, account_id: int, name: str, point_ids: Iterable[int], over: datetime | None, actor: Actor
) -> None:
    """Change name, points and the last day; audited with before and after. The session's point follows at once."""
    with objects(connection) as session:
        account = _get(session, account_id, actor)
        names = {"before": account.name, "after": name}
        account.name, account.valid_until = name, over
        bound = session.scalars(select(StaffPoint).where(StaffPoint.account_id == account_id)).all()
        before = sorted(link.point_id for link in bound)
        allowed = set(session.scalars(select(Point.id).where(Point.unit_id == actor.unit_id)))
        after = sorted(set(point_ids) & allowed)
        for link in bound:
            if link.point_id not in after:
                session.delete(link)
        new = sorted(set(after) - set(before))
        session.add_all(StaffPoint(account_id=account_id, point_id=point_id) for point_id in new)
    details = {"name": names, "points": {"before": before, "after": after}}
    audit.record(connection, actor, "staff.changed", ("staff", account_id), details)


def set_active(connection: Connection, account_id: int, active: bool, actor: Actor) -> None:
    """Disable or enable somebody else's account; a disabled one's sessions end now."""
    with objects(connection) as session:
        _other(session, account_id, actor).active = active
    if not active:
        sessions.end_all(connection, account_id)
    audit.record(connection, actor, "staff.enabled" if active else "staff.disabled", ("staff", account_id))


def set_roles(connection: Connection, account_id: int, roles: Iterable[Role], actor: Actor) -> None:
    """Grant exactly these roles to somebody else; their sessions end, so that new rights begin with a log-in.

    Raises INPUT_INVALID when roles that must stand apart are mixed (三员分立).
    """
    with objects(connection) as session:
        _other(session, account_id, actor)
        after = [role.value for role in checked_roles(roles)]
        granted = session.scalars(select(StaffRole).where(StaffRole.account_id == account_id)).all()
        before = sorted(grant.role for grant in granted)
        for grant in granted:
            if grant.role not in after:
                session.delete(grant)
        session.add_all(StaffRole(account_id=account_id, role=role) for role in after if role not in before)
    sessions.end_all(connection, account_id)
    details = {"before": before, "after": after}
    audit.record(connection, actor, "staff.roles-changed", ("staff", account_id), details)


def unlock(connection: Connection, account_id: int, actor: Actor) -> None:
    """Forget the wrong passwords of somebody else's account."""
    with objects(connection) as session:
        account = _other(session, account_id, actor)
        account.failures, account.locked_until = 0, None
    audit.record(connection, actor, "staff.unlocked", ("staff", account_id))


def reset_password(connection: Connection, account_id: int, actor: Actor) -> str:
    """Give somebody else a one-time password and return it; the second factor stays, all sessions end."""
    password = one_time_password()
    with objects(connection) as session:
        account = _other(session, account_id, actor)
        _set_password(account, password, must_change=True)
        account.failures, account.locked_until = 0, None
    sessions.end_all(connection, account_id)
    audit.record(connection, actor, "staff.password-reset", ("staff", account_id))
    return password


def _set_password(account: StaffAccount, password: str, must_change: bool) -> None:
    account.past_passwords = [account.password, *account.past_passwords][:10]
    account.password, account.password_at, account.must_change = passwords.hashed(password), now(), must_change


def policy_of(connection: Connection, unit_id: int) -> passwords.Policy:
    """Return the password policy that the unit has chosen."""
    return passwords.POLICIES[parameters.value(connection, unit_id, "login.policy")]


def change_password(services: Services, session: Session, current: str, new: str, actor: Actor) -> None:
    """Change the own password; every other session of the account ends.

    Raises INPUT_INVALID for a wrong present password, PASSWORD_WEAK when the policy refuses the new one.
    """
    with services.database.read() as connection:
        with objects(connection) as objects_session:
            account = objects_session.get_one(StaffAccount, session.staff.id)
        policy = policy_of(connection, session.staff.unit_id)
    if not passwords.matches(account.password, current[:200]):
        raise Refusal("INPUT_INVALID", reason="当前密码不对")
    past = [account.password, *account.past_passwords[: policy.past]]
    passwords.check(policy, new, account.username, past)

    def work(connection: Connection) -> None:
        with objects(connection) as objects_session:
            _set_password(objects_session.get_one(StaffAccount, session.staff.id), new, must_change=False)
        sessions.end_all(connection, session.staff.id, but=session.digest)
        audit.record(connection, actor, "staff.password-changed", ("staff", session.staff.id))

    services.database.act(work)
