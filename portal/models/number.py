"""Numbers: segments that finance granted, ranges that points draw from (design D2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


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

    The database refuses a range outside its segment, an overlap, and a ``next`` that goes back.
    """

    __tablename__ = "number_range"
    __table_args__ = (
        CheckConstraint("first <= next AND next <= last + 1 AND first <= last", name="bounds"),
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
