"""Push targets; the paper exchange as a purpose of delivery; when a receiver says that a message was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import replace_check

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BEFORE = "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice')"
AFTER = "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice', 'exchanged')"


def upgrade() -> None:
    op.create_table(
        "push_target",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("next_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_unseen", sa.Boolean(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("receipts", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("consent", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_push_target_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_target")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_push_target_unit_id_code")),
    )
    op.create_index(op.f("ix_push_target_key_id"), "push_target", ["key_id"])
    op.add_column("delivery_attempt", sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
    replace_check("delivery", "ck_delivery_purpose", BEFORE, AFTER)


def downgrade() -> None:
    # The former version knows one target, of its settings, and no such purpose: what waits for another goes no further.
    op.execute(
        "UPDATE delivery_attempt SET state = 'stopped', next_at = NULL"
        " WHERE channel LIKE 'app-%' AND state IN ('queued', 'sending', 'asking', 'held')"
    )
    op.execute("UPDATE delivery SET purpose = 'notice' WHERE purpose = 'exchanged'")
    replace_check("delivery", "ck_delivery_purpose", AFTER, BEFORE)
    op.drop_column("delivery_attempt", "read_at")
    op.drop_table("push_target")
