"""One log of messages to finance: ``fiscal_exchange`` (bills) and ``stock_exchange`` (the rest) become one table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finance_message",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("message_no", sa.String(length=8), nullable=False),
        sa.Column("message_id", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        *_answer(),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_finance_message_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finance_message")),
        sa.UniqueConstraint("message_id", name=op.f("uq_finance_message_message_id")),
    )
    columns = (
        "id, bill_id, subject, message_no, message_id, attempt, sent_at, answered_at, outcome, result_code, reason"
    )
    bill = f"b.bill_code || {_digits('b.number')}"
    op.execute(
        f"INSERT INTO finance_message ({columns}) SELECT f.id, f.bill_id, {bill}, f.message_no, f.message_id,"
        " f.attempt, f.sent_at, f.answered_at, f.outcome, f.result_code, f.reason"
        " FROM fiscal_exchange f JOIN bill b ON b.id = f.bill_id"
    )
    # Two tables had an id sequence each, so one millisecond may have been used twice.
    op.execute(
        f"INSERT INTO finance_message ({columns}) SELECT s.id, NULL, s.subject, s.message_no,"
        " CASE WHEN f.id IS NULL THEN s.message_id ELSE s.message_id || '-2' END,"
        " 0, s.sent_at, s.answered_at, s.outcome, s.result_code, s.reason"
        " FROM stock_exchange s LEFT JOIN fiscal_exchange f ON f.message_id = s.message_id"
    )
    op.create_index(op.f("ix_finance_message_bill_id"), "finance_message", ["bill_id"], unique=False)
    op.drop_table("stock_exchange")
    op.drop_table("fiscal_exchange")


def downgrade() -> None:
    op.create_table(
        "fiscal_exchange",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("message_no", sa.String(length=4), nullable=False),
        sa.Column("message_id", sa.String(length=17), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        *_answer(),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_fiscal_exchange_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fiscal_exchange")),
        sa.UniqueConstraint("message_id", name=op.f("uq_fiscal_exchange_message_id")),
    )
    op.create_index(op.f("ix_fiscal_exchange_bill_id"), "fiscal_exchange", ["bill_id"], unique=False)
    op.create_table(
        "stock_exchange",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_no", sa.String(length=4), nullable=False),
        sa.Column("message_id", sa.String(length=17), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        *_answer(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_exchange")),
        sa.UniqueConstraint("message_id", name=op.f("uq_stock_exchange_message_id")),
    )
    op.create_index(op.f("ix_stock_exchange_sent_at"), "stock_exchange", ["sent_at"], unique=False)
    op.create_index(op.f("ix_stock_exchange_subject"), "stock_exchange", ["subject"], unique=False)
    values = "substr(message_no, 1, 4), substr(message_id, 1, 17), sent_at, answered_at, outcome, result_code, reason"
    answer = "message_no, message_id, sent_at, answered_at, outcome, result_code, reason"
    op.execute(
        f"INSERT INTO fiscal_exchange (id, bill_id, attempt, {answer}) SELECT id, bill_id, attempt, {values}"
        " FROM finance_message WHERE bill_id IS NOT NULL"
    )
    op.execute(
        f"INSERT INTO stock_exchange (id, subject, {answer}) SELECT id, subject, {values}"
        " FROM finance_message WHERE bill_id IS NULL"
    )
    op.drop_table("finance_message")


def _answer() -> list[sa.Column[object]]:
    return [
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("result_code", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
    ]


def _digits(number: str) -> str:
    """Write a bill number with its ten digits, in SQL."""
    if op.get_bind().dialect.name == "sqlite":
        return f"printf('%010d', {number})"
    return f"lpad(CAST({number} AS text), 10, '0')"
