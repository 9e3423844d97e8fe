"""Reads of the console about accounts: staff, their points, HIS accounts and their mapping tables, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from portal.access.accounts import state_of
from portal.access.his.accounts import HIS
from portal.access.permissions import Role
from portal.domain.errors import Refusal
from portal.models.tables import HIS_ACCOUNT, HIS_MAPPING, PARAMETER, POINT, STAFF_ACCOUNT, STAFF_POINT, STAFF_ROLE


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """A staff account with its roles and points, as an administrator reads it."""

    id: int
    unit_id: int
    username: str
    name: str
    active: bool
    failures: int
    locked_until: datetime | None
    valid_until: datetime | None
    last_login_at: datetime | None
    has_totp: bool
    roles: tuple[Role, ...]
    point_ids: tuple[int, ...]

    @property
    def state(self) -> str:
        """The state: ``active``, ``locked``, ``over`` or ``disabled``."""
        return state_of(self)


def staff_account(connection: Connection, unit_id: int, account_id: int) -> AccountFacts:
    """Read an account of the unit. Raises PAGE_NOT_FOUND for any other."""
    row = connection.execute(
        select(
            STAFF_ACCOUNT.c.id,
            STAFF_ACCOUNT.c.unit_id,
            STAFF_ACCOUNT.c.username,
            STAFF_ACCOUNT.c.name,
            STAFF_ACCOUNT.c.active,
            STAFF_ACCOUNT.c.failures,
            STAFF_ACCOUNT.c.locked_until,
            STAFF_ACCOUNT.c.valid_until,
            STAFF_ACCOUNT.c.last_login_at,
            STAFF_ACCOUNT.c.totp.is_not(None).label("has_totp"),
        ).where(STAFF_ACCOUNT.c.id == account_id, STAFF_ACCOUNT.c.unit_id == unit_id)
    ).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    roles = connection.scalars(select(STAFF_ROLE.c.role).where(STAFF_ROLE.c.account_id == account_id)).all()
    points = connection.scalars(select(STAFF_POINT.c.point_id).where(STAFF_POINT.c.account_id == account_id)).all()
    values: dict[str, Any] = dict(row._mapping)
    values["has_totp"] = bool(values["has_totp"])
    return AccountFacts(**values, roles=tuple(Role(role) for role in sorted(roles)), point_ids=tuple(points))


def username_begins(text: str) -> ColumnElement[bool]:
    """Return the condition that an account's user name begins with a text."""
    return STAFF_ACCOUNT.c.username.startswith(text, autoescape=True)


@dataclass(frozen=True, slots=True)
class PointName:
    """A point of the unit, as it is chosen."""

    id: int
    code: str
    name: str


def points(connection: Connection, unit_id: int) -> list[PointName]:
    """Read the points of a unit in the order of their codes."""
    wanted = select(POINT.c.id, POINT.c.code, POINT.c.name).where(POINT.c.unit_id == unit_id).order_by(POINT.c.code)
    return [PointName(*row) for row in connection.execute(wanted)]


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """The last change of a parameter."""

    changed_by: str
    changed_at: datetime


def parameter_changes(connection: Connection, unit_id: int) -> dict[str, ParameterChange]:
    """Read who changed each of the unit's parameters last; those that were never changed are left out."""
    changes = select(PARAMETER.c.key, PARAMETER.c.changed_by, PARAMETER.c.changed_at)
    rows = connection.execute(changes.where(PARAMETER.c.unit_id == unit_id))
    return {row.key: ParameterChange(row.changed_by, row.changed_at) for row in rows}


def his_accounts(unit_id: int) -> Select[Any]:
    """Select the HIS accounts of a unit, each with the count of its mapping rows."""
    counted = (
        select(HIS_MAPPING.c.account_id, func.count().label("mappings")).group_by(HIS_MAPPING.c.account_id).subquery()
    )
    return (
        select(HIS_ACCOUNT, func.coalesce(counted.c.mappings, 0).label("mappings"))
        .select_from(HIS_ACCOUNT.outerjoin(counted, counted.c.account_id == HIS_ACCOUNT.c.id))
        .where(HIS_ACCOUNT.c.unit_id == unit_id, HIS_ACCOUNT.c.kind == HIS)
    )


@dataclass(frozen=True, slots=True)
class HisAccountFacts:
    """A HIS account without its keys. ``two_keys``: the key before the present one is still good; it was last used at
    ``earlier_key_used_at`` since then."""

    id: int
    appid: str
    name: str
    active: bool
    policies: Mapping[str, str]
    two_keys: bool
    key_unseen: bool
    earlier_key_used_at: datetime | None


def his_account(connection: Connection, unit_id: int, account_id: int) -> HisAccountFacts:
    """Read a HIS account of the unit. Raises PAGE_NOT_FOUND for any other."""
    row = connection.execute(
        select(
            HIS_ACCOUNT.c.id,
            HIS_ACCOUNT.c.appid,
            HIS_ACCOUNT.c.name,
            HIS_ACCOUNT.c.active,
            HIS_ACCOUNT.c.policies,
            HIS_ACCOUNT.c.earlier_key.is_not(None),
            HIS_ACCOUNT.c.key_unseen,
            HIS_ACCOUNT.c.earlier_key_used_at,
        ).where(HIS_ACCOUNT.c.id == account_id, HIS_ACCOUNT.c.unit_id == unit_id, HIS_ACCOUNT.c.kind == HIS)
    ).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return HisAccountFacts(*row)


def other_his_accounts(connection: Connection, unit_id: int, account_id: int) -> dict[int, str]:
    """Read the other HIS accounts of a unit: id → account and name."""
    of_unit = (HIS_ACCOUNT.c.unit_id == unit_id) & (HIS_ACCOUNT.c.kind == HIS) & (HIS_ACCOUNT.c.id != account_id)
    rows = connection.execute(select(HIS_ACCOUNT.c.id, HIS_ACCOUNT.c.appid, HIS_ACCOUNT.c.name).where(of_unit))
    return {row.id: f"{row.appid} {row.name}" for row in rows}


def mapping_counts(connection: Connection, account_id: int) -> dict[str, int]:
    """Count the rows of each mapping table of a HIS account."""
    counted = select(HIS_MAPPING.c.table_name, func.count()).where(HIS_MAPPING.c.account_id == account_id)
    return {row[0]: row[1] for row in connection.execute(counted.group_by(HIS_MAPPING.c.table_name))}


def mapping(connection: Connection, account_id: int, table: str) -> list[tuple[str, str]]:
    """Read a mapping table of a HIS account: pairs of the sender's code and ours."""
    rows = select(HIS_MAPPING.c.sent_code, HIS_MAPPING.c.our_code).where(
        HIS_MAPPING.c.account_id == account_id, HIS_MAPPING.c.table_name == table
    )
    return [(row.sent_code, row.our_code) for row in connection.execute(rows)]
