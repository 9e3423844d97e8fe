"""Reads of the hospital's master data, for pages and lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from portal.domain.errors import Refusal
from portal.models import Unit
from portal.models.objects import objects
from portal.models.tables import (
    BILL_KIND,
    CHARGE_ITEM,
    DEPARTMENT,
    INCOME_ITEM,
    PARAMETER,
    POINT,
    POINT_KIND,
    PRINTER,
    REVIEWER,
    STAFF_ACCOUNT,
    STAFF_POINT,
    UNIT,
)

# --- the unit -----------------------------------------------------------------------------------------------------


def unit(connection: Connection, unit_id: int) -> Unit:
    """Return a unit as an object that belongs to no session any more: changes go through ``master_data``."""
    with objects(connection) as session:
        return session.get_one(Unit, unit_id)


def units(connection: Connection, most: int | None = None) -> list[Row[Any]]:
    """Return the installation's units in order of their ids, at most ``most``."""
    return list(connection.execute(select(UNIT).order_by(UNIT.c.id).limit(most)))


def general_department(connection: Connection, unit_id: int, name: str) -> str:
    """Return the general name that patients know a department by; its own name where there is none."""
    general: str | None = connection.scalar(
        select(DEPARTMENT.c.general_name).where(DEPARTMENT.c.unit_id == unit_id, DEPARTMENT.c.name == name)
    )
    return general or name


def listed_departments(connection: Connection, unit_id: int) -> dict[str, str]:
    """Return by what general name patients' lists show each department; nothing when the unit's lists name none
    (``patient.list-department``). A department that is not registered may be a sensitive one and is not shown."""
    wanted = (PARAMETER.c.unit_id == DEPARTMENT.c.unit_id) & (PARAMETER.c.key == "patient.list-department")
    named = select(DEPARTMENT.c.name, DEPARTMENT.c.general_name, PARAMETER.c.value)
    rows = connection.execute(named.outerjoin(PARAMETER, wanted).where(DEPARTMENT.c.unit_id == unit_id)).all()
    return {row.name: row.general_name or row.name for row in rows if row.value is not False}


def departments(unit_id: int) -> Select[Any]:
    """Select the departments of a unit."""
    return select(DEPARTMENT).where(DEPARTMENT.c.unit_id == unit_id)


def reviewers(unit_id: int) -> Select[Any]:
    """Select the reviewers of a unit."""
    return select(REVIEWER).where(REVIEWER.c.unit_id == unit_id)


# --- what finance grants ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BillKindFacts:
    """A bill kind: ``prefix`` is the first six digits of the bill code, ``form`` its face."""

    id: int
    prefix: str
    name: str
    form: str
    specimen_code: str


_KIND = select(*(BILL_KIND.c[name] for name in BillKindFacts.__slots__))


def bill_kinds() -> Select[Any]:
    """Select the bill kinds."""
    return select(BILL_KIND)


def faces(connection: Connection) -> list[BillKindFacts]:
    """Return every bill kind, by prefix."""
    return [BillKindFacts(*row) for row in connection.execute(_KIND.order_by(BILL_KIND.c.prefix))]


def face(connection: Connection, form: str) -> BillKindFacts:
    """Return the newest bill kind with this face. Raises PAGE_NOT_FOUND."""
    row = connection.execute(_KIND.where(BILL_KIND.c.form == form).order_by(BILL_KIND.c.id.desc())).first()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return BillKindFacts(*row)


def income_items() -> Select[Any]:
    """Select the income items."""
    return select(INCOME_ITEM)


def active_income_items(connection: Connection) -> dict[str, str]:
    """Return code and name of every income item in force, by code."""
    names = select(INCOME_ITEM.c.code, INCOME_ITEM.c.name).where(INCOME_ITEM.c.active)
    return {row.code: row.name for row in connection.execute(names.order_by(INCOME_ITEM.c.code))}


# --- points -------------------------------------------------------------------------------------------------------


def point_names(connection: Connection, unit_id: int) -> list[tuple[str, str]]:
    """Return code and name of every point of a unit, by code."""
    names = select(POINT.c.code, POINT.c.name).where(POINT.c.unit_id == unit_id)
    return [(row.code, row.name) for row in connection.execute(names.order_by(POINT.c.code))]


def places(connection: Connection, unit_id: int) -> dict[int, str]:
    """Return code and name, in one text, of every point of a unit by its id."""
    names = select(POINT.c.id, POINT.c.code, POINT.c.name).where(POINT.c.unit_id == unit_id)
    return {row.id: f"{row.code} {row.name}" for row in connection.execute(names.order_by(POINT.c.code))}


def points(unit_id: int) -> Select[Any]:
    """Select the points of a unit with the number of ``kinds`` on their lists and of ``staff``, and a ``printer``."""
    listed = select(POINT_KIND.c.point_id, func.count().label("kinds")).group_by(POINT_KIND.c.point_id).subquery()
    bound = select(STAFF_POINT.c.point_id, func.count().label("staff")).group_by(STAFF_POINT.c.point_id).subquery()
    first_printer = func.min(PRINTER.c.name).label("printer")
    printer = select(PRINTER.c.point_id, first_printer).group_by(PRINTER.c.point_id).subquery()
    return (
        select(
            POINT,
            func.coalesce(listed.c.kinds, 0).label("kinds"),
            func.coalesce(bound.c.staff, 0).label("staff"),
            printer.c.printer,
        )
        .select_from(
            POINT.outerjoin(listed, listed.c.point_id == POINT.c.id)
            .outerjoin(bound, bound.c.point_id == POINT.c.id)
            .outerjoin(printer, printer.c.point_id == POINT.c.id)
        )
        .where(POINT.c.unit_id == unit_id)
    )


@dataclass(frozen=True, slots=True)
class PointBindings:
    """What a point is bound to (ids of kinds and accounts), and everything that it could be bound to (id → word)."""

    kinds: list[int]
    staff: list[int]
    all_kinds: dict[int, str]
    all_staff: dict[int, str]


def point_bindings(connection: Connection, unit_id: int, point_id: int) -> PointBindings:
    """Return the bindings of a point; of a new one (0) only what it could be bound to."""
    listed = select(POINT_KIND.c.kind_id).where(POINT_KIND.c.point_id == point_id)
    bound = select(STAFF_POINT.c.account_id).where(STAFF_POINT.c.point_id == point_id)
    kinds = select(BILL_KIND.c.id, BILL_KIND.c.name).where(BILL_KIND.c.form != "paper").order_by(BILL_KIND.c.prefix)
    staff = (
        select(STAFF_ACCOUNT.c.id, STAFF_ACCOUNT.c.username, STAFF_ACCOUNT.c.name)
        .where(STAFF_ACCOUNT.c.unit_id == unit_id, STAFF_ACCOUNT.c.active)
        .order_by(STAFF_ACCOUNT.c.username)
    )
    return PointBindings(
        list(connection.scalars(listed)),
        list(connection.scalars(bound)),
        {row.id: row.name for row in connection.execute(kinds)},
        {row.id: f"{row.name}（{row.username}）" for row in connection.execute(staff)},
    )


# --- charge items -------------------------------------------------------------------------------------------------


def charge_items(unit_id: int) -> Select[Any]:
    """Select the mapping of a unit's charges to fiscal items."""
    return select(CHARGE_ITEM).where(CHARGE_ITEM.c.unit_id == unit_id)


def charge_item_matches(text: str) -> ColumnElement[bool]:
    """Filter charge items by a whole code or a part of the name."""
    return (CHARGE_ITEM.c.code == text) | CHARGE_ITEM.c.name.contains(text, autoescape=True)


def state_on(valid_from: date | None, valid_until: date | None, day: date) -> str:
    """Tell whether a validity is in force on a day: ``on``, ``later`` or ``over``."""
    if valid_from and valid_from > day:
        return "later"
    return "over" if valid_until and valid_until < day else "on"


# --- printers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrinterFacts:
    """A printer and its calibration in tenths of a millimetre; without ``point_id`` it serves every point."""

    id: int
    name: str
    point_id: int | None
    offset_x: int
    offset_y: int
    active: bool


_PRINTER = select(*(PRINTER.c[name] for name in PrinterFacts.__slots__))


def printers(connection: Connection, unit_id: int) -> list[PrinterFacts]:
    """Return the printers of a unit, by name."""
    of_unit = _PRINTER.where(PRINTER.c.unit_id == unit_id).order_by(PRINTER.c.name)
    return [PrinterFacts(*row) for row in connection.execute(of_unit)]


def printer(connection: Connection, unit_id: int, printer_id: int) -> PrinterFacts:
    """Return a printer of a unit. Raises PAGE_NOT_FOUND."""
    of_unit = _PRINTER.where(PRINTER.c.id == printer_id, PRINTER.c.unit_id == unit_id)
    row = connection.execute(of_unit).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return PrinterFacts(*row)
