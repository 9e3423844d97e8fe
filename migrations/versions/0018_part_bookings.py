"""Several units may each book a part of a bill: the booked amount, and a row a unit."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite changes no primary key: the table is made anew, and what stood in it had booked the whole bill.
    rows = _taken(
        "SELECT k.bill_id, k.booked_by, b.total_fen AS amount_fen, k.voucher_no, k.booked_at, k.recorded_at"
        " FROM booking k JOIN bill b ON b.id = k.bill_id"
    )
    _make(rows, sa.Column("amount_fen", sa.BigInteger(), nullable=False), keys=("bill_id", "booked_by"))


def downgrade() -> None:
    rows = _taken(
        "SELECT bill_id, min(booked_by) AS booked_by, min(voucher_no) AS voucher_no, min(booked_at) AS booked_at,"
        " min(recorded_at) AS recorded_at FROM booking GROUP BY bill_id"
    )
    _make(rows, keys=("bill_id",))


def _taken(query: str) -> list[dict[str, Any]]:
    rows = [dict(row._mapping) for row in op.get_bind().execute(sa.text(query))]
    op.drop_table("booking")
    return rows


def _make(rows: list[dict[str, Any]], *columns: sa.Column[Any], keys: tuple[str, ...]) -> None:
    table = op.create_table(
        "booking",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("booked_by", sa.String(length=200), nullable=False),
        *columns,
        sa.Column("voucher_no", sa.String(length=50), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_booking_bill_id")),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_booking")),
    )
    if rows:
        raw = sa.table(table.name, *(sa.column(name) for name in rows[0]))  # times as they stood, unread
        op.get_bind().execute(raw.insert(), rows)
