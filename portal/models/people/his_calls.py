"""Calls of HISs that are remembered: those that were refused, and which method a signed text was for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class HisRefusal(Base):
    """A push that was refused, once for each reason however often it came; of what was sent only ``serial`` is kept.

    ``serial``: busNo, or code and number of the bill or sheet that was named. ``digest``: keyed hash of ``reason``.
    """

    __tablename__ = "his_refusal"
    __table_args__ = (
        UniqueConstraint("account_id", "method", "serial", "digest"),
        Index(None, "unit_id", "last_at"),
        Index(None, "unit_id", "serial"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("his_account.id"))
    method: Mapped[str] = mapped_column(String(60))
    serial: Mapped[str] = mapped_column(String(80))
    result: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(2000))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer)


class HisCall(Base):
    """Which method a signed text was sent to: the contract's signature does not say it. ``digest``: of that text."""

    __tablename__ = "his_call"
    __table_args__ = (Index(None, "expires_at"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    method: Mapped[str] = mapped_column(String(60))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
