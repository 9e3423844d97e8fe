"""Refused pushes of HISs are kept, and which method a signed text was for is remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "his_refusal",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("method", sa.String(length=60), nullable=False),
        sa.Column("serial", sa.String(length=80), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["his_account.id"], name=op.f("fk_his_refusal_account_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_his_refusal_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_his_refusal")),
        sa.UniqueConstraint(
            "account_id", "method", "serial", "digest", name=op.f("uq_his_refusal_account_id_method_serial_digest")
        ),
    )
    op.create_index(op.f("ix_his_refusal_unit_id_last_at"), "his_refusal", ["unit_id", "last_at"])
    op.create_index(op.f("ix_his_refusal_unit_id_serial"), "his_refusal", ["unit_id", "serial"])
    op.create_table(
        "his_call",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("method", sa.String(length=60), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_his_call")),
    )
    op.create_index(op.f("ix_his_call_expires_at"), "his_call", ["expires_at"])


def downgrade() -> None:
    op.drop_table("his_call")
    op.drop_table("his_refusal")
