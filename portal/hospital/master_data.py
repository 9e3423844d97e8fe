"""Master data that a hospital keeps itself: every change in one transaction, audited with before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import ChargeItem, Department, Point, PointKind, Reviewer, StaffAccount, StaffPoint, Unit
from portal.models.objects import objects

Kept = Department | Reviewer | ChargeItem | Point

KEPT: Mapping[str, type[Kept]] = {
    "department": Department,
    "reviewer": Reviewer,
    "charge_item": ChargeItem,
    "point": Point,
}
"""The kinds of object that :func:`save` keeps, by their names in the audit log."""


def find(connection: Connection, kind: str, unit_id: int, object_id: int) -> Kept:
    """Return an object of the unit. Raises PAGE_NOT_FOUND."""
    with objects(connection) as session:
        return _find(session, kind, unit_id, object_id)


def _find(session: Session, kind: str, unit_id: int, object_id: int) -> Kept:
    model: type[Any] = KEPT[kind]
    kept: Kept | None = session.get(model, object_id)
    if kept is None or kept.unit_id != unit_id:
        raise Refusal("PAGE_NOT_FOUND")
    return kept


def save(services: Services, actor: Actor, kind: str, object_id: int, values: Mapping[str, Any]) -> int:
    """Add (``object_id`` 0) or change an object of the actor's unit; return its id. Unchanged values write nothing.

    Raises CODE_TAKEN for a code that the unit has already, PAGE_NOT_FOUND.
    """
    return services.database.act(lambda connection: save_on(connection, actor, kind, object_id, values))


def save_on(connection: Connection, actor: Actor, kind: str, object_id: int, values: Mapping[str, Any]) -> int:
    """Do what :func:`save` says in the caller's transaction."""
    with _one_code(values), objects(connection) as session:
        if object_id:
            kept = _find(session, kind, actor.unit_id, object_id)
            before, after = _set(kept, values)
        else:
            kept = KEPT[kind](unit_id=actor.unit_id, **values)
            session.add(kept)
            before, after = {}, dict(values)
    if after or not object_id:
        action = f"{kind}.changed" if object_id else f"{kind}.created"
        _record(connection, actor, action, (kind, kept.id), before, after)
    return kept.id


def save_unit(services: Services, actor: Actor, values: Mapping[str, Any]) -> None:
    """Change the actor's own unit."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            before, after = _set(session.get_one(Unit, actor.unit_id), values)
        if after:
            _record(connection, actor, "unit.changed", ("unit", actor.unit_id), before, after)

    services.database.act(work)


def save_point(
    services: Services,
    actor: Actor,
    point_id: int,
    values: Mapping[str, Any],
    kinds: Collection[int],
    staff: Collection[int],
) -> int:
    """Add or change a point with the kinds that it may issue (none: all) and the accounts bound to it.

    Raises CODE_TAKEN, PAGE_NOT_FOUND.
    """

    def work(connection: Connection) -> int:
        with _one_code(values):
            saved_id = save_on(connection, actor, "point", point_id, values)
            _bind_kinds(connection, actor, saved_id, set(kinds))
            _bind_staff(connection, actor, saved_id, set(staff))
        return saved_id

    return services.database.act(work)


def _bind_kinds(connection: Connection, actor: Actor, point_id: int, after: set[int]) -> None:
    with objects(connection) as session:
        allowed = session.scalars(select(PointKind).where(PointKind.point_id == point_id)).all()
        before = {link.kind_id for link in allowed}
        for link in allowed:
            if link.kind_id not in after:
                session.delete(link)
        session.add_all(PointKind(point_id=point_id, kind_id=kind_id) for kind_id in sorted(after - before))
    _record_binding(connection, actor, point_id, "kinds", before, after)


def _bind_staff(connection: Connection, actor: Actor, point_id: int, account_ids: set[int]) -> None:
    with objects(connection) as session:
        of_unit = select(StaffAccount.id).where(StaffAccount.unit_id == actor.unit_id)
        after = account_ids.intersection(session.scalars(of_unit))
        bound = session.scalars(select(StaffPoint).where(StaffPoint.point_id == point_id)).all()
        before = {link.account_id for link in bound}
        for link in bound:
            if link.account_id not in after:
                session.delete(link)
        session.add_all(StaffPoint(point_id=point_id, account_id=account_id) for account_id in sorted(after - before))
    _record_binding(connection, actor, point_id, "staff", before, after)


def _record_binding(
    connection: Connection, actor: Actor, point_id: int, word: str, before: set[int], after: set[int]
) -> None:
    if before != after:
        old, new = {word: sorted(before)}, {word: sorted(after)}
        _record(connection, actor, f"point.{word}_bound", ("point", point_id), old, new)


@contextmanager
def _one_code(values: Mapping[str, Any]) -> Iterator[None]:
    """Say CODE_TAKEN where the database has seen a code twice."""
    try:
        yield
    except IntegrityError as error:
        raise Refusal("CODE_TAKEN", taken=values.get("code", "")) from error


def _set(kept: Kept | Unit, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the values that differ; return them as they were and as they are."""
    before = {name: getattr(kept, name) for name, value in values.items() if getattr(kept, name) != value}
    after = {name: values[name] for name in before}
    for name, value in after.items():
        setattr(kept, name, value)
    return before, after


def _record(
    connection: Connection,
    actor: Actor,
    action: str,
    changed: tuple[str, int],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    details = {"before": _plain(before), "after": _plain(after)}
    audit.record(connection, actor, action, changed, details)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
