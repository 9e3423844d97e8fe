"""Deliveries, their attempts channel by channel, what a person has stopped, and channels that stand still."""

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
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.states.delivery import AttemptState, DeliveryState, Purpose
from portal.models.base import Base, UtcDateTime


def _one_of(column: str, values: Any) -> str:
    return "{} IN ({})".format(column, ", ".join(f"'{value}'" for value in values))


class Delivery(Base):
    """One message to one person, whatever channels it takes: about a bill or voucher, a family link, a request, a code.

    ``policy`` is the order of channels when it began; ``step`` is the next one to start. ``recipient`` is the sealed
    address when somebody named one; empty: each channel finds the patient's own.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("object_kind", "object_id", "purpose", "version", "recipient_digest", name="uq_delivery_once"),
        CheckConstraint("object_kind IN ('bill', 'voucher', 'family', 'request', 'code', 'phone')", name="object_kind"),
        CheckConstraint(_one_of("purpose", Purpose), name="purpose"),
        CheckConstraint(_one_of("state", DeliveryState), name="state"),
        Index(None, "unit_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    object_kind: Mapped[str] = mapped_column(String(8))
    object_id: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(SmallInteger)
    recipient: Mapped[bytes | None] = mapped_column(LargeBinary)
    recipient_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    policy: Mapped[list[list[Any]]] = mapped_column(JSON)
    """``[[channel, seconds to wait], …]``"""
    step: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(300))
    asked_by: Mapped[str] = mapped_column(String(80))
    whole: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether whoever asked may have a bill's list pages and data file; else a PDF is the face alone."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryAttempt(Base):
    """One message on one channel. ``effect`` is unique over everything: bill, purpose, version, channel, address.

    ``our_ref`` is told to the provider with every try; ``tries`` counts calls, ``blind`` those repeated without
    knowing; ``next_at`` is when it may be tried, asked about, or is given up for want of a receipt.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        UniqueConstraint("effect"),
        UniqueConstraint("our_ref"),
        CheckConstraint(_one_of("state", AttemptState), name="state"),
        Index(None, "delivery_id"),
        Index(None, "joined_id"),
        Index(None, "channel", "their_ref"),
        Index(None, "state", "next_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"))
    step: Mapped[int] = mapped_column(SmallInteger)
    channel: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(20))
    effect: Mapped[bytes] = mapped_column(LargeBinary(32))
    recipient: Mapped[bytes | None] = mapped_column(LargeBinary)
    recipient_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    masked: Mapped[str] = mapped_column(String(60))
    our_ref: Mapped[str] = mapped_column(String(32))
    their_ref: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(12))
    result_class: Mapped[str] = mapped_column(String(10))
    code: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(String(300))
    tries: Mapped[int] = mapped_column(Integer)
    blind: Mapped[int] = mapped_column(SmallInteger)
    asked: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its person had read it, where the receiver says so."""
    joined_id: Mapped[int | None] = mapped_column(BigInteger)
    """The attempt whose message tells of this bill, too (state ``joined``)."""


class DeliveryStop(Base):
    """不是我: nothing more goes to this address on this channel from this unit until staff have cleared it."""

    __tablename__ = "delivery_stop"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    recipient_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    masked: Mapped[str] = mapped_column(String(60))
    attempt_id: Mapped[int] = mapped_column(ForeignKey("delivery_attempt.id"))
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChannelPause(Base):
    """A channel of a unit that stands still because its set-up is wrong; its queue is kept until it is resumed."""

    __tablename__ = "channel_pause"

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    code: Mapped[str] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(String(300))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
