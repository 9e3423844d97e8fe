"""Who wants to be told when a bill that was opened early is there (offline link, "tell me when ready")."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class LinkWatch(Base):
    """One phone waiting for one link. The phone is sealed and removed with the message; kept a week at most."""

    __tablename__ = "link_watch"
    __table_args__ = (Index(None, "link_digest", "phone_digest", unique=True), Index(None, "created_at"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    link_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
