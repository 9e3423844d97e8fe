"""Numbers: segments that finance granted, ranges that points draw from, the ledger of their movements."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime

RANGE_BOUNDS = "first <= next AND next <= last + 1 AND state IN ('open', 'waiting', 'reserved')"
MOVES = (
    "receipt:finance>unit",
    "hand_out:unit>point",
    "withdraw:point>unit",
    "return:unit>finance",
    "return_refused:finance>unit",
    "stock_void:unit>void",
    "blank_loss:point>void",
)
"""Every legal movement: its kind, where from, where to."""


class NumberSegment(Base):
    """号段: numbers ``first``…``last`` of one bill code, granted by finance. The database refuses an overlap."""

    __tablename__ = "number_segment"
    __table_args__ = (
        CheckConstraint("first >= 0 AND first <= last AND last <= 9999999999", name="bounds"),
        Index(None, "bill_code", "first"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NumberRange(Base):
    """A point's range inside a segment. ``next`` is the number to take next; ``last + 1`` when used up.

    ``first``…``next - 1`` are used, each by exactly one bill, paper or voucher. Unused numbers leave a range only by
    lowering ``last``; what stays behind the gap becomes a range of its own. ``state``: ``open`` (the point may use
    it), ``waiting`` (handed out, not yet accepted), ``reserved`` (emergency only). ``slip``: the hand-out's number.
    The database refuses a range outside its segment, an overlap, a ``next`` that goes back, a ``last`` that grows.
    """

    __tablename__ = "number_range"
    __table_args__ = (
        CheckConstraint(RANGE_BOUNDS, name="bounds"),
        Index(None, "point_id", "bill_code", "first"),
        Index(None, "segment_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    segment_id: Mapped[int] = mapped_column(ForeignKey("number_segment.id"))
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    next: Mapped[int] = mapped_column(BigInteger)
    handed_out_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(8), default="open", server_default="open")
    slip: Mapped[str] = mapped_column(String(24), default="", server_default="")


class StockMovement(Base):
    """One movement of numbers: where from, where to, which, by whom. Append-only; every balance is derived from it.

    ``from_place`` and ``to_place``: ``finance``, ``unit``, ``point`` (then the point's id beside it), ``void``.
    ``slip`` names the document that caused it (领用, 分发, 申退, 作废 …).
    """

    __tablename__ = "stock_movement"
    __table_args__ = (
        CheckConstraint("first <= last AND count = last - first + 1", name="count"),
        CheckConstraint(
            "kind || ':' || from_place || '>' || to_place IN ({})".format(", ".join(f"'{move}'" for move in MOVES)),
            name="move",
        ),
        CheckConstraint(
            "(from_place = 'point') = (from_point_id IS NOT NULL) AND (to_place = 'point') = (to_point_id IS NOT NULL)",
            name="points",
        ),
        Index(None, "segment_id"),
        Index(None, "slip"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    segment_id: Mapped[int] = mapped_column(ForeignKey("number_segment.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)
    from_place: Mapped[str] = mapped_column(String(8))
    from_point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    to_place: Mapped[str] = mapped_column(String(8))
    to_point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    slip: Mapped[str] = mapped_column(String(24))
    actor: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(200))
