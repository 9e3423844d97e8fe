"""Documents of the stock: each is one act on numbers, with its states; the numbers' own story is the ledger's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class StockCounter(Base):
    """The last number given to a document of one sort on one day (``BF20261124``)."""

    __tablename__ = "stock_counter"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    last: Mapped[int] = mapped_column(Integer)


class StockVoid(Base):
    """作废: unit stock (``stock``, 库存作废) or blank forms at a point (``blank``, 空白票报损), by range.

    ``waiting`` for a second person → ``done`` or ``refused``. Numbers move only when it is done.
    """

    __tablename__ = "stock_void"
    __table_args__ = (
        CheckConstraint("category IN ('stock', 'blank')", name="category"),
        CheckConstraint("(category = 'blank') = (point_id IS NOT NULL)", name="point"),
        CheckConstraint("state IN ('waiting', 'done', 'refused')", name="state"),
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
