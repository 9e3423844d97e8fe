"""Printing sheets: what stands on them, moved by the printer's calibration; printers and kiosks as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.ledger.bills import stored_document
from portal.ledger.paper import own_sheets
from portal.models.tables import PRINTER
from portal.rendering import xml
from portal.rendering.papers import numbered_form as form
from portal.rendering.papers.numbered_form import Offset, PaperPrint


def pdf(
    services: Services,
    unit_id: int,
    sheet_ids: Sequence[int],
    printer_id: int | None,
    underlay: bool,
    at_once: bool = False,
) -> bytes:
    """Return these valid sheets as they go to the printer, in the order of their numbers. Raises PAPER_NOT_FOUND.

    ``at_once``: whatever opens the file prints it.
    """
    with services.database.read() as connection:
        sheets = own_sheets(connection, unit_id, sheet_ids)
        if not sheets:
            raise Refusal("PAPER_NOT_FOUND", paper="")
        prints = [
            PaperPrint(
                xml.read(stored_document(services, connection, sheet.bill_id).signed),
                str(sheet.sheet),
                sheet.operator,
                max(sheet.prints, 1),
            )
            for sheet in sheets
        ]
        moved = offset(connection, unit_id, printer_id)
    settings = services.settings
    return form.pdf(
        prints,
        moved,
        banner=settings.banner,
        underlay=underlay,
        insurance_whole=settings.face_insurance_whole,
        at_once=at_once,
    )


def offset(connection: Connection, unit_id: int, printer_id: int | None) -> Offset:
    """Return the calibration of a printer of the unit; none for no printer."""
    row = connection.execute(
        select(PRINTER.c.offset_x, PRINTER.c.offset_y).where(PRINTER.c.id == printer_id, PRINTER.c.unit_id == unit_id)
    ).one_or_none()
    return Offset() if row is None else Offset(row.offset_x, row.offset_y)


@dataclass(frozen=True, slots=True)
class Printer:
    """A printer of paper forms with its calibration in tenths of a millimetre; without a point it serves any."""

    id: int
    name: str
    point_id: int | None
    offset_x: int
    offset_y: int
    active: bool


def printers(connection: Connection, unit_id: int, point_id: int | None = None) -> list[Printer]:
    """Read the unit's active printers; with ``point_id`` those that may be used there."""
    columns = (PRINTER.c[name] for name in Printer.__dataclass_fields__)
    query = select(*columns).where(PRINTER.c.unit_id == unit_id, PRINTER.c.active).order_by(PRINTER.c.name)
    if point_id is not None:
        query = query.where((PRINTER.c.point_id == point_id) | PRINTER.c.point_id.is_(None))
    return [Printer(*row) for row in connection.execute(query)]


def save_printer(services: Services, actor: Actor, printer_id: int | None, values: dict[str, Any]) -> int:
    """Add a printer or change one; returns its id. Raises PAGE_NOT_FOUND for another unit's, DEVICE_NAME_TAKEN."""
    with services.database.write() as connection:
        before = None
        same = select(PRINTER.c.id).where(PRINTER.c.unit_id == actor.unit_id, PRINTER.c.name == values["name"])
        if connection.scalar(same) not in (None, printer_id):
            raise Refusal("DEVICE_NAME_TAKEN", name=values["name"])
        if printer_id is None:
            row = values | {"unit_id": actor.unit_id}
            printer_id = connection.execute(insert(PRINTER).returning(PRINTER.c.id), row).scalar_one()
        else:
            mine = (PRINTER.c.id == printer_id) & (PRINTER.c.unit_id == actor.unit_id)
            before = connection.execute(select(PRINTER).where(mine)).mappings().one_or_none()
            if before is None:
                raise Refusal("PAGE_NOT_FOUND")
            connection.execute(update(PRINTER).where(mine).values(values))
        told = {"before": {name: before[name] for name in values} if before else {}, "after": values}
        audit.record(connection, actor, "printer.saved", ("printer", printer_id), told)
    return printer_id


def calibration_page(moved: Offset) -> bytes:
    """Return the calibration page of a printer."""
    return form.calibration_page(moved)
