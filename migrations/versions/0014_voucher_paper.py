"""Voucher paper from the stock: the range and number that a voucher's sheet was drawn from."""

from __future__ import annotations

from alembic import op

from migrations.support import add_guard, drop_guard

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

GUARD = ("voucher_paper_number", "voucher_paper")


def upgrade() -> None:
    # In words, since the constraint has to come with the column: SQLite adds none afterwards.
    key = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE voucher_paper ADD COLUMN range_id {key} CONSTRAINT fk_voucher_paper_range_id"
        " REFERENCES number_range (id)"
    )
    op.execute("ALTER TABLE voucher_paper ADD COLUMN number BIGINT")
    add_guard(
        *GUARD,
        "UPDATE",
        "COALESCE(NEW.range_id, 0) <> COALESCE(OLD.range_id, 0) OR COALESCE(NEW.number, 0) <> COALESCE(OLD.number, 0)",
        "the number of a sheet is never changed",
    )


def downgrade() -> None:
    drop_guard(*GUARD)
    for column in ("number", "range_id"):
        op.execute(f"ALTER TABLE voucher_paper DROP COLUMN {column}")
