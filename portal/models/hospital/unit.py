"""The hospital: unit, departments, points, and the catalogues that finance and the hospital keep."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class Unit(Base):
    """开票单位. ``code`` is public: it stands in the hospital code ``/h/<code>``."""

    __tablename__ = "unit"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    short_name: Mapped[str] = mapped_column(String(60))
    credit_code: Mapped[str] = mapped_column(String(20))
    region_code: Mapped[str] = mapped_column(String(6))
    org_type: Mapped[str] = mapped_column(String(60), default="综合医院")
    desk_place: Mapped[str] = mapped_column(String(60), default="")
    desk_phone: Mapped[str] = mapped_column(String(40), default="")
    desk_hours: Mapped[str] = mapped_column(String(60), default="")
    seal_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Id, name and hash of the unit's seal, and of the seal of supervision (监制章), as finance has given them; they
    stand in every bill that is signed."""
    seal_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    seal_hash: Mapped[str] = mapped_column(String(128), default="", server_default="")
    supervision_seal_id: Mapped[str] = mapped_column(String(64), default="", server_default="")
    supervision_seal_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    supervision_seal_hash: Mapped[str] = mapped_column(String(128), default="", server_default="")


class Department(Base):
    """业务科室. ``general_name`` replaces a sensitive department's name outside the bill itself."""

    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("unit_id", "code"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(200))
    general_name: Mapped[str] = mapped_column(String(60), default="")


class Point(Base):
    """开票点. ``kind``: window, kiosk, online, emergency."""

    __tablename__ = "point"
    __table_args__ = (
        UniqueConstraint("unit_id", "code"),
        CheckConstraint("kind IN ('window', 'kiosk', 'online', 'emergency')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(12), default="window")
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class BillKind(Base):
    """票据种类, as finance grants it: the first six digits of the bill code, name, face, specimen.

    ``paper_prefix``: the kind of paper form that it is exchanged to; empty when there is none.
    """

    __tablename__ = "bill_kind"
    __table_args__ = (
        CheckConstraint("form IN ('outpatient', 'inpatient', 'general', 'donation', 'voucher', 'paper')", name="form"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    prefix: Mapped[str] = mapped_column(String(6), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    form: Mapped[str] = mapped_column(String(12))
    specimen_code: Mapped[str] = mapped_column(String(20))
    paper_prefix: Mapped[str] = mapped_column(String(6), default="", server_default="")


class ChargeItem(Base):
    """收费项目对照: the hospital's charge code → the fiscal item that is printed and reported."""

    __tablename__ = "charge_item"
    __table_args__ = (UniqueConstraint("unit_id", "code"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    fiscal_code: Mapped[str] = mapped_column(String(30))
    fiscal_name: Mapped[str] = mapped_column(String(200))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    low_fen: Mapped[int | None] = mapped_column(BigInteger)
    high_fen: Mapped[int | None] = mapped_column(BigInteger)
    """Bounds of one charge line; outside of them the bill keeps a warning."""


class IncomeItem(Base):
    """收入项目, as finance sends them; read only here."""

    __tablename__ = "income_item"

    code: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PointKind(Base):
    """允许票种 of a point. A point without any row may issue every kind."""

    __tablename__ = "point_kind"

    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"), primary_key=True)
    kind_id: Mapped[int] = mapped_column(ForeignKey("bill_kind.id"), primary_key=True)


class Reviewer(Base):
    """复核人 whose names stand on bills."""

    __tablename__ = "reviewer"
    __table_args__ = (UniqueConstraint("unit_id", "code"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class InsuranceType(Base):
    """医保类型: code and the name that is printed."""

    __tablename__ = "insurance_type"

    code: Mapped[str] = mapped_column(String(4), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
