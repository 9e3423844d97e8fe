"""``bill_replacement``: which bill was issued instead of another, as its HIS stated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bill_replacement",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("replaced_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"],
            ["bill.id"],
            name=op.f("fk_bill_replacement_bill_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["replaced_id"], ["bill.id"], name=op.f("fk_bill_replacement_replaced_id")),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_bill_replacement")),
    )
    op.create_index(op.f("ix_bill_replacement_replaced_id"), "bill_replacement", ["replaced_id"], unique=False)


def downgrade() -> None:
    op.drop_table("bill_replacement")
