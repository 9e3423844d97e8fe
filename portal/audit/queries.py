"""Reads of the audit log for the list that auditors see: its rows and the conditions of its filters."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Select, case, cast, func, literal, select

from portal.audit import units
from portal.core.clock import midnight
from portal.models.tables import AUDIT_ENTRY, AUDIT_SEAL, BILL, STAFF_ACCOUNT

STAFF_ACTOR = "staff:"
_STAFF_NAME = (
    select(STAFF_ACCOUNT.c.name)
    .where(
        STAFF_ACCOUNT.c.username
        == case((AUDIT_ENTRY.c.actor.startswith(STAFF_ACTOR), func.substr(AUDIT_ENTRY.c.actor, len(STAFF_ACTOR) + 1)))
    )
    .correlate(AUDIT_ENTRY)
    .scalar_subquery()
)


def _of_bill(column: ColumnElement[Any]) -> ScalarSelect[Any]:
    bill_id = cast(case((AUDIT_ENTRY.c.object_kind == "bill", AUDIT_ENTRY.c.object_id)), BigInteger)
    return select(column).where(BILL.c.id == bill_id).correlate(AUDIT_ENTRY).scalar_subquery()


NEWEST = (AUDIT_ENTRY.c.at, AUDIT_ENTRY.c.id)
"""The order of the list."""


def of_unit(unit_id: int) -> Select[Any]:
    """Select the entries that the auditor of a unit reads, with the place and the hash of each in the chain.

    ``actor_name`` is the name of a member of staff, ``bill_code`` and ``bill_number`` are those of a bill, None
    for all others.
    """
    entries = select(
        AUDIT_ENTRY,
        AUDIT_SEAL.c.seq,
        AUDIT_SEAL.c.digest,
        _STAFF_NAME.label("actor_name"),
        _of_bill(BILL.c.bill_code).label("bill_code"),
        _of_bill(BILL.c.number).label("bill_number"),
    )
    return entries.outerjoin(AUDIT_SEAL, AUDIT_SEAL.c.entry_id == AUDIT_ENTRY.c.id).where(units.readable(unit_id))


def since(day: date) -> ColumnElement[bool]:
    """Return the condition that an entry was written on a day or later."""
    return AUDIT_ENTRY.c.at >= midnight(day)


def until(day: date) -> ColumnElement[bool]:
    """Return the condition that an entry was written on a day or earlier."""
    return AUDIT_ENTRY.c.at < midnight(day + timedelta(days=1))


def by_actor(text: str) -> ColumnElement[bool]:
    """Return the condition that a text is part of the label of who acted, or of the name of a member of staff."""
    named = select(literal(STAFF_ACTOR) + STAFF_ACCOUNT.c.username).where(
        STAFF_ACCOUNT.c.name.contains(text, autoescape=True)
    )
    return AUDIT_ENTRY.c.actor.contains(text, autoescape=True) | AUDIT_ENTRY.c.actor.in_(named)


def about_kind(kind: str) -> ColumnElement[bool]:
    """Return the condition that an entry is about a kind of objects."""
    return AUDIT_ENTRY.c.object_kind == kind


def of_action(action: str) -> ColumnElement[bool]:
    """Return the condition that an entry tells of an action."""
    return AUDIT_ENTRY.c.action == action


def about_object(object_id: str) -> ColumnElement[bool]:
    """Return the condition that an entry is about the object of a number."""
    return AUDIT_ENTRY.c.object_id == object_id


def of_request(request_id: str) -> ColumnElement[bool]:
    """Return the condition that an entry was written in a request."""
    return AUDIT_ENTRY.c.request_id == request_id
