"""Persons under special protection: whoever looks at them says why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class MarkedPerson(Base):
    """特别保护人员 of a unit. ``content`` is sealed JSON: name, numbers, why; found again by keyed hashes only."""

    __tablename__ = "marked_person"
    __table_args__ = (
        CheckConstraint("kind IN ('staff', 'public', 'other')", name="kind"),
        Index(None, "unit_id", "marked_at"),
        Index(None, "name_digest"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(8))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    marked_by: Mapped[str] = mapped_column(String(80))
    marked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_by: Mapped[str] = mapped_column(String(80))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MarkedKey(Base):
    """Blind index: the numbers of a marked person, hashed as in ``party_key`` and ``voucher_key``."""

    __tablename__ = "marked_key"
    __table_args__ = (Index(None, "mark_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    mark_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("marked_person.id"), primary_key=True, autoincrement=False
    )
