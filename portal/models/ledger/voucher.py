"""Prepayment vouchers and their ledger. Every row is written once; a balance is what the movements say.

The database itself refuses a movement whose balance does not follow from the one before or falls below zero
(migration 0007), so that no admission can ever owe its deposits.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.documents.voucher import Movement, VoucherForm, VoucherScene
from portal.models.base import Base, BigKey, UtcDateTime


def _one_of(column: str, values: type[Movement | VoucherForm | VoucherScene]) -> str:
    return "{} IN ({})".format(column, ", ".join(f"'{value}'" for value in values))


def _of_voucher() -> Mapped[int]:
    return mapped_column(
        BigInteger,
        ForeignKey("voucher.id", deferrable=True, initially="DEFERRED"),
        primary_key=True,
        autoincrement=False,
    )


class Voucher(Base):
    """预交金凭证: a deposit, a refund or a cancellation. ``amount_fen`` is positive; ``form`` gives the direction.

    The account is that of a HIS or the console's. ``hospital_digest`` and ``visit_digest`` are keyed hashes of
    hospitalNo and visitNo, by which an admission's vouchers are found together.
    """

    __tablename__ = "voucher"
    __table_args__ = (
        UniqueConstraint("code", "number"),
        UniqueConstraint("account_id", "serial"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint(_one_of("form", VoucherForm), name="form"),
        CheckConstraint(_one_of("scene", VoucherScene), name="scene"),
        CheckConstraint("(form = 'deposit') = (of_id IS NULL)", name="of"),
        Index(None, "unit_id", "business_day"),
        Index(None, "hospital_digest"),
        Index(None, "of_id"),
        Index(None, "issued_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("his_account.id"))
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    range_id: Mapped[int] = mapped_column(ForeignKey("number_range.id"))
    serial: Mapped[str] = mapped_column(String(80))
    form: Mapped[str] = mapped_column(String(12))
    scene: Mapped[str] = mapped_column(String(20))
    of_id: Mapped[int | None] = mapped_column(ForeignKey("voucher.id"))
    code: Mapped[str] = mapped_column(String(8))
    number: Mapped[int] = mapped_column(BigInteger)
    check_code: Mapped[str] = mapped_column(String(6))
    title: Mapped[str] = mapped_column(String(100))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    own_balance_fen: Mapped[int | None] = mapped_column(BigInteger)
    business_at: Mapped[datetime] = mapped_column(UtcDateTime)
    business_day: Mapped[date] = mapped_column(Date)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hospital_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    visit_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    department: Mapped[str] = mapped_column(String(200))
    department_code: Mapped[str] = mapped_column(String(100))
    cashier: Mapped[str] = mapped_column(String(100))
    author: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(200))
    remark: Mapped[str] = mapped_column(String(600))
    content: Mapped[dict[str, str]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    link_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    link_generation: Mapped[int] = mapped_column(SmallInteger)
    link_key: Mapped[str] = mapped_column(String(1))


class VoucherParty(Base):
    """The patient and payer of a deposit; every value is sealed (field name and voucher id as associated data)."""

    __tablename__ = "voucher_party"

    voucher_id: Mapped[int] = _of_voucher()
    name: Mapped[bytes] = mapped_column(LargeBinary)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    identity: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed JSON: documents and cards, admission numbers, who paid, the account the money came from."""
    sent: Mapped[bytes] = mapped_column(LargeBinary)
    """What the sender sent, compressed and sealed."""


class VoucherKey(Base):
    """Blind index: under which numbers a deposit can be found, as ``party_key`` for bills."""

    __tablename__ = "voucher_key"
    __table_args__ = (Index(None, "voucher_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    voucher_id: Mapped[int] = _of_voucher()
    kind: Mapped[str] = mapped_column(String(12))


class VoucherPayment(Base):
    """缴费渠道 of a voucher."""

    __tablename__ = "voucher_payment"

    voucher_id: Mapped[int] = _of_voucher()
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(20))
    sent_code: Mapped[str] = mapped_column(String(20))
    amount_fen: Mapped[int] = mapped_column(BigInteger)


class VoucherMovement(Base):
    """The ledger of a deposit: ``amount_fen`` with its sign, ``balance_fen`` after it, what caused it."""

    __tablename__ = "voucher_movement"
    __table_args__ = (
        CheckConstraint("balance_fen >= 0", name="balance"),
        CheckConstraint(_one_of("kind", Movement), name="kind"),
        CheckConstraint("(kind IN ('issued', 'released')) = (amount_fen > 0) AND amount_fen <> 0", name="sign"),
        CheckConstraint("(kind IN ('consumed', 'released')) = (bill_id IS NOT NULL)", name="bill"),
        CheckConstraint("(kind IN ('refunded', 'cancelled')) = (document_id IS NOT NULL)", name="document"),
        UniqueConstraint("voucher_id", "bill_id", "kind"),
        Index(None, "bill_id"),
        Index(None, "at"),
    )

    voucher_id: Mapped[int] = _of_voucher()
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(12))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    balance_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(80))
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id", deferrable=True, initially="DEFERRED"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("voucher.id", deferrable=True, initially="DEFERRED"))


class VoucherPaper(Base):
    """A printed sheet of a voucher. At most one is valid; a void one stays void.

    ``range_id`` and ``number``: where it was drawn from the unit's stock of voucher paper; empty for stationery.
    """

    __tablename__ = "voucher_paper"
    __table_args__ = (
        UniqueConstraint("paper_code", "paper_number"),
        Index(
            "uq_voucher_paper_valid",
            "voucher_id",
            unique=True,
            sqlite_where=text("void_at IS NULL"),
            postgresql_where=text("void_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("voucher.id"))
    paper_code: Mapped[str] = mapped_column(String(50))
    paper_number: Mapped[str] = mapped_column(String(20))
    printed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    printed_by: Mapped[str] = mapped_column(String(100))
    void_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_by: Mapped[str] = mapped_column(String(100), default="")
    void_reason: Mapped[str] = mapped_column(String(200), default="")
    range_id: Mapped[int | None] = mapped_column(ForeignKey("number_range.id"))
    number: Mapped[int | None] = mapped_column(BigInteger)


class SlipPrint(Base):
    """Every print of a notice slip or voucher sheet: the second one of an object says 补打 and its count."""

    __tablename__ = "slip_print"
    __table_args__ = (CheckConstraint("object_kind IN ('bill', 'voucher')", name="object_kind"), Index(None, "job"))

    object_kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    object_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    job: Mapped[int] = mapped_column(BigInteger)
    """What was printed together; opening the same PDF again is no new print."""
    place: Mapped[int] = mapped_column(Integer)
    paper: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(80))
