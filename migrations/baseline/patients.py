"""Patients: passes, families, requests, notices; companies; persons under protection; links opened early."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard


def link_watch() -> None:
    op.create_table(
        "link_watch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("link_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_watch")),
    )
    op.create_index(op.f("ix_link_watch_created_at"), "link_watch", ["created_at"], unique=False)
    op.create_index(
        op.f("ix_link_watch_link_digest_phone_digest"), "link_watch", ["link_digest", "phone_digest"], unique=True
    )


def notice_seen() -> None:
    op.create_table(
        "notice_seen",
        sa.Column("person", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_notice_seen")),
    )
    op.create_index(op.f("ix_notice_seen_seen_at"), "notice_seen", ["seen_at"], unique=False)


def company_account() -> None:
    op.create_table(
        "company_account",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revoked_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_company_account_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_account")),
    )
    op.create_index(op.f("ix_company_account_number_digest"), "company_account", ["number_digest"], unique=False)
    op.create_index(op.f("ix_company_account_phone_digest"), "company_account", ["phone_digest"], unique=False)
    op.create_index(
        op.f("ix_company_account_unit_id_created_at"), "company_account", ["unit_id", "created_at"], unique=False
    )


def family_link() -> None:
    op.create_table(
        "family_link",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("holder_name", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_name", sa.LargeBinary(length=32), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("revoked_by", sa.String(length=80), nullable=False),
        sa.CheckConstraint("kind IN ('guardian', 'proxy')", name=op.f("ck_family_link_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_family_link_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_link")),
    )
    op.create_index(op.f("ix_family_link_unit_id_id"), "family_link", ["unit_id", "id"], unique=False)


def marked_person() -> None:
    op.create_table(
        "marked_person",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("marked_by", sa.String(length=80), nullable=False),
        sa.Column("marked_at", MOMENT, nullable=False),
        sa.Column("ended_by", sa.String(length=80), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("kind IN ('staff', 'public', 'other')", name=op.f("ck_marked_person_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_marked_person_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marked_person")),
    )
    op.create_index(op.f("ix_marked_person_name_digest"), "marked_person", ["name_digest"], unique=False)
    op.create_index(op.f("ix_marked_person_unit_id_marked_at"), "marked_person", ["unit_id", "marked_at"], unique=False)


def family_key() -> None:
    op.create_table(
        "family_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.CheckConstraint("side IN ('holder', 'subject')", name=op.f("ck_family_key_side")),
        sa.ForeignKeyConstraint(["link_id"], ["family_link.id"], name=op.f("fk_family_key_link_id_family_link")),
        sa.PrimaryKeyConstraint("digest", "link_id", "side", name=op.f("pk_family_key")),
    )
    op.create_index(op.f("ix_family_key_link_id"), "family_key", ["link_id"], unique=False)


def marked_key() -> None:
    op.create_table(
        "marked_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("mark_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["mark_id"], ["marked_person.id"], name=op.f("fk_marked_key_mark_id_marked_person")),
        sa.PrimaryKeyConstraint("digest", "mark_id", name=op.f("pk_marked_key")),
    )
    op.create_index(op.f("ix_marked_key_mark_id"), "marked_key", ["mark_id"], unique=False)


def patient_pass() -> None:
    op.create_table(
        "patient_pass",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.CheckConstraint("purpose IN ('mail', 'browser', 'window')", name=op.f("ck_patient_pass_purpose")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_patient_pass_bill_id_bill")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patient_pass_unit_id_unit")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_patient_pass")),
    )
    op.create_index(op.f("ix_patient_pass_bill_id"), "patient_pass", ["bill_id"], unique=False)
    op.create_index(op.f("ix_patient_pass_expires_at"), "patient_pass", ["expires_at"], unique=False)


def patient_request() -> None:
    op.create_table(
        "patient_request",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("answered_by", sa.String(length=80), nullable=False),
        sa.CheckConstraint("kind IN ('correction', 'missing', 'not_me')", name=op.f("ck_patient_request_kind")),
        sa.CheckConstraint("state IN ('open', 'done', 'declined')", name=op.f("ck_patient_request_state")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_patient_request_bill_id_bill")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patient_request_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_request")),
        sa.UniqueConstraint("reference", name=op.f("uq_patient_request_reference")),
    )
    op.create_index(op.f("ix_patient_request_bill_id"), "patient_request", ["bill_id"], unique=False)
    op.create_index(
        op.f("ix_patient_request_unit_id_state_created_at"),
        "patient_request",
        ["unit_id", "state", "created_at"],
        unique=False,
    )


def slip_code() -> None:
    op.create_table(
        "slip_code",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_slip_code_bill_id_bill")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_slip_code")),
    )
    op.create_index(op.f("ix_slip_code_bill_id"), "slip_code", ["bill_id"], unique=False)


def verification() -> None:
    op.create_table(
        "verification",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_verification_bill_id_bill")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verification")),
    )
    op.create_index(op.f("ix_verification_bill_id_at"), "verification", ["bill_id", "at"], unique=False)


def request_photo() -> None:
    op.create_table(
        "request_photo",
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("photo", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["patient_request.id"], name=op.f("fk_request_photo_request_id_patient_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_photo")),
    )


TABLES = (
    link_watch,
    notice_seen,
    company_account,
    family_link,
    marked_person,
    family_key,
    marked_key,
    patient_pass,
    patient_request,
    slip_code,
    verification,
    request_photo,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = ()
