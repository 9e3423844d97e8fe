"""Staff accounts as the console needs them: who somebody is, what they may do, where they work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from portal.access.permissions import Permission, Role, permissions_of
from portal.domain.actor import Actor
from portal.models.tables import POINT, STAFF_ACCOUNT, STAFF_POINT, STAFF_ROLE, UNIT


@dataclass(frozen=True, slots=True)
class Place:
    """A point where somebody works."""

    id: int
    code: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Staff:
    """One account, read at the beginning of every request, so that a change counts at once."""

    id: int
    username: str
    name: str
    unit_id: int
    unit_name: str
    roles: tuple[Role, ...]
    points: tuple[Place, ...]
    must_change: bool
    password_at: datetime
    has_totp: bool

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the roles together allow."""
        return permissions_of(self.roles)

    @property
    def label(self) -> str:
        """The name in the audit log."""
        return f"staff:{self.username}"

    def actor(self, request_id: str = "") -> Actor:
        """Who acts, for services."""
        return Actor(self.label, self.name, self.unit_id, request_id)


def usable(moment: datetime) -> Any:
    """Return the condition under which an account may be used at all."""
    return STAFF_ACCOUNT.c.active & (STAFF_ACCOUNT.c.valid_until.is_(None) | (STAFF_ACCOUNT.c.valid_until > moment))


def load(connection: Connection, account_id: int, moment: datetime) -> Staff | None:
    """Return the account with roles and active points, or ``None`` when it is gone, disabled or over."""
    row = connection.execute(
        select(STAFF_ACCOUNT, UNIT.c.short_name)
        .join(UNIT, UNIT.c.id == STAFF_ACCOUNT.c.unit_id)
        .where(STAFF_ACCOUNT.c.id == account_id, usable(moment))
    ).one_or_none()
    if row is None:
        return None
    roles = connection.scalars(select(STAFF_ROLE.c.role).where(STAFF_ROLE.c.account_id == account_id)).all()
    points = connection.execute(
        select(POINT.c.id, POINT.c.code, POINT.c.name, POINT.c.kind)
        .join(STAFF_POINT, STAFF_POINT.c.point_id == POINT.c.id)
        .where(STAFF_POINT.c.account_id == account_id, POINT.c.active)
        .order_by(POINT.c.code)
    )
    return Staff(
        id=row.id,
        username=row.username,
        name=row.name,
        unit_id=row.unit_id,
        unit_name=row.short_name,
        roles=tuple(Role(role) for role in sorted(roles)),
        points=tuple(Place(*point) for point in points),
        must_change=row.must_change,
        password_at=row.password_at,
        has_totp=row.totp is not None,
    )


def by_username(connection: Connection, username: str) -> Row[Any] | None:
    """Return the raw account row of a name, active or not."""
    return connection.execute(select(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.username == username)).one_or_none()
