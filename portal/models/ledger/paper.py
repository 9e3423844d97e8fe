"""Red bills and paper: why a bill was reversed, who has booked it, which sheet stands for it, where it is printed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.states.bills import PaperState, ReversalReason
from portal.models.base import Base, BigKey, UtcDateTime

_VALID = text("state = 'valid'")


def _one_of(column: str, values: type[PaperState | ReversalReason]) -> str:
    return "{} IN ({})".format(column, ", ".join(f"'{value.value}'" for value in values))


class Reversal(Base):
    """冲红 of a bill: its red bill, why, by whom, and who approved a large one."""

    __tablename__ = "reversal"
    __table_args__ = (
        CheckConstraint(_one_of("kind", ReversalReason), name="kind"),
        CheckConstraint("reason <> ''", name="reason"),
        Index(None, "point_id", "at"),
    )

    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), primary_key=True, autoincrement=False)
    red_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), unique=True)
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    operator: Mapped[str] = mapped_column(String(100))
    approver: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Booking(Base):
    """入账: a unit has booked the bill or a part of it; while one has, it may not be reversed."""

    __tablename__ = "booking"

    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), primary_key=True, autoincrement=False)
    booked_by: Mapped[str] = mapped_column(String(200), primary_key=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    voucher_no: Mapped[str] = mapped_column(String(50))
    booked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PaperBill(Base):
    """纸质票据: one numbered sheet that stands, or stood, for a bill. The database allows one valid sheet a bill."""

    __tablename__ = "paper_bill"
    __table_args__ = (
        UniqueConstraint("paper_code", "number"),
        CheckConstraint(_one_of("state", PaperState), name="state"),
        CheckConstraint("(state = 'valid') = (ended_at IS NULL)", name="ended"),
        Index("ix_paper_bill_valid", "bill_id", unique=True, sqlite_where=_VALID, postgresql_where=_VALID),
        Index(None, "bill_id"),
        Index(None, "point_id", "exchanged_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    range_id: Mapped[int] = mapped_column(ForeignKey("number_range.id"))
    paper_code: Mapped[str] = mapped_column(String(8))
    number: Mapped[int] = mapped_column(BigInteger)
    exchanged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(80))
    operator: Mapped[str] = mapped_column(String(100))
    printer_id: Mapped[int | None] = mapped_column(ForeignKey("printer.id"))
    prints: Mapped[int] = mapped_column(Integer)
    """How often the sheet's PDF was made; from the second on it says 补打."""
    state: Mapped[str] = mapped_column(String(9))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str] = mapped_column(String(100))
    ended_reason: Mapped[str] = mapped_column(String(200))
    approver: Mapped[str] = mapped_column(String(100))
    statement: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed: what the payer declares of a sheet that could not be taken back."""
    attachment: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed: its picture or PDF."""
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When finance knew of it (9305)."""
    end_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When finance knew of its end (9306)."""


class PaperCheck(Base):
    """The number on the sheet in the printer, read by the cashier at the first exchange of a shift."""

    __tablename__ = "paper_check"
    __table_args__ = (Index(None, "point_id", "actor", "business_day"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    actor: Mapped[str] = mapped_column(String(80))
    business_day: Mapped[date] = mapped_column(Date)
    paper_code: Mapped[str] = mapped_column(String(8))
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Printer(Base):
    """打印机 for paper forms with its calibration: how far the print is moved, in tenths of a millimetre."""

    __tablename__ = "printer"
    __table_args__ = (
        UniqueConstraint("unit_id", "name"),
        CheckConstraint("abs(offset_x) <= 500 AND abs(offset_y) <= 500", name="offset"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    name: Mapped[str] = mapped_column(String(60))
    offset_x: Mapped[int] = mapped_column(Integer)
    offset_y: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(Boolean)


class KioskDevice(Base):
    """自助机: a device account bound to one point. ``sheets`` left in its tray, ``calling`` since it needs staff."""

    __tablename__ = "kiosk_device"
    __table_args__ = (
        UniqueConstraint("unit_id", "name"),
        CheckConstraint("sheets >= 0", name="sheets"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    name: Mapped[str] = mapped_column(String(60))
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    printer_id: Mapped[int | None] = mapped_column(ForeignKey("printer.id"))
    sheets: Mapped[int] = mapped_column(Integer)
    calling: Mapped[datetime | None] = mapped_column(UtcDateTime)
    calling_why: Mapped[str] = mapped_column(String(60))
    active: Mapped[bool] = mapped_column(Boolean)
