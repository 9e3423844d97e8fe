"""Writing the ledger of stock movements, and the numbers of the documents that cause them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, text

from portal.core.clock import business_day, now
from portal.domain.actor import Actor
from portal.models.stock.numbers import MOVES
from portal.models.tables import STOCK_MOVEMENT

_WAYS = {kind: tuple(way.split(">")) for kind, way in (move.split(":") for move in MOVES)}


def record(
    connection: Connection,
    kind: str,
    segment_id: int,
    bill_code: str,
    first: int,
    last: int,
    slip: str,
    actor: Actor,
    point_id: int | None = None,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Append one movement in the caller's transaction. ``kind`` as in :data:`portal.models.stock.numbers.MOVES`;
    ``point_id`` is the point that gives or gets."""
    source, target = _WAYS[kind]
    connection.execute(
        insert(STOCK_MOVEMENT),
        {
            "at": at or now(),
            "kind": kind,
            "segment_id": segment_id,
            "bill_code": bill_code,
            "first": first,
            "last": last,
            "count": last - first + 1,
            "from_place": source,
            "from_point_id": point_id if source == "point" else None,
            "to_place": target,
            "to_point_id": point_id if target == "point" else None,
            "slip": slip,
            "actor": actor.label,
            "actor_name": actor.name,
            "reason": reason,
        },
    )


def next_no(connection: Connection, sort: str) -> str:
    """The next number of a document: sort (two letters), business day, four digits (``BS202611240001``).

    The counter's row is locked to the commit, so the numbers have no gaps either.
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
