"""Deliveries and their attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
PURPOSES = "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice')"
DELIVERIES = "state IN ('open', 'done', 'sent', 'parked', 'uncertain', 'failed', 'stopped')"
ATTEMPTS = (
    "state IN ('queued', 'sending', 'asking', 'held', 'accepted', 'delivered', 'expired', 'parked', 'uncertain', "
    "'failed', 'dead', 'stopped')"
)


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("object_kind", sa.String(length=8), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("object_kind IN ('bill', 'voucher')", name=op.f("ck_delivery_object_kind")),
        sa.CheckConstraint(PURPOSES, name=op.f("ck_delivery_purpose")),
        sa.CheckConstraint(DELIVERIES, name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_delivery_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "object_kind",
            "object_id",
            "purpose",
            "version",
            "recipient_digest",
            name=op.f("uq_delivery_once"),
        ),
    )
    op.create_index(op.f("ix_delivery_unit_id_created_at"), "delivery", ["unit_id", "created_at"])
    op.create_table(
        "delivery_attempt",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("effect", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("masked", sa.String(length=60), nullable=False),
        sa.Column("our_ref", sa.String(length=32), nullable=False),
        sa.Column("their_ref", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("result_class", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("blind", sa.SmallInteger(), nullable=False),
        sa.Column("asked", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint(ATTEMPTS, name=op.f("ck_delivery_attempt_state")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempt")),
        sa.UniqueConstraint("effect", name=op.f("uq_delivery_attempt_effect")),
        sa.UniqueConstraint("our_ref", name=op.f("uq_delivery_attempt_our_ref")),
    )
    op.create_index(op.f("ix_delivery_attempt_delivery_id"), "delivery_attempt", ["delivery_id"])
    op.create_index(op.f("ix_delivery_attempt_channel_their_ref"), "delivery_attempt", ["channel", "their_ref"])
    op.create_index(op.f("ix_delivery_attempt_state_next_at"), "delivery_attempt", ["state", "next_at"])
    op.create_table(
        "delivery_stop",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("masked", sa.String(length=60), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["delivery_attempt.id"], name=op.f("fk_delivery_stop_attempt_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_delivery_stop_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "channel", "recipient_digest", name=op.f("pk_delivery_stop")),
    )
    op.create_table(
        "channel_pause",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_channel_pause_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "channel", name=op.f("pk_channel_pause")),
    )


def downgrade() -> None:
    for table in ("channel_pause", "delivery_stop", "delivery_attempt", "delivery"):
        op.drop_table(table)
