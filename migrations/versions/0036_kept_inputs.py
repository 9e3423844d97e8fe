"""``kept_input``: what a person of the staff typed, sealed; ``visit_key``: bills by the numbers of their visit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_input",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["staff_account.id"], name=op.f("fk_kept_input_account_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_kept_input")),
    )
    op.create_index(op.f("ix_kept_input_account_id_place"), "kept_input", ["account_id", "place"], unique=False)
    op.create_index(op.f("ix_kept_input_expires_at"), "kept_input", ["expires_at"], unique=False)
    op.create_table(
        "visit_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_visit_key_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("digest", "bill_id", name=op.f("pk_visit_key")),
    )
    op.create_index(op.f("ix_visit_key_bill_id"), "visit_key", ["bill_id"], unique=False)
    op.create_index(op.f("ix_bill_check_code"), "bill", ["check_code"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_bill_check_code"), "bill")
    op.drop_table("visit_key")
    op.drop_table("kept_input")
