"""What patients ask for and give: short-lived passes, fetch codes of slips, family and proxies, requests."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, UtcDateTime


class PatientPass(Base):
    """A random token that stands for some bills for a while: in a mail, for another browser, at a window.

    Only its keyed hash is kept. ``claim`` is sealed JSON of what it opens; ``bill_id`` the one bill of a mail;
    ``used_at`` when the proof that it carried was used up."""

    __tablename__ = "patient_pass"
    __table_args__ = (
        CheckConstraint("purpose IN ('mail', 'browser', 'window', 'share')", name="purpose"),
        Index(None, "expires_at"),
        Index(None, "bill_id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    purpose: Mapped[str] = mapped_column(String(8))
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    claim: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RememberedPhone(Base):
    """A browser that a patient, having proved who they are, asked us to remember; it opens their list until it ends.

    ``person`` is the keyed hash of unit, number and name, by which a person sees and ends all of theirs; ``claim`` is
    what was proved, sealed; ``place`` is what the browser seems to be, in a word."""

    __tablename__ = "remembered_phone"
    __table_args__ = (UniqueConstraint("digest"), Index(None, "person"), Index(None, "expires_at"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    person: Mapped[bytes] = mapped_column(LargeBinary(32))
    claim: Mapped[bytes] = mapped_column(LargeBinary)
    place: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PhoneChange(Base):
    """A phone that is new for a person and has opened bills: whether it was confirmed (state) or refused.

    ``digest`` is the keyed hash of unit, number, name and phone; ``claim`` these
    hashes and the masked phone, sealed."""

    __tablename__ = "phone_change"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("state IN ('open', 'confirmed', 'refused')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    claim: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SlipCode(Base):
    """取票码 on a printed slip: with the payer's name it opens that bill once (proxy by slip). Kept as a keyed hash."""

    __tablename__ = "slip_code"
    __table_args__ = (Index(None, "bill_id"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FamilyLink(Base):
    """One person (holder) who may see the bills of another (subject): guardian of a child, or proxy by consent.

    ``people`` is sealed JSON: both names, both phones, the relation. It ends by time or by being revoked."""

    __tablename__ = "family_link"
    __table_args__ = (CheckConstraint("kind IN ('guardian', 'proxy')", name="kind"), Index(None, "unit_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(8))
    holder_name: Mapped[bytes] = mapped_column(LargeBinary(32))
    subject_name: Mapped[bytes] = mapped_column(LargeBinary(32))
    people: Mapped[bytes] = mapped_column(LargeBinary)
    basis: Mapped[str] = mapped_column(String(20))
    """desk, phone or consent: what the link was made on."""
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(80))


class FamilyKey(Base):
    """Under which numbers holder and subject of a link are known (keyed hashes, as in ``party_key``)."""

    __tablename__ = "family_key"
    __table_args__ = (
        CheckConstraint("side IN ('holder', 'subject')", name="side"),
        Index(None, "link_id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("family_link.id"), primary_key=True, autoincrement=False)
    side: Mapped[str] = mapped_column(String(8), primary_key=True)


class PatientRequest(Base):
    """What a patient asks the desk: a correction, a bill that cannot be found, "this is not mine". Sealed as typed."""

    __tablename__ = "patient_request"
    __table_args__ = (
        CheckConstraint("kind IN ('correction', 'missing', 'not_me')", name="kind"),
        CheckConstraint("state IN ('open', 'done', 'declined')", name="state"),
        Index(None, "unit_id", "state", "created_at"),
        Index(None, "bill_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(12))
    bill_id: Mapped[int | None] = mapped_column(ForeignKey("bill.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    reference: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """Keyed hash of the number that the patient got, under which the answer can be read."""
    state: Mapped[str] = mapped_column(String(8))
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answered_by: Mapped[str] = mapped_column(String(80))


class RequestPhoto(Base):
    """A document's photo with a request, sealed; it goes when the request is answered."""

    __tablename__ = "request_photo"

    request_id: Mapped[int] = mapped_column(ForeignKey("patient_request.id"), primary_key=True, autoincrement=False)
    photo: Mapped[bytes] = mapped_column(LargeBinary)


class Verification(Base):
    """查验 that matched: when, which bill, from where. ``place`` is a keyed hash of bill and network address, so that
    a repeat is known and nobody can be followed from bill to bill."""

    __tablename__ = "verification"
    __table_args__ = (Index(None, "bill_id", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"))
    place: Mapped[bytes] = mapped_column(LargeBinary(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class NoticeSeen(Base):
    """When a person last looked at 我的通知. ``person`` is a keyed hash of unit, number and name, for this alone."""

    __tablename__ = "notice_seen"
    __table_args__ = (Index(None, "seen_at"),)

    person: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
