"""The issuing desk: drafts, remembered payers, catalogue, batches; what 往来 and 捐赠 bills are for; its account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EVENTS = (("bill_purpose_frozen", "UPDATE", "immutable"), ("bill_purpose_kept", "DELETE", "never deleted"))
"""What a bill is for belongs to the bill: the database refuses to change it (as in 0002)."""


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
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
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by", sa.String(length=80), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('checked', 'running', 'paused', 'done', 'cancelled', 'discarded')", name=op.f("ck_batch_state")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_batch_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_unit_id_created_at"), "batch", ["unit_id", "created_at"], unique=False)
    op.create_table(
        "catalogue_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
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
    op.create_table(
        "known_payer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_known_payer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_payer")),
        sa.UniqueConstraint(
            "unit_id", "name_digest", "number_digest", name=op.f("uq_known_payer_unit_id_name_digest_number_digest")
        ),
    )
    op.create_index(op.f("ix_known_payer_unit_id_used_at"), "known_payer", ["unit_id", "used_at"], unique=False)
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
    op.create_table(
        "bill_purpose",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("category", sa.String(length=8), nullable=False),
        sa.Column("counterparty", sa.String(length=200), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("original_micro", sa.BigInteger(), nullable=True),
        sa.Column("rate_micro", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_purpose_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_bill_purpose")),
    )
    op.create_table(
        "desk_draft",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("scene", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("pending", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'issued', 'discarded')", name=op.f("ck_desk_draft_state")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_desk_draft_bill_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_desk_draft_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_draft")),
    )
    op.create_index(
        op.f("ix_desk_draft_unit_id_owner_state"), "desk_draft", ["unit_id", "owner", "state"], unique=False
    )
    # In words of SQL, since Alembic cannot add a column with its CHECK on SQLite.
    op.execute(
        "ALTER TABLE his_account ADD COLUMN kind VARCHAR(8) DEFAULT 'his' NOT NULL"
        " CONSTRAINT ck_his_account_kind CHECK (kind IN ('his', 'console'))"
    )
    op.create_index(
        "ix_his_account_console",
        "his_account",
        ["unit_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'console'"),
        postgresql_where=sa.text("kind = 'console'"),
    )
    _guard()


def _guard() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, word in EVENTS:
        message = f"bill_purpose is {word}"
        if sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON bill_purpose FOR EACH ROW"
                f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION guard_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '23514'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON bill_purpose FOR EACH ROW EXECUTE FUNCTION guard_{name}()")


def downgrade() -> None:
    op.drop_index(
        "ix_his_account_console",
        table_name="his_account",
        sqlite_where=sa.text("kind = 'console'"),
        postgresql_where=sa.text("kind = 'console'"),
    )
    op.drop_column("his_account", "kind")
    op.drop_index(op.f("ix_desk_draft_unit_id_owner_state"), table_name="desk_draft")
    op.drop_table("desk_draft")
    op.drop_table("bill_purpose")
    op.drop_index(op.f("ix_batch_bill_batch_id_state"), table_name="batch_bill")
    op.drop_table("batch_bill")
    op.drop_index(op.f("ix_known_payer_unit_id_used_at"), table_name="known_payer")
    op.drop_table("known_payer")
    op.drop_table("catalogue_item")
    op.drop_index(op.f("ix_batch_unit_id_created_at"), table_name="batch")
    op.drop_table("batch")
    if op.get_bind().dialect.name != "sqlite":
        for name, _, _ in EVENTS:
            op.execute(f"DROP FUNCTION guard_{name}()")
