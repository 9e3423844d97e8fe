"""Red bills, booking, paper sheets with their printers and kiosks; the guards that keep them apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import add_guard, drop_guard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
VALID = sa.text("state = 'valid'")
MOVES = (
    "'issued>uploaded', 'issued>supervised', 'issued>refused', 'uploaded>supervised', 'uploaded>refused', "
    "'refused>uploaded', 'refused>supervised', 'supervised>reversed'"
)
EARLY_REVERSALS = ", 'issued>reversed', 'uploaded>reversed', 'refused>reversed'"
FROZEN_SHEET = "id, bill_id, point_id, range_id, paper_code, number, exchanged_at, actor, operator"
RED = "(SELECT 1 FROM bill r WHERE r.red_of_id = NEW.id)"
ORIGINAL = (
    "(SELECT 1 FROM bill o WHERE o.id = NEW.red_of_id AND o.red_of_id IS NULL AND o.state <> 'reversed'"
    " AND o.unit_id = NEW.unit_id AND o.total_fen = -NEW.total_fen)"
)
SHEET_OF_ORIGINAL = "(SELECT 1 FROM paper_bill p WHERE p.bill_id = NEW.red_of_id AND p.state = 'valid')"
EXCHANGEABLE = "(SELECT 1 FROM bill b WHERE b.id = NEW.bill_id AND b.red_of_id IS NULL AND b.state <> 'reversed')"
TAKEN = (
    "(SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = NEW.point_id"
    " AND r.bill_code = NEW.paper_code AND NEW.number >= r.first AND NEW.number < r.next)"
)
GUARDS = (
    (
        "bill_red",
        "bill",
        "INSERT",
        f"NEW.red_of_id IS NOT NULL AND (NOT EXISTS {ORIGINAL} OR EXISTS {SHEET_OF_ORIGINAL})",
        "a red bill reverses one whole bill that is neither red nor reversed nor out on paper",
    ),
    (
        "bill_reversed",
        "bill",
        "UPDATE OF state",
        f"NEW.state = 'reversed' AND NOT EXISTS {RED}",
        "a bill is reversed by its red bill only",
    ),
    ("reversal_frozen", "reversal", "UPDATE", "", "reversal is immutable"),
    ("reversal_kept", "reversal", "DELETE", "", "reversal is never deleted"),
    ("paper_bill_frozen", "paper_bill", f"UPDATE OF {FROZEN_SHEET}", "", "a sheet is immutable"),
    ("paper_bill_kept", "paper_bill", "DELETE", "", "a sheet is never deleted"),
    (
        "paper_bill_ends",
        "paper_bill",
        "UPDATE OF state",
        "OLD.state <> 'valid' AND NEW.state <> OLD.state",
        "a sheet that has ended stays ended",
    ),
    (
        "paper_bill_numbered",
        "paper_bill",
        "INSERT",
        f"NOT EXISTS {TAKEN}",
        "the number of the sheet was not taken from this range",
    ),
    (
        "paper_bill_of_live",
        "paper_bill",
        "INSERT",
        f"NOT EXISTS {EXCHANGEABLE}",
        "a red or reversed bill has no paper",
    ),
    ("paper_check_frozen", "paper_check", "UPDATE", "", "paper_check is immutable"),
)


def upgrade() -> None:
    _devices()
    _reversals()
    _papers()
    _moves(MOVES + EARLY_REVERSALS)
    for guard in GUARDS:
        add_guard(*guard)


def downgrade() -> None:
    for name, table, *_ in reversed(GUARDS):
        drop_guard(name, table)
    _moves(MOVES)
    for table in ("paper_check", "paper_bill", "booking", "reversal", "kiosk_device", "printer"):
        op.drop_table(table)


def _moves(legal: str) -> None:
    drop_guard("bill_moves", "bill")
    add_guard(
        "bill_moves",
        "bill",
        "UPDATE OF state",
        f"NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ({legal})",
        "illegal state of a bill",
    )


def _reversals() -> None:
    op.create_table(
        "reversal",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("red_id", sa.BigInteger(), nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("operator", sa.String(100), nullable=False),
        sa.Column("approver", sa.String(100), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('refund', 'unregister', 'return_card', 'settlement', 'mistake', 'other')",
            name=op.f("ck_reversal_kind"),
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_reversal_reason")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_reversal_bill_id")),
        sa.ForeignKeyConstraint(["red_id"], ["bill.id"], name=op.f("fk_reversal_red_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_reversal_point_id")),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_reversal")),
        sa.UniqueConstraint("red_id", name=op.f("uq_reversal_red_id")),
    )
    op.create_index(op.f("ix_reversal_point_id_at"), "reversal", ["point_id", "at"])
    op.create_table(
        "booking",
        sa.Column("bill_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("booked_by", sa.String(200), nullable=False),
        sa.Column("voucher_no", sa.String(50), nullable=False),
        sa.Column("booked_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_booking_bill_id")),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_booking")),
    )


def _papers() -> None:
    op.create_table(
        "paper_bill",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("range_id", KEY, nullable=False),
        sa.Column("paper_code", sa.String(8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("exchanged_at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("operator", sa.String(100), nullable=False),
        sa.Column("printer_id", KEY, nullable=True),
        sa.Column("prints", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.String(100), nullable=False),
        sa.Column("ended_reason", sa.String(200), nullable=False),
        sa.Column("approver", sa.String(100), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.Column("attachment", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("state IN ('valid', 'recovered', 'void')", name=op.f("ck_paper_bill_state")),
        sa.CheckConstraint("(state = 'valid') = (ended_at IS NULL)", name=op.f("ck_paper_bill_ended")),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_paper_bill_bill_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_paper_bill_point_id")),
        sa.ForeignKeyConstraint(["range_id"], ["number_range.id"], name=op.f("fk_paper_bill_range_id")),
        sa.ForeignKeyConstraint(["printer_id"], ["printer.id"], name=op.f("fk_paper_bill_printer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_bill")),
        sa.UniqueConstraint("paper_code", "number", name=op.f("uq_paper_bill_paper_code_number")),
    )
    op.create_index(
        "ix_paper_bill_valid", "paper_bill", ["bill_id"], unique=True, sqlite_where=VALID, postgresql_where=VALID
    )
    op.create_index(op.f("ix_paper_bill_bill_id"), "paper_bill", ["bill_id"])
    op.create_index(op.f("ix_paper_bill_point_id_exchanged_at"), "paper_bill", ["point_id", "exchanged_at"])
    op.create_table(
        "paper_check",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("paper_code", sa.String(8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_paper_check_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_check")),
    )
    op.create_index(
        op.f("ix_paper_check_point_id_actor_business_day"), "paper_check", ["point_id", "actor", "business_day"]
    )


def _devices() -> None:
    op.create_table(
        "printer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("offset_x", sa.Integer(), nullable=False),
        sa.Column("offset_y", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("abs(offset_x) <= 500 AND abs(offset_y) <= 500", name=op.f("ck_printer_offset")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_printer_unit_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_printer_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_printer")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_printer_unit_id_name")),
    )
    op.create_table(
        "kiosk_device",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("printer_id", KEY, nullable=True),
        sa.Column("sheets", sa.Integer(), nullable=False),
        sa.Column("calling", MOMENT, nullable=True),
        sa.Column("calling_why", sa.String(60), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("sheets >= 0", name=op.f("ck_kiosk_device_sheets")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_kiosk_device_unit_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_kiosk_device_point_id")),
        sa.ForeignKeyConstraint(["printer_id"], ["printer.id"], name=op.f("fk_kiosk_device_printer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_device")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_kiosk_device_token_digest")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_kiosk_device_unit_id_name")),
    )
