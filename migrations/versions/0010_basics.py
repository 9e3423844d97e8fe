"""Basic information: income items, reviewers, kinds a point may issue, bounds of charge items, two keys of a HIS."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "income_item",
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_income_item")),
    )
    op.create_table(
        "reviewer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reviewer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_reviewer_unit_id_code")),
    )
    op.create_table(
        "point_kind",
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_point_kind_kind_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_point_kind_point_id")),
        sa.PrimaryKeyConstraint("point_id", "kind_id", name=op.f("pk_point_kind")),
    )
    op.add_column("charge_item", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("charge_item", sa.Column("valid_until", sa.Date(), nullable=True))
    op.add_column("charge_item", sa.Column("low_fen", sa.BigInteger(), nullable=True))
    op.add_column("charge_item", sa.Column("high_fen", sa.BigInteger(), nullable=True))
    op.add_column("his_account", sa.Column("earlier_key", sa.LargeBinary(), nullable=True))
    op.add_column("his_account", sa.Column("key_unseen", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    for column in ("key_unseen", "earlier_key"):
        op.drop_column("his_account", column)
    for column in ("high_fen", "low_fen", "valid_until", "valid_from"):
        op.drop_column("charge_item", column)
    for table in ("point_kind", "reviewer", "income_item"):
        op.drop_table(table)
