"""The ledger: a bill, its lines, payments, parties and documents. Immutable from its signature on.

Child rows name their bill by a foreign key that is checked at commit, so that they can be written before the
number is taken and the range row is locked as briefly as possible.
"""

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
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.states.bills import BillState
from portal.models.base import Base, UtcDateTime


def _of_bill(primary: bool = True) -> Mapped[int]:
    return mapped_column(
        BigInteger,
        ForeignKey("bill.id", deferrable=True, initially="DEFERRED"),
        primary_key=primary,
        autoincrement=False,
    )


_OPEN = "state IN ('issued', 'uploaded', 'refused')"


class Bill(Base):
    """电子票据. Money in fen; ``number`` without leading zeros (printed with ten digits).

    ``content`` holds one short keyed digest per part of the settlement, to tell a repeated push from a conflicting
    one and to name the part that differs. ``link_digest`` is the keyed hash of the bill link's token, made under
    ``link_key``; ``earlier_link_digest`` that of the token under the key before it, while both were in force.
    """

    __tablename__ = "bill"
    __table_args__ = (
        UniqueConstraint("bill_code", "number"),
        UniqueConstraint("account_id", "serial"),
        CheckConstraint(
            "(red_of_id IS NULL AND total_fen >= 0) OR (red_of_id IS NOT NULL AND total_fen <= 0)", name="red"
        ),
        CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in BillState)), name="state"),
        CheckConstraint("payer_kind IN ('1', '2')", name="payer_kind"),
        Index(None, "unit_id", "business_day"),
        Index(None, "point_id", "issued_at"),
        Index(None, "issued_at"),
        Index(None, "earlier_link_digest", unique=True),
        Index(None, "check_code"),
        Index("ix_bill_open", "unit_id", "state_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("his_account.id"))
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"))
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"))
    range_id: Mapped[int] = mapped_column(ForeignKey("number_range.id"))
    serial: Mapped[str] = mapped_column(String(50))
    scene: Mapped[str] = mapped_column(String(16))
    bill_code: Mapped[str] = mapped_column(String(8))
    number: Mapped[int] = mapped_column(BigInteger)
    check_code: Mapped[str] = mapped_column(String(6))
    title: Mapped[str] = mapped_column(String(100))
    payer_kind: Mapped[str] = mapped_column(String(1))
    total_fen: Mapped[int] = mapped_column(BigInteger)
    fund_fen: Mapped[int] = mapped_column(BigInteger)
    other_fund_fen: Mapped[int] = mapped_column(BigInteger)
    account_fen: Mapped[int] = mapped_column(BigInteger)
    own_cash_fen: Mapped[int] = mapped_column(BigInteger)
    own_cost_fen: Mapped[int] = mapped_column(BigInteger)
    self_pay_fen: Mapped[int] = mapped_column(BigInteger)
    business_at: Mapped[datetime] = mapped_column(UtcDateTime)
    business_day: Mapped[date] = mapped_column(Date)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    department: Mapped[str] = mapped_column(String(200))
    department_code: Mapped[str] = mapped_column(String(100))
    insurance_type: Mapped[str] = mapped_column(String(60))
    cashier: Mapped[str] = mapped_column(String(100))
    checker: Mapped[str] = mapped_column(String(100))
    circulating: Mapped[bool] = mapped_column(Boolean)
    red_of_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"), unique=True)
    content: Mapped[dict[str, str]] = mapped_column(JSON)
    warnings: Mapped[list[str]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(12))
    state_at: Mapped[datetime] = mapped_column(UtcDateTime)
    link_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    link_generation: Mapped[int] = mapped_column(SmallInteger)
    link_key: Mapped[str] = mapped_column(String(1), server_default="A")
    earlier_link_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))


class BillReplacement(Base):
    """The bill that was issued instead of another, as its HIS said in the push, or a person by 重开."""

    __tablename__ = "bill_replacement"
    __table_args__ = (Index(None, "replaced_id"),)

    bill_id: Mapped[int] = _of_bill()
    replaced_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))


class BillItem(Base):
    """收费项目 of a bill: fiscal code and name, and the hospital's own."""

    __tablename__ = "bill_item"

    bill_id: Mapped[int] = _of_bill()
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    fiscal_code: Mapped[str] = mapped_column(String(50))
    fiscal_name: Mapped[str] = mapped_column(String(200))
    charge_code: Mapped[str] = mapped_column(String(50))
    charge_name: Mapped[str] = mapped_column(String(100))
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    self_fen: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(20))
    price_micro: Mapped[int | None] = mapped_column(BigInteger)
    quantity_micro: Mapped[int | None] = mapped_column(BigInteger)
    remark: Mapped[str] = mapped_column(String(200))


class BillDetail(Base):
    """清单明细 of a bill; amounts, prices, quantities in millionths."""

    __tablename__ = "bill_detail"

    bill_id: Mapped[int] = _of_bill()
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    charge_code: Mapped[str] = mapped_column(String(50))
    charge_name: Mapped[str] = mapped_column(String(100))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    spec: Mapped[str] = mapped_column(String(120))
    unit: Mapped[str] = mapped_column(String(20))
    price_micro: Mapped[int | None] = mapped_column(BigInteger)
    quantity_micro: Mapped[int | None] = mapped_column(BigInteger)
    amount_micro: Mapped[int] = mapped_column(BigInteger)
    self_micro: Mapped[int] = mapped_column(BigInteger)
    insurance_class: Mapped[str] = mapped_column(String(1))
    remark: Mapped[str] = mapped_column(String(200))


class BillPayment(Base):
    """缴费渠道 of a bill."""

    __tablename__ = "bill_payment"

    bill_id: Mapped[int] = _of_bill()
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(20))
    sent_code: Mapped[str] = mapped_column(String(20))
    amount_fen: Mapped[int] = mapped_column(BigInteger)


class BillParty(Base):
    """The payer and patient of a bill. Every value is sealed (field name and bill id as associated data)."""

    __tablename__ = "bill_party"

    bill_id: Mapped[int] = _of_bill()
    name: Mapped[bytes] = mapped_column(LargeBinary)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    identity: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed JSON of the other identity fields (id type and number, cards, e-mail, patient numbers)."""


class BillPurpose(Base):
    """What a bill of class 04 (往来) or 05 (捐赠) is for. ``category``: 押金 保证金 代收 暂收, or 货币 实物."""

    __tablename__ = "bill_purpose"

    bill_id: Mapped[int] = _of_bill()
    category: Mapped[str] = mapped_column(String(8))
    counterparty: Mapped[str] = mapped_column(String(200))
    basis: Mapped[str] = mapped_column(String(200))
    project: Mapped[str] = mapped_column(String(200))
    currency: Mapped[str] = mapped_column(String(3))
    original_micro: Mapped[int | None] = mapped_column(BigInteger)
    rate_micro: Mapped[int | None] = mapped_column(BigInteger)


class PartyKey(Base):
    """Blind index: under which numbers a bill can be found. ``digest`` is HMAC-SM3 of kind and normalised number."""

    __tablename__ = "party_key"
    __table_args__ = (Index(None, "bill_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    bill_id: Mapped[int] = _of_bill()
    kind: Mapped[str] = mapped_column(String(12))


class VisitKey(Base):
    """Blind index of the staff's search: the keyed hash of a visit's number (住院号, 就诊编号) → its bills.

    Apart from :class:`PartyKey`, because such a number proves nobody: a mother and her newborn may share one.
    """

    __tablename__ = "visit_key"
    __table_args__ = (Index(None, "bill_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    bill_id: Mapped[int] = _of_bill()


class BillDocument(Base):
    """The signed bytes exactly as they were and what the HIS sent (both compressed, sealed); the unit's signature."""

    __tablename__ = "bill_document"

    bill_id: Mapped[int] = _of_bill()
    signed: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    certificate_serial: Mapped[str] = mapped_column(String(64))
    sent: Mapped[bytes] = mapped_column(LargeBinary)


class Supervision(Base):
    """监制: finance's signature over the signed bytes and the unit's signature element."""

    __tablename__ = "supervision"

    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), primary_key=True, autoincrement=False)
    element: Mapped[bytes] = mapped_column(LargeBinary)
    """The serialised SupervisorPartySignature element as it stands in ``einvoice.xml``."""
    certificate_serial: Mapped[str] = mapped_column(String(64))
    supervised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
