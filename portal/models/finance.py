"""The messages to finance."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class FinanceMessage(Base):
    """One message to finance: what was sent when, and what came back.

    ``bill_id`` is set for the upload of a bill and for questions about it, which are counted by ``attempt``; messages
    about stock, paper and bookings have none, and 0. ``subject`` is our key of what it is about (bill code and
    number, ApplyNo, segment id, return number). Rows whose ``message_id`` ends in ``-2`` were written when bills and
    stock had a log each and used the same id in one millisecond.
    """

    __tablename__ = "finance_message"
    __table_args__ = (Index(None, "bill_id"), UniqueConstraint("message_id"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    subject: Mapped[str] = mapped_column(String(40))
    message_no: Mapped[str] = mapped_column(String(8))
    message_id: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int] = mapped_column(Integer)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(String(16))
    result_code: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(500))
