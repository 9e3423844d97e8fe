"""The ledger of stock movements, and the numbers (单号) of the documents that cause them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, text

from portal.core.clock import business_day, now
from portal.domain.actor import Actor
from portal.domain.states.stock import MovementKind
from portal.models.stock.numbers import MOVES
from portal.models.tables import STOCK_MOVEMENT

_WAYS = {kind: tuple(way.split(">")) for kind, way in (move.split(":") for move in MOVES)}


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring numbers of one segment."""

    segment_id: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Movement:
    """Numbers of a bill code that go from one place to another by a document. ``point_id``: the point that gives or
    gets them; ``at``: now when it is not said."""

    kind: MovementKind
    bill_code: str
    piece: Piece
    slip: str
    point_id: int | None = None
    reason: str = ""
    at: datetime | None = None


def record(connection: Connection, actor: Actor, movement: Movement) -> None:
    """Append one movement in the caller's transaction."""
    source, target = _WAYS[movement.kind]
    connection.execute(
        insert(STOCK_MOVEMENT),
        {
            "at": movement.at or now(),
            "kind": movement.kind,
            "segment_id": movement.piece.segment_id,
            "bill_code": movement.bill_code,
            "first": movement.piece.first,
            "last": movement.piece.last,
            "count": movement.piece.count,
            "from_place": source,
            "from_point_id": movement.point_id if source == "point" else None,
            "to_place": target,
            "to_point_id": movement.point_id if target == "point" else None,
            "slip": movement.slip,
            "actor": actor.label,
            "actor_name": actor.name,
            "reason": movement.reason,
        },
    )


def next_no(connection: Connection, sort: str) -> str:
    """Return the next number of a document: sort (two letters), business day, four digits (``BS202611240001``).

    The counter's row is locked to the commit, so that these numbers have no gaps either.
    """
    name = f"{sort}{business_day(now()):%Y%m%d}"
    counted = connection.execute(
        text(
            "INSERT INTO stock_counter (name, last) VALUES (:name, 1)"
            " ON CONFLICT (name) DO UPDATE SET last = stock_counter.last + 1 RETURNING last"
        ),
        {"name": name},
    ).scalar_one()
    return f"{name}{counted:04d}"
