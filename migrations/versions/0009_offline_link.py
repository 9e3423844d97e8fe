"""Offline links: which key a link was made with, the link under the key before it, who waits for one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bill", sa.Column("link_key", sa.String(length=1), server_default="A", nullable=False))
    op.add_column("bill", sa.Column("earlier_link_digest", sa.LargeBinary(length=32), nullable=True))
    op.create_index(op.f("ix_bill_earlier_link_digest"), "bill", ["earlier_link_digest"], unique=True)
    op.create_table(
        "link_watch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("link_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_watch")),
    )
    op.create_index(
        op.f("ix_link_watch_link_digest_phone_digest"), "link_watch", ["link_digest", "phone_digest"], unique=True
    )
    op.create_index(op.f("ix_link_watch_created_at"), "link_watch", ["created_at"])


def downgrade() -> None:
    op.drop_table("link_watch")
    op.drop_index(op.f("ix_bill_earlier_link_digest"), table_name="bill")
    op.drop_column("bill", "earlier_link_digest")
    op.drop_column("bill", "link_key")
