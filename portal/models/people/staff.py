"""Staff: accounts with roles and points, sessions, submitted forms, kept inputs, four-eyes approvals, parameters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class StaffAccount(Base):
    """用户. ``password`` is an Argon2id hash, ``totp`` the sealed secret of the second factor.

    ``totp_step`` is the last time step that was accepted: a code is good once. ``failures`` counts wrong passwords
    since the last right one; ``locked_until`` in the far future means that another administrator must unlock.
    """

    __tablename__ = "staff_account"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    username: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    password: Mapped[str] = mapped_column(String(200))
    password_at: Mapped[datetime] = mapped_column(UtcDateTime)
    past_passwords: Mapped[list[str]] = mapped_column(JSON)
    must_change: Mapped[bool] = mapped_column(Boolean)
    totp: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    active: Mapped[bool] = mapped_column(Boolean)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StaffRole(Base):
    """角色 of an account; what a role may do stands in ``portal/access/permissions.py``."""

    __tablename__ = "staff_role"

    account_id: Mapped[int] = mapped_column(ForeignKey("staff_account.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(24), primary_key=True)


class StaffPoint(Base):
    """挂接开票点: where an account may work."""

    __tablename__ = "staff_point"

    account_id: Mapped[int] = mapped_column(ForeignKey("staff_account.id"), primary_key=True)
    point_id: Mapped[int] = mapped_column(ForeignKey("point.id"), primary_key=True)


class StaffSession(Base):
    """One signed-in browser. The cookie carries a random id, the table its keyed hash. ``factors``: 1 or 2."""

    __tablename__ = "staff_session"
    __table_args__ = (Index(None, "account_id"), Index(None, "seen_at"))

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("staff_account.id"))
    factors: Mapped[int] = mapped_column(SmallInteger)
    point_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"))
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(160))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FormReceipt(Base):
    """A form that was submitted: its one-time token is good for one act. ``location``: where the act led."""

    __tablename__ = "form_receipt"
    __table_args__ = (Index(None, "at"),)

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("staff_account.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    location: Mapped[str | None] = mapped_column(String(500))


class KeptInput(Base):
    """What a person typed that may stand in no address: a search, a filter by payer. ``place``: the page it belongs to.

    ``digest`` is the keyed hash of the key that stands in the address instead; the input is sealed under it.
    """

    __tablename__ = "kept_input"
    __table_args__ = (Index(None, "account_id", "place"), Index(None, "expires_at"))

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("staff_account.id"))
    place: Mapped[str] = mapped_column(String(200))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Approval(Base):
    """复核: one act that needs a second person. ``payload`` holds ids and figures, never personal data in clear."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'approved', 'refused', 'withdrawn', 'failed')", name="state"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by OR state = 'withdrawn'", name="four_eyes"),
        Index(None, "unit_id", "state", "requested_at"),
        Index(None, "kind", "object_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    summary: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(10))
    requested_by: Mapped[str] = mapped_column(String(80))
    requester: Mapped[str] = mapped_column(String(100))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decider: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opinion: Mapped[str] = mapped_column(String(300))
    outcome: Mapped[str] = mapped_column(String(300))
    """What the act said when it ran, or why it could not."""


class Parameter(Base):
    """参数 that differs from its default (``portal/access/parameters.py`` has the catalogue)."""

    __tablename__ = "parameter"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
