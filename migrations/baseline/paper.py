"""What follows a bill: reversal, booking, paper, and the printers that make it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard, frozen


def paper_check() -> None:
    op.create_table(
        "paper_check",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("paper_code", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_paper_check_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_check")),
    )
    op.create_index(
        op.f("ix_paper_check_point_id_actor_business_day"),
        "paper_check",
        ["point_id", "actor", "business_day"],
        unique=False,
    )


def printer() -> None:
    op.create_table(
        "printer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("offset_x", sa.Integer(), nullable=False),
        sa.Column("offset_y", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("abs(offset_x) <= 500 AND abs(offset_y) <= 500", name=op.f("ck_printer_offset")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_printer_point_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_printer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_printer")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_printer_unit_id_name")),
    )


def kiosk_device() -> None:
    op.create_table(
        "kiosk_device",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("printer_id", KEY, nullable=True),
        sa.Column("sheets", sa.Integer(), nullable=False),
        sa.Column("calling", MOMENT, nullable=True),
        sa.Column("calling_why", sa.String(length=60), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("sheets >= 0", name=op.f("ck_kiosk_device_sheets")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_kiosk_device_point_id")),
        sa.ForeignKeyConstraint(["printer_id"], ["printer.id"], name=op.f("fk_kiosk_device_printer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_kiosk_device_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_device")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_kiosk_device_token_digest")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_kiosk_device_unit_id_name")),
    )


def booking() -> None:
    op.create_table(
        "booking",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("booked_by", sa.String(length=200), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("voucher_no", sa.String(length=50), nullable=False),
        sa.Column("booked_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_booking_bill_id")),
        sa.PrimaryKeyConstraint("bill_id", "booked_by", name=op.f("pk_booking")),
    )


def paper_bill() -> None:
    op.create_table(
        "paper_bill",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("range_id", KEY, nullable=False),
        sa.Column("paper_code", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("exchanged_at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("operator", sa.String(length=100), nullable=False),
        sa.Column("printer_id", KEY, nullable=True),
        sa.Column("prints", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=False),
        sa.Column("ended_reason", sa.String(length=200), nullable=False),
        sa.Column("approver", sa.String(length=100), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.Column("attachment", sa.LargeBinary(), nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("end_told_at", MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'valid') = (ended_at IS NULL)", name=op.f("ck_paper_bill_ended")),
        sa.CheckConstraint("state IN ('valid', 'recovered', 'void')", name=op.f("ck_paper_bill_state")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_paper_bill_bill_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_paper_bill_point_id")),
        sa.ForeignKeyConstraint(["printer_id"], ["printer.id"], name=op.f("fk_paper_bill_printer_id")),
        sa.ForeignKeyConstraint(["range_id"], ["number_range.id"], name=op.f("fk_paper_bill_range_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_bill")),
        sa.UniqueConstraint("paper_code", "number", name=op.f("uq_paper_bill_paper_code_number")),
    )
    op.create_index(op.f("ix_paper_bill_bill_id"), "paper_bill", ["bill_id"], unique=False)
    op.create_index(
        op.f("ix_paper_bill_point_id_exchanged_at"), "paper_bill", ["point_id", "exchanged_at"], unique=False
    )
    op.create_index(
        "ix_paper_bill_valid",
        "paper_bill",
        ["bill_id"],
        unique=True,
        sqlite_where=sa.text("state = 'valid'"),
        postgresql_where=sa.text("state = 'valid'"),
    )


def reversal() -> None:
    op.create_table(
        "reversal",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("red_id", sa.BigInteger(), nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("operator", sa.String(length=100), nullable=False),
        sa.Column("approver", sa.String(length=100), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('refund', 'unregister', 'return_card', 'settlement', 'mistake', 'other')",
            name=op.f("ck_reversal_kind"),
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_reversal_reason")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_reversal_bill_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_reversal_point_id")),
        sa.ForeignKeyConstraint(["red_id"], ["bill.id"], name=op.f("fk_reversal_red_id")),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_reversal")),
        sa.UniqueConstraint("red_id", name=op.f("uq_reversal_red_id")),
    )
    op.create_index(op.f("ix_reversal_point_id_at"), "reversal", ["point_id", "at"], unique=False)


TABLES = (
    paper_check,
    printer,
    kiosk_device,
    booking,
    paper_bill,
    reversal,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = (
    Guard("paper_check_frozen", "paper_check", "UPDATE", "", "paper_check is immutable"),
    Guard(
        "paper_bill_frozen",
        "paper_bill",
        ("UPDATE OF id, bill_id, point_id, range_id, paper_code, number, exchanged_at, actor, operator"),
        "",
        "a sheet is immutable",
    ),
    Guard("paper_bill_kept", "paper_bill", "DELETE", "", "a sheet is never deleted"),
    Guard(
        "paper_bill_ends",
        "paper_bill",
        "UPDATE OF state",
        "OLD.state <> 'valid' AND NEW.state <> OLD.state",
        "a sheet that has ended stays ended",
    ),
    Guard(
        "paper_bill_numbered",
        "paper_bill",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = "
            "NEW.point_id AND r.bill_code = NEW.paper_code AND NEW.number >= r.first AND NEW.number < "
            "r.next)"
        ),
        "the number of the sheet was not taken from this range",
    ),
    Guard(
        "paper_bill_of_live",
        "paper_bill",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM bill b WHERE b.id = NEW.bill_id AND b.red_of_id IS NULL AND b.state "
            "<> 'reversed')"
        ),
        "a red or reversed bill has no paper",
    ),
    *frozen("reversal"),
)
