"""Prepayment vouchers: documents, parties, the ledger of movements, sheets of paper; prints of slips."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard, frozen


def slip_print() -> None:
    op.create_table(
        "slip_print",
        sa.Column("object_kind", sa.String(length=8), nullable=False),
        sa.Column("object_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("paper", sa.String(length=8), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.CheckConstraint("object_kind IN ('bill', 'voucher')", name=op.f("ck_slip_print_object_kind")),
        sa.PrimaryKeyConstraint("object_kind", "object_id", "line", name=op.f("pk_slip_print")),
    )
    op.create_index(op.f("ix_slip_print_job"), "slip_print", ["job"], unique=False)


def voucher() -> None:
    op.create_table(
        "voucher",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("range_id", KEY, nullable=False),
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
        sa.Column("business_at", MOMENT, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
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
        sa.UniqueConstraint("account_id", "serial", name=op.f("uq_voucher_account_id_serial")),
        sa.UniqueConstraint("code", "number", name=op.f("uq_voucher_code_number")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_voucher_link_digest")),
    )
    op.create_index(op.f("ix_voucher_hospital_digest"), "voucher", ["hospital_digest"], unique=False)
    op.create_index(op.f("ix_voucher_issued_at"), "voucher", ["issued_at"], unique=False)
    op.create_index(op.f("ix_voucher_of_id"), "voucher", ["of_id"], unique=False)
    op.create_index(op.f("ix_voucher_unit_id_business_day"), "voucher", ["unit_id", "business_day"], unique=False)


def voucher_key() -> None:
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


def voucher_movement() -> None:
    op.create_table(
        "voucher_movement",
        sa.Column("voucher_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
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


def voucher_paper() -> None:
    op.create_table(
        "voucher_paper",
        sa.Column("id", KEY, nullable=False),
        sa.Column("voucher_id", sa.BigInteger(), nullable=False),
        sa.Column("paper_code", sa.String(length=50), nullable=False),
        sa.Column("paper_number", sa.String(length=20), nullable=False),
        sa.Column("printed_at", MOMENT, nullable=False),
        sa.Column("printed_by", sa.String(length=100), nullable=False),
        sa.Column("void_at", MOMENT, nullable=True),
        sa.Column("void_by", sa.String(length=100), nullable=False),
        sa.Column("void_reason", sa.String(length=200), nullable=False),
        sa.Column("range_id", KEY, nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["range_id"], ["number_range.id"], name=op.f("fk_voucher_paper_range_id")),
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


def voucher_party() -> None:
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


def voucher_payment() -> None:
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


TABLES = (
    slip_print,
    voucher,
    voucher_key,
    voucher_movement,
    voucher_paper,
    voucher_party,
    voucher_payment,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = (
    Guard(
        "voucher_frozen",
        "voucher",
        (
            "UPDATE OF id, unit_id, account_id, point_id, kind_id, range_id, serial, form, scene, of_id, "
            "code, number, check_code, title, amount_fen, own_balance_fen, business_at, business_day, "
            "issued_at, hospital_digest, visit_digest, department, department_code, cashier, author, reason,"
            " remark, content, warnings"
        ),
        "",
        "a voucher is immutable",
    ),
    Guard("voucher_kept", "voucher", "DELETE", "", "a voucher is never deleted"),
    Guard(
        "voucher_numbered",
        "voucher",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = "
            "NEW.point_id AND r.bill_code = NEW.code AND NEW.number >= r.first AND NEW.number < r.next)"
        ),
        "the number was not taken from this range",
    ),
    Guard(
        "voucher_movement_follows",
        "voucher_movement",
        "INSERT",
        (
            "NEW.line <> COALESCE((SELECT m.line FROM voucher_movement m WHERE m.voucher_id = NEW.voucher_id"
            " ORDER BY m.line DESC LIMIT 1), 0) + 1 OR NEW.balance_fen <> COALESCE((SELECT m.balance_fen "
            "FROM voucher_movement m WHERE m.voucher_id = NEW.voucher_id ORDER BY m.line DESC LIMIT 1), 0) +"
            " NEW.amount_fen OR (NEW.line = 1) <> (NEW.kind = 'issued')"
        ),
        "a movement follows from the one before",
    ),
    Guard(
        "voucher_released",
        "voucher_movement",
        "INSERT",
        (
            "NEW.kind = 'released' AND NOT EXISTS (SELECT 1 FROM voucher_movement m WHERE m.voucher_id = "
            "NEW.voucher_id AND m.bill_id = NEW.bill_id AND m.kind = 'consumed' AND m.amount_fen = "
            "-NEW.amount_fen)"
        ),
        "only what a bill consumed is released",
    ),
    Guard(
        "voucher_paper_void",
        "voucher_paper",
        "UPDATE",
        (
            "OLD.void_at IS NOT NULL OR NEW.void_at IS NULL OR NEW.voucher_id <> OLD.voucher_id OR "
            "NEW.paper_code <> OLD.paper_code OR NEW.paper_number <> OLD.paper_number"
        ),
        "a sheet of paper is only made void, once",
    ),
    Guard("voucher_paper_kept", "voucher_paper", "DELETE", "", "a sheet of paper is never deleted"),
    Guard(
        "voucher_paper_number",
        "voucher_paper",
        "UPDATE",
        (
            "COALESCE(NEW.range_id, 0) <> COALESCE(OLD.range_id, 0) OR COALESCE(NEW.number, 0) <> "
            "COALESCE(OLD.number, 0)"
        ),
        "the number of a sheet is never changed",
    ),
    *frozen("slip_print", "voucher_key", "voucher_movement", "voucher_party", "voucher_payment"),
)
