"""Patients: passes and fetch codes, family and proxies, requests to the desk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False)


def _time(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _digest(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(length=32), nullable=False)


def upgrade() -> None:
    op.add_column("one_time_code", sa.Column("claim", sa.LargeBinary(), nullable=True))
    op.create_table(
        "patient_pass",
        _digest("digest"),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("revoked_at", True),
        sa.CheckConstraint("purpose IN ('mail', 'browser', 'window')", name=op.f("ck_patient_pass_purpose")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patient_pass_unit_id_unit")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_patient_pass_bill_id_bill")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_patient_pass")),
    )
    op.create_index(op.f("ix_patient_pass_expires_at"), "patient_pass", ["expires_at"])
    op.create_index(op.f("ix_patient_pass_bill_id"), "patient_pass", ["bill_id"])
    op.create_table(
        "slip_code",
        _digest("digest"),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        _time("expires_at"),
        _time("used_at", True),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_slip_code_bill_id_bill")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_slip_code")),
    )
    op.create_index(op.f("ix_slip_code_bill_id"), "slip_code", ["bill_id"])
    op.create_table(
        "family_link",
        _id(),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        _digest("holder_name"),
        _digest("subject_name"),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        _time("created_at"),
        _time("valid_until"),
        _time("revoked_at", True),
        sa.Column("revoked_by", sa.String(length=80), nullable=False),
        sa.CheckConstraint("kind IN ('guardian', 'proxy')", name=op.f("ck_family_link_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_family_link_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_link")),
    )
    op.create_index(op.f("ix_family_link_unit_id_id"), "family_link", ["unit_id", "id"])
    op.create_table(
        "family_key",
        _digest("digest"),
        sa.Column("link_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.CheckConstraint("side IN ('holder', 'subject')", name=op.f("ck_family_key_side")),
        sa.ForeignKeyConstraint(["link_id"], ["family_link.id"], name=op.f("fk_family_key_link_id_family_link")),
        sa.PrimaryKeyConstraint("digest", "link_id", "side", name=op.f("pk_family_key")),
    )
    op.create_index(op.f("ix_family_key_link_id"), "family_key", ["link_id"])
    op.create_table(
        "patient_request",
        _id(),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _digest("reference"),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        _time("created_at"),
        _time("answered_at", True),
        sa.Column("answered_by", sa.String(length=80), nullable=False),
        sa.CheckConstraint("kind IN ('correction', 'missing', 'not_me')", name=op.f("ck_patient_request_kind")),
        sa.CheckConstraint("state IN ('open', 'done', 'declined')", name=op.f("ck_patient_request_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patient_request_unit_id_unit")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_patient_request_bill_id_bill")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_request")),
        sa.UniqueConstraint("reference", name=op.f("uq_patient_request_reference")),
    )
    op.create_index(
        op.f("ix_patient_request_unit_id_state_created_at"), "patient_request", ["unit_id", "state", "created_at"]
    )
    op.create_index(op.f("ix_patient_request_bill_id"), "patient_request", ["bill_id"])


def downgrade() -> None:
    for table in ("patient_request", "family_key", "family_link", "slip_code", "patient_pass"):
        op.drop_table(table)
    op.drop_column("one_time_code", "claim")
