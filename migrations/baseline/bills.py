"""Bills: what was issued, its parties and documents, what finance said of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard, frozen


def bill() -> None:
    op.create_table(
        "bill",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("range_id", KEY, nullable=False),
        sa.Column("serial", sa.String(length=50), nullable=False),
        sa.Column("scene", sa.String(length=16), nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("check_code", sa.String(length=6), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("payer_kind", sa.String(length=1), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("other_fund_fen", sa.BigInteger(), nullable=False),
        sa.Column("account_fen", sa.BigInteger(), nullable=False),
        sa.Column("own_cash_fen", sa.BigInteger(), nullable=False),
        sa.Column("own_cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("self_pay_fen", sa.BigInteger(), nullable=False),
        sa.Column("business_at", MOMENT, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("department", sa.String(length=200), nullable=False),
        sa.Column("department_code", sa.String(length=100), nullable=False),
        sa.Column("insurance_type", sa.String(length=60), nullable=False),
        sa.Column("cashier", sa.String(length=100), nullable=False),
        sa.Column("checker", sa.String(length=100), nullable=False),
        sa.Column("circulating", sa.Boolean(), nullable=False),
        sa.Column("red_of_id", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_at", MOMENT, nullable=False),
        sa.Column("link_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("link_generation", sa.SmallInteger(), nullable=False),
        sa.Column("link_key", sa.String(length=1), server_default="A", nullable=False),
        sa.Column("earlier_link_digest", sa.LargeBinary(length=32), nullable=True),
        sa.CheckConstraint("payer_kind IN ('1', '2')", name=op.f("ck_bill_payer_kind")),
        sa.CheckConstraint(
            "state IN ('issued', 'uploaded', 'supervised', 'refused', 'reversed')", name=op.f("ck_bill_state")
        ),
        sa.CheckConstraint(
            "(red_of_id IS NULL AND total_fen >= 0) OR (red_of_id IS NOT NULL AND total_fen <= 0)",
            name=op.f("ck_bill_red"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["his_account.id"], name=op.f("fk_bill_account_id")),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_bill_kind_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_bill_point_id")),
        sa.ForeignKeyConstraint(["range_id"], ["number_range.id"], name=op.f("fk_bill_range_id")),
        sa.ForeignKeyConstraint(["red_of_id"], ["bill.id"], name=op.f("fk_bill_red_of_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_bill_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill")),
        sa.UniqueConstraint("account_id", "serial", name=op.f("uq_bill_account_id_serial")),
        sa.UniqueConstraint("bill_code", "number", name=op.f("uq_bill_bill_code_number")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_bill_link_digest")),
        sa.UniqueConstraint("red_of_id", name=op.f("uq_bill_red_of_id")),
    )
    op.create_index(op.f("ix_bill_earlier_link_digest"), "bill", ["earlier_link_digest"], unique=True)
    op.create_index(op.f("ix_bill_issued_at"), "bill", ["issued_at"], unique=False)
    op.create_index(op.f("ix_bill_point_id_issued_at"), "bill", ["point_id", "issued_at"], unique=False)
    op.create_index(op.f("ix_bill_unit_id_business_day"), "bill", ["unit_id", "business_day"], unique=False)


def bill_detail() -> None:
    op.create_table(
        "bill_detail",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("charge_code", sa.String(length=50), nullable=False),
        sa.Column("charge_name", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("spec", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("price_micro", sa.BigInteger(), nullable=True),
        sa.Column("quantity_micro", sa.BigInteger(), nullable=True),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("self_micro", sa.BigInteger(), nullable=False),
        sa.Column("insurance_class", sa.String(length=1), nullable=False),
        sa.Column("remark", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_detail_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", "line", name=op.f("pk_bill_detail")),
    )


def bill_document() -> None:
    op.create_table(
        "bill_document",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", MOMENT, nullable=False),
        sa.Column("certificate_serial", sa.String(length=64), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_document_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_bill_document")),
    )


def bill_item() -> None:
    op.create_table(
        "bill_item",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fiscal_code", sa.String(length=50), nullable=False),
        sa.Column("fiscal_name", sa.String(length=200), nullable=False),
        sa.Column("charge_code", sa.String(length=50), nullable=False),
        sa.Column("charge_name", sa.String(length=100), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("self_fen", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("price_micro", sa.BigInteger(), nullable=True),
        sa.Column("quantity_micro", sa.BigInteger(), nullable=True),
        sa.Column("remark", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_item_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", "line", name=op.f("pk_bill_item")),
    )


def bill_party() -> None:
    op.create_table(
        "bill_party",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_party_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_bill_party")),
    )


def bill_payment() -> None:
    op.create_table(
        "bill_payment",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("sent_code", sa.String(length=20), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_bill_payment_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("bill_id", "line", name=op.f("pk_bill_payment")),
    )


def bill_purpose() -> None:
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


def fiscal_exchange() -> None:
    op.create_table(
        "fiscal_exchange",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("message_no", sa.String(length=4), nullable=False),
        sa.Column("message_id", sa.String(length=17), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("result_code", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_fiscal_exchange_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fiscal_exchange")),
        sa.UniqueConstraint("message_id", name=op.f("uq_fiscal_exchange_message_id")),
    )
    op.create_index(op.f("ix_fiscal_exchange_bill_id"), "fiscal_exchange", ["bill_id"], unique=False)


def party_key() -> None:
    op.create_table(
        "party_key",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_party_key_bill_id"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("digest", "bill_id", name=op.f("pk_party_key")),
    )
    op.create_index(op.f("ix_party_key_bill_id"), "party_key", ["bill_id"], unique=False)


def supervision() -> None:
    op.create_table(
        "supervision",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("element", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_serial", sa.String(length=64), nullable=False),
        sa.Column("supervised_at", MOMENT, nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_supervision_bill_id")),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_supervision")),
    )


TABLES = (
    bill,
    bill_detail,
    bill_document,
    bill_item,
    bill_party,
    bill_payment,
    bill_purpose,
    fiscal_exchange,
    party_key,
    supervision,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = (
    Guard(
        "bill_frozen",
        "bill",
        (
            "UPDATE OF id, unit_id, account_id, point_id, kind_id, range_id, serial, scene, bill_code, "
            "number, check_code, title, payer_kind, total_fen, fund_fen, other_fund_fen, account_fen, "
            "own_cash_fen, own_cost_fen, self_pay_fen, business_at, business_day, issued_at, department, "
            "department_code, insurance_type, cashier, checker, circulating, red_of_id, content, warnings"
        ),
        "",
        "a bill is immutable",
    ),
    Guard("bill_kept", "bill", "DELETE", "", "a bill is never deleted"),
    Guard(
        "bill_numbered",
        "bill",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = "
            "NEW.point_id AND r.bill_code = NEW.bill_code AND NEW.number >= r.first AND NEW.number < r.next)"
        ),
        "the number was not taken from this range",
    ),
    Guard(
        "bill_moves",
        "bill",
        "UPDATE OF state",
        (
            "NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ('issued>uploaded', "
            "'issued>supervised', 'issued>refused', 'uploaded>supervised', 'uploaded>refused', "
            "'refused>uploaded', 'refused>supervised', 'supervised>reversed', 'issued>reversed', "
            "'uploaded>reversed', 'refused>reversed')"
        ),
        "illegal state of a bill",
    ),
    Guard(
        "bill_red",
        "bill",
        "INSERT",
        (
            "NEW.red_of_id IS NOT NULL AND (NOT EXISTS (SELECT 1 FROM bill o WHERE o.id = NEW.red_of_id AND "
            "o.red_of_id IS NULL AND o.state <> 'reversed' AND o.unit_id = NEW.unit_id AND o.total_fen = "
            "-NEW.total_fen) OR EXISTS (SELECT 1 FROM paper_bill p WHERE p.bill_id = NEW.red_of_id AND "
            "p.state = 'valid'))"
        ),
        "a red bill reverses one whole bill that is neither red nor reversed nor out on paper",
    ),
    Guard(
        "bill_reversed",
        "bill",
        "UPDATE OF state",
        "NEW.state = 'reversed' AND NOT EXISTS (SELECT 1 FROM bill r WHERE r.red_of_id = NEW.id)",
        "a bill is reversed by its red bill only",
    ),
    *frozen("bill_detail", "bill_document", "bill_item", "bill_party", "bill_payment", "bill_purpose", "supervision"),
)
