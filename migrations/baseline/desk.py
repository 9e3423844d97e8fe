"""The issuing desk: drafts, remembered payers, the catalogue, batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard


def batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("point_code", sa.String(length=50), nullable=False),
        sa.Column("cashier", sa.String(length=100), nullable=False),
        sa.Column("checker", sa.String(length=100), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("started_by", sa.String(length=80), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("purged_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('checked', 'running', 'paused', 'done', 'cancelled', 'discarded')", name=op.f("ck_batch_state")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_batch_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_unit_id_created_at"), "batch", ["unit_id", "created_at"], unique=False)


def catalogue_item() -> None:
    op.create_table(
        "catalogue_item",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("area", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("charge_code", sa.String(length=50), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("price_micro", sa.BigInteger(), nullable=True),
        sa.Column("low_micro", sa.BigInteger(), nullable=True),
        sa.Column("high_micro", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("area IN ('medical', 'dealing', 'donation')", name=op.f("ck_catalogue_item_area")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_catalogue_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_item")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_catalogue_item_unit_id_code")),
    )


def known_payer() -> None:
    op.create_table(
        "known_payer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_known_payer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_payer")),
        sa.UniqueConstraint(
            "unit_id", "name_digest", "number_digest", name=op.f("uq_known_payer_unit_id_name_digest_number_digest")
        ),
    )
    op.create_index(op.f("ix_known_payer_unit_id_used_at"), "known_payer", ["unit_id", "used_at"], unique=False)


def batch_bill() -> None:
    op.create_table(
        "batch_bill",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.String(length=50), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "state IN ('bad', 'ready', 'issued', 'failed', 'cancelled')", name=op.f("ck_batch_bill_state")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_bill_batch_id")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_batch_bill_bill_id")),
        sa.PrimaryKeyConstraint("batch_id", "place", name=op.f("pk_batch_bill")),
    )
    op.create_index(op.f("ix_batch_bill_batch_id_state"), "batch_bill", ["batch_id", "state"], unique=False)


def desk_draft() -> None:
    op.create_table(
        "desk_draft",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("scene", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("pending", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('open', 'issued', 'discarded')", name=op.f("ck_desk_draft_state")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_desk_draft_bill_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_desk_draft_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_draft")),
    )
    op.create_index(
        op.f("ix_desk_draft_unit_id_owner_state"), "desk_draft", ["unit_id", "owner", "state"], unique=False
    )


TABLES = (
    batch,
    catalogue_item,
    known_payer,
    batch_bill,
    desk_draft,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = ()
