"""Which unit an entry of the log belongs to: an auditor reads the own unit's and no other's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Table, func, or_, select

from portal.models import (
    Unit,
)
from portal.models.tables import (
    AUDIT_ENTRY,
    BATCH,
    BILL,
    COMPANY_ACCOUNT,
    DELIVERY,
    FAMILY_LINK,
    HIS_ACCOUNT,
    KIOSK_DEVICE,
    PATIENT_REQUEST,
    STAFF_ACCOUNT,
    VOUCHER,
)

EVERY = 0
"""The unit of what concerns the whole installation (a stopped channel, a guessing machine): all auditors read it."""
OWNERS: dict[str, Table] = {
    "batch": BATCH,
    "bill": BILL,
    "company": COMPANY_ACCOUNT,
    "delivery": DELIVERY,
    "family": FAMILY_LINK,
    "kiosk": KIOSK_DEVICE,
    "request": PATIENT_REQUEST,
    "staff": STAFF_ACCOUNT,
    "voucher": VOUCHER,
}
"""Objects whose row says its unit."""


def unit_of(entry: Mapping[str, Any]) -> ScalarSelect[Any] | int:
    """Return the unit of an entry by who acted, else by what it is about: a look-up that the insert makes by itself."""
    kind, _, name = entry["actor"].partition(":")
    if kind == "staff":
        return _unit(STAFF_ACCOUNT, "username", name)
    if kind == "his":
        return _unit(HIS_ACCOUNT, "appid", name)
    if not entry["object_id"].isdecimal():
        return EVERY
    number = int(entry["object_id"])
    if entry["object_kind"] == "unit":
        return number
    table = OWNERS.get(entry["object_kind"])
    return EVERY if table is None else _unit(table, "id", number)


def _unit(table: Table, column: str, value: object) -> ScalarSelect[Any]:
    return select(table.c.unit_id).where(table.c[column] == value).scalar_subquery()


def readable(unit_id: int) -> ColumnElement[bool]:
    """Return the entries that an auditor of this unit reads: the unit's and those of the whole installation; entries
    from
    before units were written down, and of accounts that are not there, only where there is one unit."""
    alone = select(func.count()).select_from(Unit).scalar_subquery() == 1
    return or_(AUDIT_ENTRY.c.unit_id.in_((unit_id, EVERY)), AUDIT_ENTRY.c.unit_id.is_(None) & alone)
