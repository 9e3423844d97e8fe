"""Companies that fetch the bills issued to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class CompanyAccount(Base):
    """单位账户: one phone that may see one company's bills at a unit, until its time is over or it is revoked.

    ``content`` is sealed JSON: the company's name and credit code, contact, phone, the document the desk has seen. The
    digests are those of ``bill_party`` and ``party_key``, so that bills are found by the company's name and code."""

    __tablename__ = "company_account"
    __table_args__ = (Index(None, "unit_id", "created_at"), Index(None, "phone_digest"), Index(None, "number_digest"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    number_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(80))
