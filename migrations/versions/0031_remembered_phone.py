"""``remembered_phone``: browsers that a patient has asked us to remember after proving who they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remembered_phone",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("person", sa.LargeBinary(length=32), nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_remembered_phone_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_phone")),
        sa.UniqueConstraint("digest", name=op.f("uq_remembered_phone_digest")),
    )
    op.create_index(op.f("ix_remembered_phone_person"), "remembered_phone", ["person"], unique=False)
    op.create_index(op.f("ix_remembered_phone_expires_at"), "remembered_phone", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("remembered_phone")
