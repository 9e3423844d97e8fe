"""When a person last looked at their notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_seen",
        sa.Column("person", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_notice_seen")),
    )
    op.create_index(op.f("ix_notice_seen_seen_at"), "notice_seen", ["seen_at"])


def downgrade() -> None:
    op.drop_table("notice_seen")
