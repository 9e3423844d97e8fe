"""Prepayment vouchers: documents, parties, the ledger of movements, sheets of paper; prints of slips.

The guards are those of 0002, for these tables: what is written once stays, a number comes from its range, and a
movement's balance follows from the one before. Together with ``balance_fen >= 0`` and one row a line, no program and
no race can spend a deposit twice.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FROZEN_VOUCHER = (
    "id, unit_id, account_id, point_id, kind_id, range_id, serial, form, scene, of_id, code, number, "
    "check_code, title, amount_fen, own_balance_fen, business_at, business_day, issued_at, hospital_digest, "
    "visit_digest, department, department_code, cashier, author, reason, remark, content, warnings"
)
FROZEN_TABLES = ("voucher_party", "voucher_key", "voucher_payment", "voucher_movement", "slip_print")
PREVIOUS = (
    "COALESCE((SELECT m.{} FROM voucher_movement m WHERE m.voucher_id = NEW.voucher_id"
    " ORDER BY m.line DESC LIMIT 1), 0)"
)

# name, table, event, condition that refuses, message
GUARDS = [
    ("voucher_frozen", "voucher", f"UPDATE OF {FROZEN_VOUCHER}", "", "a voucher is immutable"),
    ("voucher_kept", "voucher", "DELETE", "", "a voucher is never deleted"),
    (
        "voucher_numbered",
        "voucher",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = NEW.point_id"
        " AND r.bill_code = NEW.code AND NEW.number >= r.first AND NEW.number < r.next)",
        "the number was not taken from this range",
    ),
    (
        "voucher_movement_follows",
        "voucher_movement",
        "INSERT",
        f"NEW.line <> {PREVIOUS.format('line')} + 1"
        f" OR NEW.balance_fen <> {PREVIOUS.format('balance_fen')} + NEW.amount_fen"
        " OR (NEW.line = 1) <> (NEW.kind = 'issued')",
        "a movement follows from the one before",
    ),
    (
        "voucher_released",
        "voucher_movement",
        "INSERT",
        "NEW.kind = 'released' AND NOT EXISTS (SELECT 1 FROM voucher_movement m WHERE m.voucher_id = NEW.voucher_id"
        " AND m.bill_id = NEW.bill_id AND m.kind = 'consumed' AND m.amount_fen = -NEW.amount_fen)",
        "only what a bill consumed is released",
    ),
    (
        "voucher_paper_void",
        "voucher_paper",
        "UPDATE",
        "OLD.void_at IS NOT NULL OR NEW.void_at IS NULL OR NEW.voucher_id <> OLD.voucher_id"
        " OR NEW.paper_code <> OLD.paper_code OR NEW.paper_number <> OLD.paper_number",
        "a sheet of paper is only made void, once",
    ),
    ("voucher_paper_kept", "voucher_paper", "DELETE", "", "a sheet of paper is never deleted"),
    *((f"{table}_frozen", table, "UPDATE", "", f"{table} is immutable") for table in FROZEN_TABLES),
    *((f"{table}_kept", table, "DELETE", "", f"{table} is never deleted") for table in FROZEN_TABLES),
]


def upgrade() -> None:
    op.create_table(
        "slip_print",
        sa.Column("object_kind", sa.String(length=8), nullable=False),
        sa.Column("object_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("paper", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.CheckConstraint("object_kind IN ('bill', 'voucher')", name=op.f("ck_slip_print_object_kind")),
        sa.PrimaryKeyConstraint("object_kind", "object_id", "line", name=op.f("pk_slip_print")),
    )
    op.create_index(op.f("ix_slip_print_job"), "slip_print", ["job"], unique=False)
    op.create_table(
        "voucher",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("point_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("range_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.String(length=80), nullable=False),
        sa.Column("form", sa.String(length=12), nullable=False),
        sa.Column("scene", sa.String(length=20), nullable=False),
        sa.Column("of_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("check_code", sa.String(length=6), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("own_balance_fen", sa.BigInteger(), nullable=True),
        sa.Column("business_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hospital_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("visit_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("department", sa.String(length=200), nullable=False),
        sa.Column("department_code", sa.String(length=100), nullable=False),
        sa.Column("cashier", sa.String(length=100), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("remark", sa.String(length=600), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("link_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("link_generation", sa.SmallInteger(), nullable=False),
        sa.Column("link_key", sa.String(length=1), nullable=False),
        sa.CheckConstraint("(form = 'deposit') = (of_id IS NULL)", name=op.f("ck_voucher_of")),
        sa.CheckConstraint("form IN ('deposit', 'refund', 'cancellation')", name=op.f("ck_voucher_form")),
        sa.CheckConstraint(
            "scene IN ('prepay_inpatient', 'prepay_checkup', 'prepay_outpatient')", name=op.f("ck_voucher_scene")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_voucher_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["his_account.id"], name=op.f("fk_voucher_account_id")),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_voucher_kind_id")),
        sa.ForeignKeyConstraint(["of_id"], ["voucher.id"], name=op.f("fk_voucher_of_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_voucher_point_id")),
        sa.ForeignKeyConstraint(["range_id"], ["number_range.id"], name=op.f("fk_voucher_range_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_voucher_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("code", "number", name=op.f("uq_voucher_code_number")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_voucher_link_digest")),
        sa.UniqueConstraint("account_id", "serial", name=op.f("uq_voucher_account_id_serial")),
    )
    op.create_index(op.f("ix_voucher_hospital_digest"), "voucher", ["hospital_digest"], unique=False)
    op.create_index(op.f("ix_voucher_issued_at"), "voucher", ["issued_at"], unique=False)
    op.create_index(op.f("ix_voucher_of_id"), "voucher", ["of_id"], unique=False)
    op.create_index(op.f("ix_voucher_unit_id_business_day"), "voucher", ["unit_id", "business_day"], unique=False)
    op.create_table(
        "voucher_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["voucher_id"],
            ["voucher.id"],
            name=op.f("fk_voucher_key_voucher_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("digest", "voucher_id", name=op.f("pk_voucher_key")),
    )
    op.create_index(op.f("ix_voucher_key_voucher_id"), "voucher_key", ["voucher_id"], unique=False)
    op.create_table(
        "voucher_movement",
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(kind IN ('consumed', 'released')) = (bill_id IS NOT NULL)", name=op.f("ck_voucher_movement_bill")
        ),
        sa.CheckConstraint(
            "(kind IN ('issued', 'released')) = (amount_fen > 0) AND amount_fen <> 0",
            name=op.f("ck_voucher_movement_sign"),
        ),
        sa.CheckConstraint(
            "(kind IN ('refunded', 'cancelled')) = (document_id IS NOT NULL)", name=op.f("ck_voucher_movement_document")
        ),
        sa.CheckConstraint(
            "kind IN ('issued', 'refunded', 'consumed', 'released', 'cancelled')", name=op.f("ck_voucher_movement_kind")
        ),
        sa.CheckConstraint("balance_fen >= 0", name=op.f("ck_voucher_movement_balance")),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_voucher_movement_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["voucher.id"],
            name=op.f("fk_voucher_movement_document_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["voucher_id"],
            ["voucher.id"],
            name=op.f("fk_voucher_movement_voucher_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("voucher_id", "line", name=op.f("pk_voucher_movement")),
        sa.UniqueConstraint("voucher_id", "bill_id", "kind", name=op.f("uq_voucher_movement_voucher_id_bill_id_kind")),
    )
    op.create_index(op.f("ix_voucher_movement_at"), "voucher_movement", ["at"], unique=False)
    op.create_index(op.f("ix_voucher_movement_bill_id"), "voucher_movement", ["bill_id"], unique=False)
    op.create_table(
        "voucher_paper",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), nullable=False),
        sa.Column("paper_code", sa.String(length=50), nullable=False),
        sa.Column("paper_number", sa.String(length=20), nullable=False),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("printed_by", sa.String(length=100), nullable=False),
        sa.Column("void_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_by", sa.String(length=100), nullable=False),
        sa.Column("void_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.id"], name=op.f("fk_voucher_paper_voucher_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_paper")),
        sa.UniqueConstraint("paper_code", "paper_number", name=op.f("uq_voucher_paper_paper_code_paper_number")),
    )
    op.create_index(
        "uq_voucher_paper_valid",
        "voucher_paper",
        ["voucher_id"],
        unique=True,
        sqlite_where=sa.text("void_at IS NULL"),
        postgresql_where=sa.text("void_at IS NULL"),
    )
    op.create_table(
        "voucher_party",
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["voucher_id"],
            ["voucher.id"],
            name=op.f("fk_voucher_party_voucher_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("voucher_id", name=op.f("pk_voucher_party")),
    )
    op.create_table(
        "voucher_payment",
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("sent_code", sa.String(length=20), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["voucher_id"],
            ["voucher.id"],
            name=op.f("fk_voucher_payment_voucher_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("voucher_id", "line", name=op.f("pk_voucher_payment")),
    )

    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, event, condition, message in GUARDS:
        if sqlite:
            when = f"WHEN {condition}" if condition else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
                f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        test = f"IF {condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = '23514'; END IF;"
        if not condition:
            test = f"RAISE EXCEPTION '{message}' USING ERRCODE = '23514';"
        result = "OLD" if event == "DELETE" else "NEW"
        op.execute(
            f"CREATE FUNCTION guard_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {test} RETURN {result}; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION guard_{name}()")


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, *_ in reversed(GUARDS):
        op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
        if not sqlite:
            op.execute(f"DROP FUNCTION guard_{name}()")
    op.drop_table("voucher_payment")
    op.drop_table("voucher_party")
    op.drop_index(
        "uq_voucher_paper_valid",
        table_name="voucher_paper",
        sqlite_where=sa.text("void_at IS NULL"),
        postgresql_where=sa.text("void_at IS NULL"),
    )
    op.drop_table("voucher_paper")
    op.drop_index(op.f("ix_voucher_movement_bill_id"), table_name="voucher_movement")
    op.drop_index(op.f("ix_voucher_movement_at"), table_name="voucher_movement")
    op.drop_table("voucher_movement")
    op.drop_index(op.f("ix_voucher_key_voucher_id"), table_name="voucher_key")
    op.drop_table("voucher_key")
    op.drop_index(op.f("ix_voucher_unit_id_business_day"), table_name="voucher")
    op.drop_index(op.f("ix_voucher_of_id"), table_name="voucher")
    op.drop_index(op.f("ix_voucher_issued_at"), table_name="voucher")
    op.drop_index(op.f("ix_voucher_hospital_digest"), table_name="voucher")
    op.drop_table("voucher")
    op.drop_index(op.f("ix_slip_print_job"), table_name="slip_print")
    op.drop_table("slip_print")
