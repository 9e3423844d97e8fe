"""The issuing desk: drafts, remembered payers, the catalogue with its price limits, batches from files."""

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
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class DeskDraft(Base):
    """草稿 of one person. ``content`` is the form as typed, sealed; it goes when the bill is there.

    ``pending`` is a form that arrived after its session had ended, kept sealed until its owner logs in again."""

    __tablename__ = "desk_draft"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'issued', 'discarded')", name="state"),
        Index(None, "unit_id", "owner", "state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    owner: Mapped[str] = mapped_column(String(80))
    scene: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    pending: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(12))
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KnownPayer(Base):
    """常用交款人. Everything about the person is sealed; found again by keyed hashes of name and number."""

    __tablename__ = "known_payer"
    __table_args__ = (UniqueConstraint("unit_id", "name_digest", "number_digest"), Index(None, "unit_id", "used_at"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(1))
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    number_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed JSON: name, id type and number, phone, e-mail."""
    uses: Mapped[int] = mapped_column(Integer)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CatalogueItem(Base):
    """收费明细: what is charged, on which 收费项目 it is billed, and the bounds of its price (标准上限/下限)."""

    __tablename__ = "catalogue_item"
    __table_args__ = (
        UniqueConstraint("unit_id", "code"),
        CheckConstraint("area IN ('medical', 'dealing', 'donation')", name="area"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    area: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    charge_code: Mapped[str] = mapped_column(String(50))
    unit: Mapped[str] = mapped_column(String(20))
    price_micro: Mapped[int | None] = mapped_column(BigInteger)
    low_micro: Mapped[int | None] = mapped_column(BigInteger)
    high_micro: Mapped[int | None] = mapped_column(BigInteger)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class MasterImport(Base):
    """A spreadsheet of master data that was read: ``rows``: number, texts by column name, mistakes."""

    __tablename__ = "master_import"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    owner: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    rows: Mapped[list[list[Any]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Batch(Base):
    """A checked file of bills 批量导入. ``point_code``, ``checker`` and ``cashier`` hold for all of its bills."""

    __tablename__ = "batch"
    __table_args__ = (
        CheckConstraint("state IN ('checked', 'running', 'paused', 'done', 'cancelled', 'discarded')", name="state"),
        Index(None, "unit_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    owner: Mapped[str] = mapped_column(String(80))
    point_code: Mapped[str] = mapped_column(String(50))
    cashier: Mapped[str] = mapped_column(String(100))
    checker: Mapped[str] = mapped_column(String(100))
    name: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed name of the file: people write names into it."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    columns: Mapped[list[str]] = mapped_column(JSON)
    rows: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_by: Mapped[str] = mapped_column(String(80))
    runs: Mapped[int] = mapped_column(Integer)
    """How often it was started: names the outbox task of each run."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BatchBill(Base):
    """One bill of a batch. ``content`` is sealed JSON: the rows as they stood in the file, their numbers, findings."""

    __tablename__ = "batch_bill"
    __table_args__ = (
        CheckConstraint("state IN ('bad', 'ready', 'issued', 'failed', 'cancelled')", name="state"),
        Index(None, "batch_id", "state"),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"), primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    serial: Mapped[str] = mapped_column(String(50))
    total_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(12))
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    repeated: Mapped[bool] = mapped_column(Boolean)
    """The serial had its bill, with the same content, before this batch came to it."""
