"""Accounts of companies that fetch the bills issued to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "company_account",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_company_account_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_account")),
    )
    op.create_index(op.f("ix_company_account_unit_id_created_at"), "company_account", ["unit_id", "created_at"])
    op.create_index(op.f("ix_company_account_phone_digest"), "company_account", ["phone_digest"])
    op.create_index(op.f("ix_company_account_number_digest"), "company_account", ["number_digest"])


def downgrade() -> None:
    op.drop_table("company_account")
