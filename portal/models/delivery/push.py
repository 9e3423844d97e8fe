"""Push targets: receivers of bill events over HTTP (the HIS, the hospital's APP, a bank's APP)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, BigKey, UtcDateTime


class PushTarget(Base):
    """One receiver. It is a channel of delivery under its ``code`` (``app``, ``app-2`` …). Never deleted, only off.

    ``key`` signs, sealed; ``next_key`` is the one that will, good beside it until somebody changes over.
    ``events``: what it wants to hear; ``fields``: our field → the receiver's name for it, "" to leave it out.
    ``consent``: of a third party, where its patients' own consent is kept (PIPL 23); empty: the hospital's own.
    """

    __tablename__ = "push_target"
    __table_args__ = (UniqueConstraint("unit_id", "code"), Index(None, "key_id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    code: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(40))
    url: Mapped[str] = mapped_column(String(300))
    active: Mapped[bool] = mapped_column(Boolean)
    key_id: Mapped[str] = mapped_column(String(40))
    key: Mapped[bytes] = mapped_column(LargeBinary)
    next_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_unseen: Mapped[bool] = mapped_column(Boolean)
    """The newest key may be looked at once."""
    events: Mapped[list[str]] = mapped_column(JSON)
    fields: Mapped[dict[str, str]] = mapped_column(JSON)
    receipts: Mapped[bool] = mapped_column(Boolean)
    """Whether it tells us later what became of an event."""
    tries: Mapped[int] = mapped_column(SmallInteger)
    """How often an event is tried before it is a dead letter."""
    consent: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
