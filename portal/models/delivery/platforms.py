"""Outside platforms: their tokens, what they pushed to us, whom they can reach, cards in card packs, consent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime

CARD_STATES = ("offered", "authorised", "handed_over", "inserted", "cancelled", "refused", "failed")
"""handed_over: authorised here, inserted by the finance bureau's platform (mode A)."""
BINDING_STATES = ("active", "stale", "revoked")


def _among(column: str, values: tuple[str, ...]) -> str:
    return "{} IN ({})".format(column, ", ".join(f"'{value}'" for value in values))


class PlatformToken(Base):
    """A short-lived credential shared by all processes where there is no Redis. ``value`` is sealed.

    ``leased_by`` may fetch the next one until ``leased_until``; the others wait for what it brings.
    """

    __tablename__ = "platform_token"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_by: Mapped[str] = mapped_column(String(40))
    leased_until: Mapped[datetime] = mapped_column(UtcDateTime)


class PlatformInbox(Base):
    """What a platform pushed to us: written before it is answered, done later. ``digest`` makes a repeat one row."""

    __tablename__ = "platform_inbox"
    __table_args__ = (Index(None, "source", "digest", unique=True), Index(None, "received_at"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(20))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed; removed a month after it was done."""
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PlatformNonce(Base):
    """(timestamp, nonce) of pushes that were accepted, while their timestamp would still be."""

    __tablename__ = "platform_nonce"
    __table_args__ = (Index(None, "expires_at"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChannelBinding(Base):
    """A person's account at a platform, proved once by a code to the phone that the hospital knows.

    The person is what retrieval identifies: keyed hashes of a number and of the name. ``subject`` is the openid or
    Alipay user, sealed; ``subject_kind``: openid, or user_id at Alipay (never mixed).
    """

    __tablename__ = "channel_binding"
    __table_args__ = (
        CheckConstraint(_among("state", BINDING_STATES), name="state"),
        CheckConstraint("platform IN ('wechat', 'mini', 'alipay')", name="platform"),
        Index(None, "platform", "subject_digest", "number_digest", unique=True),
        Index(None, "number_digest"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    platform: Mapped[str] = mapped_column(String(8))
    appid: Mapped[str] = mapped_column(String(40))
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    subject_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    subject_kind: Mapped[str] = mapped_column(String(8))
    number_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    name_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    verified_by: Mapped[str] = mapped_column(String(20))
    verified_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(8))
    state_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MessagePermission(Base):
    """How many messages of a template a person has allowed: +1 on accept, −1 on a send, 0 on a refusal."""

    __tablename__ = "message_permission"
    __table_args__ = (CheckConstraint("remaining >= 0", name="remaining"),)

    subject_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    template: Mapped[str] = mapped_column(String(64), primary_key=True)
    remaining: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MiniLogin(Base):
    """Which mini-program user a patient session belongs to; goes with the session."""

    __tablename__ = "mini_login"
    __table_args__ = (Index(None, "expires_at"),)

    session_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BillCard(Base):
    """One order to put a bill into a card pack. A refused order is dead for ever, so a new try has a new row."""

    __tablename__ = "bill_card"
    __table_args__ = (
        CheckConstraint(_among("state", CARD_STATES), name="state"),
        CheckConstraint("platform IN ('wechat', 'alipay')", name="platform"),
        Index(None, "bill_id", "platform", "try_no", unique=True),
        Index(None, "state", "state_at"),
        Index(None, "card_code"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    platform: Mapped[str] = mapped_column(String(8))
    try_no: Mapped[int] = mapped_column(SmallInteger)
    order_id: Mapped[str] = mapped_column(String(40), unique=True)
    state: Mapped[str] = mapped_column(String(12))
    state_at: Mapped[datetime] = mapped_column(UtcDateTime)
    subject: Mapped[bytes | None] = mapped_column(LargeBinary)
    card_code: Mapped[str] = mapped_column(String(64))
    """The card's code (WeChat) or its address (Alipay); empty when the platform never told."""
    reimburse: Mapped[str] = mapped_column(String(12))
    """'', lock or closure: what the platform says of its reimbursement."""
    reason: Mapped[str] = mapped_column(String(300))
    whole: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether its PDF has list pages and data file; else it is the face alone."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Consent(Base):
    """A person's own consent that we hand something to another party: which text, when, by which page."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "bill_id", "purpose"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    text_version: Mapped[str] = mapped_column(String(20))
    given_by: Mapped[str] = mapped_column(String(80))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
