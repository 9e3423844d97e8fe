"""Persons under special protection, and the numbers they are known by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "marked_person",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("marked_by", sa.String(length=80), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=80), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('staff', 'public', 'other')", name=op.f("ck_marked_person_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_marked_person_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marked_person")),
    )
    op.create_index(op.f("ix_marked_person_unit_id_marked_at"), "marked_person", ["unit_id", "marked_at"])
    op.create_index(op.f("ix_marked_person_name_digest"), "marked_person", ["name_digest"])
    op.create_table(
        "marked_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("mark_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["mark_id"], ["marked_person.id"], name=op.f("fk_marked_key_mark_id_marked_person")),
        sa.PrimaryKeyConstraint("digest", "mark_id", name=op.f("pk_marked_key")),
    )
    op.create_index(op.f("ix_marked_key_mark_id"), "marked_key", ["mark_id"])


def downgrade() -> None:
    op.drop_table("marked_key")
    op.drop_table("marked_person")
