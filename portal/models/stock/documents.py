"""Documents of the stock: each is one act on numbers, with its states; the numbers' own story is the ledger's."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.states.stock import (
    PENDING,
    AlarmRule,
    ApplicationState,
    DestructionState,
    ReceiptState,
    ReturnState,
    SlipState,
    VoidCategory,
    VoidState,
)
from portal.models.base import Base, BigKey, UtcDateTime


def _in(column: str, values: object) -> str:
    return "{} IN ({})".format(column, ", ".join(f"'{value}'" for value in values))  # type: ignore[attr-defined]


PENDING_ONLY = text(_in("state", PENDING))
STANDING_ONLY = text("cleared_at IS NULL")


class StockCounter(Base):
    """The last number given to a document of one sort on one day (``BF20261124``)."""

    __tablename__ = "stock_counter"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class StockApplication(Base):
    """票据申领: numbers of one kind asked of finance. ``revision`` counts the reports; finance knows each by its own
    ApplyNo. ``sent_at``: when the report may first have left the house. One a code may be pending at a time."""

    __tablename__ = "stock_application"
    __table_args__ = (
        CheckConstraint(_in("state", ApplicationState), name="state"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index(
            "uq_stock_application_pending",
            "unit_id",
            "bill_code",
            unique=True,
            sqlite_where=PENDING_ONLY,
            postgresql_where=PENDING_ONLY,
        ),
        Index(None, "unit_id", "made_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    revision: Mapped[int] = mapped_column(Integer)
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    made_by: Mapped[str] = mapped_column(String(80))
    made_name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approved: Mapped[int | None] = mapped_column(Integer)
    opinion: Mapped[str] = mapped_column(String(500))
    reviewer: Mapped[str] = mapped_column(String(100))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockReceipt(Base):
    """票据入库: a segment that finance granted (or opening stock), before and after its confirmation.

    ``finance_id`` is finance's id of the segment; ``problem`` says why it was refused. The numbers exist here only
    when it is ``confirmed``: then ``segment_id`` names them.
    """

    __tablename__ = "stock_receipt"
    __table_args__ = (
        CheckConstraint("source IN ('application', 'opening', 'push')", name="source"),
        CheckConstraint(_in("state", ReceiptState), name="state"),
        CheckConstraint("(state = 'confirmed') = (segment_id IS NOT NULL)", name="segment"),
        UniqueConstraint("unit_id", "finance_id"),
        UniqueConstraint("segment_id"),
        Index(None, "unit_id", "arrived_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    source: Mapped[str] = mapped_column(String(12))
    application_id: Mapped[int | None] = mapped_column(ForeignKey("stock_application.id"))
    finance_id: Mapped[str | None] = mapped_column(String(40))
    agency: Mapped[str] = mapped_column(String(20))
    bill_code: Mapped[str] = mapped_column(String(8))
    kind_id: Mapped[int | None] = mapped_column(ForeignKey("bill_kind.id"))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)
    issued_on: Mapped[date | None] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(12))
    problem: Mapped[str] = mapped_column(String(300))
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("number_segment.id"))
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(80))
    decided_name: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockSlip(Base):
    """票据分发: numbers for one point. ``first`` only when the run was chosen by hand; what was handed out is in the
    ledger of movements and in ``number_range`` under the slip's number."""

    __tablename__ = "stock_slip"
    __table_args__ = (
        CheckConstraint(_in("state", SlipState), name="state"),
        CheckConstraint("count > 0", name="count"),
        Index(None, "unit_id", "made_at"),
        Index(None, "point_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    point_name: Mapped[str] = mapped_column(String(100))
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    count: Mapped[int] = mapped_column(BigInteger)
    first: Mapped[int | None] = mapped_column(BigInteger)
    taker: Mapped[str] = mapped_column(String(100))
    automatic: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(12))
    made_by: Mapped[str] = mapped_column(String(80))
    made_name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    handed_name: Mapped[str] = mapped_column(String(100))
    handed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_name: Mapped[str] = mapped_column(String(100))
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_name: Mapped[str] = mapped_column(String(100))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockReturn(Base):
    """票据申退: unused unit stock given back to finance. The numbers leave when it is reported, and come back when
    finance refuses it."""

    __tablename__ = "stock_return"
    __table_args__ = (
        CheckConstraint(_in("state", ReturnState), name="state"),
        CheckConstraint("first <= last", name="bounds"),
        Index(None, "unit_id", "made_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    opinion: Mapped[str] = mapped_column(String(500))
    made_by: Mapped[str] = mapped_column(String(80))
    made_name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockVoid(Base):
    """作废: unit stock (``stock``, 库存作废) or blank forms at a point (``blank``, 空白票报损), by range.

    ``waiting`` for a second person → ``done`` or ``refused``. Numbers move only when it is done.
    """

    __tablename__ = "stock_void"
    __table_args__ = (
        CheckConstraint(_in("category", VoidCategory), name="category"),
        CheckConstraint("(category = 'blank') = (point_id IS NOT NULL)", name="point"),
        CheckConstraint(_in("state", VoidState), name="state"),
        CheckConstraint("first <= last", name="bounds"),
        Index(None, "unit_id", "made_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    category: Mapped[str] = mapped_column(String(8))
    point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(8))
    made_by: Mapped[str] = mapped_column(String(80))
    made_name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_name: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockDestruction(Base):
    """票据销毁: what became of void forms on paper. It moves no number: only void ones (``stock``) or written-off used
    ones (``used``) may be destroyed, each once."""

    __tablename__ = "stock_destruction"
    __table_args__ = (
        CheckConstraint("category IN ('used', 'stock')", name="category"),
        CheckConstraint(_in("state", DestructionState), name="state"),
        CheckConstraint("first <= last", name="bounds"),
        Index(None, "unit_id", "made_at"),
        Index(None, "bill_code", "first"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    no: Mapped[str] = mapped_column(String(24), unique=True)
    category: Mapped[str] = mapped_column(String(8))
    bill_code: Mapped[str] = mapped_column(String(8))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(200))
    witness: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(12))
    made_by: Mapped[str] = mapped_column(String(80))
    made_name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_name: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StockRule(Base):
    """预警线和自动补票: below ``low`` numbers a place warns; a point with ``lot`` > 0 is handed that many by itself.

    ``place``: ``unit`` or a point's id.
    """

    __tablename__ = "stock_rule"
    __table_args__ = (
        CheckConstraint("low >= 0 AND lot >= 0", name="amounts"),
        CheckConstraint("(place = 'unit') = (point_id IS NULL) AND (lot = 0 OR point_id IS NOT NULL)", name="place"),
        UniqueConstraint("unit_id", "kind_id", "place"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    place: Mapped[str] = mapped_column(String(20))
    point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    low: Mapped[int] = mapped_column(BigInteger)
    lot: Mapped[int] = mapped_column(BigInteger)


class StockAlarm(Base):
    """预警: raised once, standing until its cause is gone or a person has dealt with it.

    ``rule``: a value of :class:`AlarmRule`.
    """

    __tablename__ = "stock_alarm"
    __table_args__ = (
        CheckConstraint(_in("rule", AlarmRule), name="rule"),
        Index(
            "uq_stock_alarm_standing",
            "unit_id",
            "rule",
            "subject",
            unique=True,
            sqlite_where=STANDING_ONLY,
            postgresql_where=STANDING_ONLY,
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    rule: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(String(300))
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cleared_by: Mapped[str] = mapped_column(String(100))


class StockReconcile(Base):
    """One comparison of our stock with finance's (9206): what differed, by code."""

    __tablename__ = "stock_reconcile"
    __table_args__ = (Index(None, "unit_id", "as_of"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    equal: Mapped[bool] = mapped_column(Boolean)
    differences: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
