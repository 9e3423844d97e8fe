"""自助机: a device account bound to a point; what a person with a card or a slip in hand may do at it.

A kiosk knows no staff: its token opens its own pages only. What it shows of a person is masked, of the last days, and
gone with the next page; what it prints is an exchange like at a window, by the same service.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import normalise
from portal.domain.link import TOKEN
from portal.domain.numbers import Sheet
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper.exchange import Exchange
from portal.issuing.paper.kiosk_bills import found
from portal.ledger import paper as ledger_paper
from portal.ledger.bills import BillFacts
from portal.ledger.persons import number_digest
from portal.models.tables import KIOSK_DEVICE, POINT
from portal.stock.ranges import peek

LOW_SHEETS = 20


@dataclass(frozen=True, slots=True)
class Kiosk:
    """One signed-in device."""

    id: int
    unit_id: int
    name: str
    point_id: int
    point_code: str
    printer_id: int | None
    sheets: int
    calling: datetime | None
    calling_why: str

    def actor(self, request_id: str) -> Actor:
        """Who acts, for services: the device by its point, and its name on documents."""
        return Actor(f"kiosk:{self.point_code}", self.name, self.unit_id, request_id)


def by_token(services: Services, token: str) -> Kiosk | None:
    """Return the active device of a token."""
    if not token or len(token) > 100:
        return None
    with services.database.read() as connection:
        row = connection.execute(
            select(KIOSK_DEVICE, POINT.c.code.label("point_code"))
            .select_from(KIOSK_DEVICE.join(POINT, POINT.c.id == KIOSK_DEVICE.c.point_id))
            .where(
                KIOSK_DEVICE.c.token_digest == services.index.digest("kiosk", token),
                KIOSK_DEVICE.c.active,
                POINT.c.active,
            )
        ).one_or_none()
    return None if row is None else _read(row)


def _read(row: Any) -> Kiosk:
    names = ("id", "unit_id", "name", "point_id", "point_code", "printer_id", "sheets", "calling", "calling_why")
    return Kiosk(*(getattr(row, name) for name in names))


@dataclass(frozen=True, slots=True)
class KioskState:
    """A device in the list of a unit. ``calling``: since when it calls staff; ``sheets``: the paper in it."""

    id: int
    name: str
    point_code: str
    point_name: str
    sheets: int
    active: bool
    calling: datetime | None
    calling_why: str


def of_unit(connection: Connection, unit_id: int) -> list[KioskState]:
    """Read the devices of a unit in the order of their names."""
    devices = (
        select(
            KIOSK_DEVICE.c.id,
            KIOSK_DEVICE.c.name,
            POINT.c.code,
            POINT.c.name,
            KIOSK_DEVICE.c.sheets,
            KIOSK_DEVICE.c.active,
            KIOSK_DEVICE.c.calling,
            KIOSK_DEVICE.c.calling_why,
        )
        .select_from(KIOSK_DEVICE.join(POINT, POINT.c.id == KIOSK_DEVICE.c.point_id))
        .where(KIOSK_DEVICE.c.unit_id == unit_id)
        .order_by(KIOSK_DEVICE.c.name)
    )
    return [KioskState(*row) for row in connection.execute(devices)]


def calling(connection: Connection, unit_id: int) -> list[KioskState]:
    """Read the unit's working devices that call staff."""
    return [device for device in of_unit(connection, unit_id) if device.active and device.calling is not None]


def enrol(services: Services, actor: Actor, name: str, point_id: int, printer_id: int | None, sheets: int) -> str:
    """Add a device; returns its token, which is shown once and kept as a keyed hash only.

    Raises DEVICE_NAME_TAKEN.
    """
    token = secrets.token_urlsafe(24)
    values = {"name": name, "point_id": point_id, "printer_id": printer_id, "sheets": sheets}
    with services.database.write() as connection:
        same = select(KIOSK_DEVICE.c.id).where(KIOSK_DEVICE.c.unit_id == actor.unit_id, KIOSK_DEVICE.c.name == name)
        if connection.scalar(same) is not None:
            raise Refusal("DEVICE_NAME_TAKEN", name=name)
        device = connection.execute(
            insert(KIOSK_DEVICE).returning(KIOSK_DEVICE.c.id),
            values
            | {
                "unit_id": actor.unit_id,
                "token_digest": services.index.digest("kiosk", token),
                "calling": None,
                "calling_why": "",
                "active": True,
            },
        ).scalar_one()
        audit.record(connection, actor, "kiosk.enrolled", ("kiosk", device), values)
    return token


def renew(services: Services, actor: Actor, device: int) -> str:
    """Return a new token for a device; the old one ends. Raises PAGE_NOT_FOUND."""
    token = secrets.token_urlsafe(24)
    _change(services, actor, device, "kiosk.renewed", {"token_digest": services.index.digest("kiosk", token)}, {})
    return token


def load(services: Services, actor: Actor, device: int, sheets: int) -> None:
    """Staff has put paper in and looked after the device: so many sheets, no call. Raises PAGE_NOT_FOUND."""
    values = {"sheets": sheets, "calling": None, "calling_why": ""}
    _change(services, actor, device, "kiosk.loaded", values, {"sheets": sheets})


def switch(services: Services, actor: Actor, device: int, active: bool) -> None:
    """Let a device work or not. Raises PAGE_NOT_FOUND."""
    _change(services, actor, device, "kiosk.switched", {"active": active}, {"active": active})


def _change(
    services: Services, actor: Actor, device: int, action: str, values: dict[str, Any], told: dict[str, Any]
) -> None:
    with services.database.write() as connection:
        mine = (KIOSK_DEVICE.c.id == device) & (KIOSK_DEVICE.c.unit_id == actor.unit_id)
        if connection.execute(update(KIOSK_DEVICE).where(mine).values(values)).rowcount != 1:
            raise Refusal("PAGE_NOT_FOUND")
        audit.record(connection, actor, action, ("kiosk", device), told)


def call(services: Services, kiosk: Kiosk, why: str, request_id: str = "") -> None:
    """Call staff: seen at the console until somebody has looked after it. The first reason stays."""
    with services.database.write() as connection:
        calling = update(KIOSK_DEVICE).where(KIOSK_DEVICE.c.id == kiosk.id, KIOSK_DEVICE.c.calling.is_(None))
        if connection.execute(calling.values(calling=now(), calling_why=why[:60])).rowcount:
            audit.record(connection, kiosk.actor(request_id), "kiosk.called", ("kiosk", kiosk.id), {"why": why[:60]})


def key_of(services: Services, read: str) -> bytes:
    """Return what a reader gave: a bill link's address or token → its digest; a card or document number → its digest.

    Raises KIOSK_UNREADABLE.
    """
    text = read.strip()
    token = text.rstrip("/").rsplit("/", 1)[-1]
    if TOKEN.fullmatch(token) and ("/b/" in text or token == text):
        return b"L" + services.index.digest("link", token)
    if len(normalise(text)) < 5 or len(text) > 60:
        raise Refusal("KIOSK_UNREADABLE")
    return b"N" + number_digest(services, text)


def exchange(services: Services, kiosk: Kiosk, key: bytes, bill_ids: Sequence[int], request_id: str) -> list[int]:
    """Exchange these of the found bills onto the device's next sheets; returns the sheets' row ids.

    Raises KIOSK_NOTHING (none of them is the person's), KIOSK_NO_PAPER, and as :func:`portal.issuing.paper.exchange`.
    The device calls staff by itself when its paper runs out or its numbers no longer fit.
    """
    with services.database.read() as connection:
        offered = found(services, connection, kiosk.unit_id, key)
    chosen = [bill for bill in offered if bill.bill_id in set(bill_ids)]
    if not chosen:
        raise Refusal("KIOSK_NOTHING")
    if kiosk.sheets < len(chosen):
        call(services, kiosk, "票纸不足", request_id)
        raise Refusal("KIOSK_NO_PAPER", left=kiosk.sheets, wanted=len(chosen))
    sheets = []
    for bill in chosen:
        sheets.append(_exchange(services, kiosk, bill, request_id))
        _use_sheet(services, kiosk)
    return sheets


def _exchange(services: Services, kiosk: Kiosk, bill: BillFacts, request_id: str) -> int:
    for _ in range(3):  # a window may share the point's numbers
        with services.database.read() as connection:
            code = ledger_paper.paper_code_for(connection, bill, kiosk.point_id)
            following = peek(connection, kiosk.point_id, code) if code else None
        if following is None:
            call(services, kiosk, "没有可用票号", request_id)
            raise Refusal("PAPER_EXHAUSTED", point=kiosk.point_code, paper_code=code)
        order = Exchange(bill.bill_id, kiosk.point_code, Sheet(code, following), printer_id=kiosk.printer_id)
        try:
            sheet = paper_exchange.exchange(services, kiosk.actor(request_id), order)
            paper_exchange.printed(services, kiosk.actor(request_id), sheet)
            return sheet
        except Refusal as refusal:
            if refusal.code != "NUMBER_NOT_NEXT":
                raise
    raise Refusal("BUSY", reason="同时换开过多")


def _use_sheet(services: Services, kiosk: Kiosk) -> None:
    with services.database.write() as connection:
        left = connection.execute(
            update(KIOSK_DEVICE)
            .where(KIOSK_DEVICE.c.id == kiosk.id, KIOSK_DEVICE.c.sheets > 0)
            .values(sheets=KIOSK_DEVICE.c.sheets - 1)
            .returning(KIOSK_DEVICE.c.sheets)
        ).scalar_one_or_none()
    if left == 0:
        call(services, kiosk, "票纸用完")
