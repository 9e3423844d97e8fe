"""Spreadsheets of master data that wait to be applied, and when the earlier key of a HIS account was last used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "master_import",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_master_import_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_import")),
    )
    op.create_index(op.f("ix_master_import_created_at"), "master_import", ["created_at"])
    op.add_column("his_account", sa.Column("earlier_key_used_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("his_account", "earlier_key_used_at")
    op.drop_table("master_import")
