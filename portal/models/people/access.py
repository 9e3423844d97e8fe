"""Who may speak to us: HIS accounts with their mapping tables; patients' sessions, codes and counted attempts."""

from __future__ import annotations

from datetime import datetime

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
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class HisAccount(Base):
    """接口账号. ``key`` is sealed; ``policies`` are the switches of its checks (refuse, warn, ignore) and ways.

    ``kind``: ``his``, or ``console`` for the one account of a unit that owns the serials of the issuing desk."""

    __tablename__ = "his_account"
    __table_args__ = (
        CheckConstraint("kind IN ('his', 'console')", name="kind"),
        Index(
            "ix_his_account_console",
            "unit_id",
            unique=True,
            sqlite_where=text("kind = 'console'"),
            postgresql_where=text("kind = 'console'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    appid: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    earlier_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The sealed key before it, accepted until somebody ends it: a HIS changes its key without a pause."""
    earlier_key_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a call was last signed with it, to about :data:`portal.access.his.keys.NOTED_EVERY`."""
    key_unseen: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    """A new key may be looked at once."""
    policies: Mapped[dict[str, str]] = mapped_column(JSON)
    kind: Mapped[str] = mapped_column(String(8), default="his", server_default="his")
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class HisMapping(Base):
    """对照表 of an account. ``table``: bus_type, channel, card_type, place, paper."""

    __tablename__ = "his_mapping"

    account_id: Mapped[int] = mapped_column(ForeignKey("his_account.id"), primary_key=True)
    table: Mapped[str] = mapped_column("table_name", String(12), primary_key=True)
    sent_code: Mapped[str] = mapped_column(String(50), primary_key=True)
    our_code: Mapped[str] = mapped_column(String(50))


class PatientSession(Base):
    """What one browser has proved. The cookie carries a random id, the table its keyed hash; nothing else."""

    __tablename__ = "patient_session"
    __table_args__ = (Index(None, "expires_at"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    level: Mapped[int] = mapped_column(SmallInteger)
    claim: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed JSON: what was typed (kind, number digest, name digest) and what was proved (party keys, bill ids)."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OneTimeCode(Base):
    """A code sent by SMS: bound to session, purpose and phone; once; five tries; five minutes."""

    __tablename__ = "one_time_code"
    __table_args__ = (Index(None, "session_digest"), Index(None, "expires_at"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    session_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    purpose: Mapped[str] = mapped_column(String(20))
    code_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed phone that it was sent to; empty when nobody matched. Written by the task that sends, until it is used."""
    code: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed code for the sender; removed once sent."""
    claim: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed JSON of whom a consent is asked from (purpose ``consent``); removed once used."""
    tries: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AttemptCount(Base):
    """Counted attempts per bucket and window, where there is no Redis (limits never fall open)."""

    __tablename__ = "attempt_count"
    __table_args__ = (Index(None, "window_end"),)

    bucket: Mapped[str] = mapped_column(String(80), primary_key=True)
    window_end: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
