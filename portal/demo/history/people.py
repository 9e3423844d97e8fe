"""The invented staff as actors, and the bills that a part of the history picks from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from portal.core.services import Services
from portal.demo.hospital import STAFF
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models import Bill, Point

_STAFF = {username: Actor(f"staff:{username}", name, 1, "demo") for username, name, *_ in STAFF}
CASHIER, LEAD, KEEPER = _STAFF["cashier"], _STAFF["lead"], _STAFF["keeper"]
ACCOUNTANT, SUPERVISOR, SYSTEM, SECURITY = (_STAFF[name] for name in ("accountant", "supervisor", "system", "security"))


class Issued(NamedTuple):
    """A blue bill of the interface: its id, where and when it was issued, its scene and amount."""

    id: int
    code: str
    point: str
    issued_at: datetime
    scene: str
    total_fen: int


def issued(services: Services) -> list[Issued]:
    """Return the bills that the HIS has pushed, oldest first."""
    columns = (Bill.id, Bill.bill_code, Point.code, Bill.issued_at, Bill.scene, Bill.total_fen)
    blue = select(*columns).join(Point, Point.id == Bill.point_id).where(Bill.red_of_id.is_(None))
    statement = blue.where(Bill.serial.like("YS%")).order_by(Bill.issued_at, Bill.id)
    with services.database.read() as connection:
        return [Issued(*row) for row in connection.execute(statement)]


def share(rows: Sequence[Issued], percent: float, shift: int = 0) -> list[Issued]:
    """Pick about ``percent`` of the rows, evenly over time; ``shift`` picks others than another share."""
    step = 100 / percent
    return [rows[int(place)] for place in _places(shift, step, len(rows))]


def _places(first: float, step: float, end: int) -> Iterator[float]:
    place = first
    while place < end:
        yield place
        place += step


@contextmanager
def already(*codes: str) -> Iterator[None]:
    """Pass over what an interrupted start had done already, or what another act has made impossible."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code not in codes:
            raise
