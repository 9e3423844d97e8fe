"""Reads of the audit log for the list that auditors see: its rows and the conditions of its filters."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from portal.audit import units
from portal.core.clock import midnight
from portal.models.tables import AUDIT_ENTRY, AUDIT_SEAL

NEWEST = (AUDIT_ENTRY.c.at, AUDIT_ENTRY.c.id)
"""The order of the list."""


def of_unit(unit_id: int) -> Select[Any]:
    """Select the entries that the auditor of a unit reads, with the place and the hash of each in the chain."""
    entries = select(AUDIT_ENTRY, AUDIT_SEAL.c.seq, AUDIT_SEAL.c.digest)
    return entries.outerjoin(AUDIT_SEAL, AUDIT_SEAL.c.entry_id == AUDIT_ENTRY.c.id).where(units.readable(unit_id))


def since(day: date) -> ColumnElement[bool]:
    """Return the condition that an entry was written on a day or later."""
    return AUDIT_ENTRY.c.at >= midnight(day)


def until(day: date) -> ColumnElement[bool]:
    """Return the condition that an entry was written on a day or earlier."""
    return AUDIT_ENTRY.c.at < midnight(day + timedelta(days=1))


def by_actor(text: str) -> ColumnElement[bool]:
    """Return the condition that a text is part of the label of who acted."""
    return AUDIT_ENTRY.c.actor.contains(text, autoescape=True)


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
