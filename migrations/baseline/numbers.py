"""Numbers: segments, ranges, the ledger of movements, and the documents of the stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard, frozen


def stock_counter() -> None:
    op.create_table(
        "stock_counter",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stock_counter")),
    )


def stock_exchange() -> None:
    op.create_table(
        "stock_exchange",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_no", sa.String(length=4), nullable=False),
        sa.Column("message_id", sa.String(length=17), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("result_code", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_exchange")),
        sa.UniqueConstraint("message_id", name=op.f("uq_stock_exchange_message_id")),
    )
    op.create_index(op.f("ix_stock_exchange_sent_at"), "stock_exchange", ["sent_at"], unique=False)
    op.create_index(op.f("ix_stock_exchange_subject"), "stock_exchange", ["subject"], unique=False)


def number_segment() -> None:
    op.create_table(
        "number_segment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "first >= 0 AND first <= last AND last <= 9999999999", name=op.f("ck_number_segment_bounds")
        ),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_number_segment_kind_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_number_segment_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_segment")),
    )
    op.create_index(op.f("ix_number_segment_bill_code_first"), "number_segment", ["bill_code", "first"], unique=False)


def stock_alarm() -> None:
    op.create_table(
        "stock_alarm",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("rule", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("cleared_at", MOMENT, nullable=True),
        sa.Column("cleared_by", sa.String(length=100), nullable=False),
        sa.CheckConstraint("rule IN ('low', 'segment', 'reconcile')", name=op.f("ck_stock_alarm_rule")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_alarm_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alarm")),
    )
    op.create_index(
        "uq_stock_alarm_standing",
        "stock_alarm",
        ["unit_id", "rule", "subject"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )


def stock_application() -> None:
    op.create_table(
        "stock_application",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_name", sa.String(length=100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("reported_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("approved", sa.Integer(), nullable=True),
        sa.Column("opinion", sa.String(length=500), nullable=False),
        sa.Column("reviewer", sa.String(length=100), nullable=False),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'reported', 'reviewing', 'withdrawing', 'withdrawn', 'approved', 'returned', "
            "'issued', 'received', 'cancelled')",
            name=op.f("ck_stock_application_state"),
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_stock_application_quantity")),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_stock_application_kind_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_application_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_application")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_application_no")),
    )
    op.create_index(
        op.f("ix_stock_application_unit_id_made_at"), "stock_application", ["unit_id", "made_at"], unique=False
    )
    op.create_index(
        "uq_stock_application_pending",
        "stock_application",
        ["unit_id", "kind_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('reported', 'reviewing', 'withdrawing', 'approved')"),
        postgresql_where=sa.text("state IN ('reported', 'reviewing', 'withdrawing', 'approved')"),
    )


def stock_destruction() -> None:
    op.create_table(
        "stock_destruction",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("category", sa.String(length=8), nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("witness", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_name", sa.String(length=100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("decided_name", sa.String(length=100), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("category IN ('used', 'stock')", name=op.f("ck_stock_destruction_category")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'refused')", name=op.f("ck_stock_destruction_state")),
        sa.CheckConstraint("first <= last", name=op.f("ck_stock_destruction_bounds")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_destruction_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_destruction")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_destruction_no")),
    )
    op.create_index(
        op.f("ix_stock_destruction_bill_code_first"), "stock_destruction", ["bill_code", "first"], unique=False
    )
    op.create_index(
        op.f("ix_stock_destruction_unit_id_made_at"), "stock_destruction", ["unit_id", "made_at"], unique=False
    )


def stock_reconcile() -> None:
    op.create_table(
        "stock_reconcile",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.Column("equal", sa.Boolean(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_reconcile_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_reconcile")),
    )
    op.create_index(op.f("ix_stock_reconcile_unit_id_as_of"), "stock_reconcile", ["unit_id", "as_of"], unique=False)


def stock_return() -> None:
    op.create_table(
        "stock_return",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("opinion", sa.String(length=500), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_name", sa.String(length=100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('reported', 'accepted', 'refused')", name=op.f("ck_stock_return_state")),
        sa.CheckConstraint("first <= last", name=op.f("ck_stock_return_bounds")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_return_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_return")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_return_no")),
    )
    op.create_index(op.f("ix_stock_return_unit_id_made_at"), "stock_return", ["unit_id", "made_at"], unique=False)


def number_range() -> None:
    op.create_table(
        "number_range",
        sa.Column("id", KEY, nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("handed_out_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=8), server_default="open", nullable=False),
        sa.Column("slip", sa.String(length=24), server_default="", nullable=False),
        sa.CheckConstraint(
            "first <= next AND next <= last + 1 AND state IN ('open', 'waiting', 'reserved')",
            name=op.f("ck_number_range_bounds"),
        ),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_number_range_point_id")),
        sa.ForeignKeyConstraint(["segment_id"], ["number_segment.id"], name=op.f("fk_number_range_segment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_range")),
    )
    op.create_index(
        op.f("ix_number_range_point_id_bill_code_first"),
        "number_range",
        ["point_id", "bill_code", "first"],
        unique=False,
    )
    op.create_index(op.f("ix_number_range_segment_id"), "number_range", ["segment_id"], unique=False)


def stock_movement() -> None:
    op.create_table(
        "stock_movement",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("from_place", sa.String(length=8), nullable=False),
        sa.Column("from_point_id", KEY, nullable=True),
        sa.Column("to_place", sa.String(length=8), nullable=False),
        sa.Column("to_point_id", KEY, nullable=True),
        sa.Column("slip", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("actor_name", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "(from_place = 'point') = (from_point_id IS NOT NULL) AND (to_place = 'point') = (to_point_id IS NOT NULL)",
            name=op.f("ck_stock_movement_points"),
        ),
        sa.CheckConstraint(
            "kind || ':' || from_place || '>' || to_place IN ('receipt:finance>unit', 'hand_out:unit>point', "
            "'withdraw:point>unit', 'return:unit>finance', 'return_refused:finance>unit', 'stock_void:unit>void', "
            "'blank_loss:point>void')",
            name=op.f("ck_stock_movement_move"),
        ),
        sa.CheckConstraint("first <= last AND count = last - first + 1", name=op.f("ck_stock_movement_count")),
        sa.ForeignKeyConstraint(["from_point_id"], ["point.id"], name=op.f("fk_stock_movement_from_point_id")),
        sa.ForeignKeyConstraint(["segment_id"], ["number_segment.id"], name=op.f("fk_stock_movement_segment_id")),
        sa.ForeignKeyConstraint(["to_point_id"], ["point.id"], name=op.f("fk_stock_movement_to_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
    )
    op.create_index(op.f("ix_stock_movement_at"), "stock_movement", ["at"], unique=False)
    op.create_index(op.f("ix_stock_movement_segment_id"), "stock_movement", ["segment_id"], unique=False)
    op.create_index(op.f("ix_stock_movement_slip"), "stock_movement", ["slip"], unique=False)


def stock_receipt() -> None:
    op.create_table(
        "stock_receipt",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("application_id", KEY, nullable=True),
        sa.Column("finance_id", sa.String(length=40), nullable=True),
        sa.Column("agency", sa.String(length=20), nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("kind_id", KEY, nullable=True),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("segment_id", KEY, nullable=True),
        sa.Column("arrived_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("decided_name", sa.String(length=100), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'confirmed') = (segment_id IS NOT NULL)", name=op.f("ck_stock_receipt_segment")),
        sa.CheckConstraint("source IN ('application', 'opening', 'push')", name=op.f("ck_stock_receipt_source")),
        sa.CheckConstraint("state IN ('waiting', 'confirmed', 'refused')", name=op.f("ck_stock_receipt_state")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["stock_application.id"], name=op.f("fk_stock_receipt_application_id")
        ),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_stock_receipt_kind_id")),
        sa.ForeignKeyConstraint(["segment_id"], ["number_segment.id"], name=op.f("fk_stock_receipt_segment_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_receipt_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_receipt")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_receipt_no")),
        sa.UniqueConstraint("segment_id", name=op.f("uq_stock_receipt_segment_id")),
        sa.UniqueConstraint("unit_id", "finance_id", name=op.f("uq_stock_receipt_unit_id_finance_id")),
    )
    op.create_index(
        op.f("ix_stock_receipt_unit_id_arrived_at"), "stock_receipt", ["unit_id", "arrived_at"], unique=False
    )


def stock_rule() -> None:
    op.create_table(
        "stock_rule",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("place", sa.String(length=20), nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("lot", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(place = 'unit') = (point_id IS NULL) AND (lot = 0 OR point_id IS NOT NULL)",
            name=op.f("ck_stock_rule_place"),
        ),
        sa.CheckConstraint("low >= 0 AND lot >= 0", name=op.f("ck_stock_rule_amounts")),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_stock_rule_kind_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_stock_rule_point_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_rule_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_rule")),
        sa.UniqueConstraint("unit_id", "kind_id", "place", name=op.f("uq_stock_rule_unit_id_kind_id_place")),
    )


def stock_slip() -> None:
    op.create_table(
        "stock_slip",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("point_name", sa.String(length=100), nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("taker", sa.String(length=100), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_name", sa.String(length=100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("handed_name", sa.String(length=100), nullable=False),
        sa.Column("handed_at", MOMENT, nullable=True),
        sa.Column("accepted_name", sa.String(length=100), nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=True),
        sa.Column("withdrawn_name", sa.String(length=100), nullable=False),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'handed_out', 'accepted', 'withdrawn', 'cancelled')", name=op.f("ck_stock_slip_state")
        ),
        sa.CheckConstraint("count > 0", name=op.f("ck_stock_slip_count")),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_stock_slip_kind_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_stock_slip_point_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_slip_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_slip")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_slip_no")),
    )
    op.create_index(op.f("ix_stock_slip_point_id_state"), "stock_slip", ["point_id", "state"], unique=False)
    op.create_index(op.f("ix_stock_slip_unit_id_made_at"), "stock_slip", ["unit_id", "made_at"], unique=False)


def stock_void() -> None:
    op.create_table(
        "stock_void",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(length=24), nullable=False),
        sa.Column("category", sa.String(length=8), nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("bill_code", sa.String(length=8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_name", sa.String(length=100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("decided_name", sa.String(length=100), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("(category = 'blank') = (point_id IS NOT NULL)", name=op.f("ck_stock_void_point")),
        sa.CheckConstraint("category IN ('stock', 'blank')", name=op.f("ck_stock_void_category")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'refused')", name=op.f("ck_stock_void_state")),
        sa.CheckConstraint("first <= last", name=op.f("ck_stock_void_bounds")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_stock_void_point_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_void_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_void")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_void_no")),
    )
    op.create_index(op.f("ix_stock_void_unit_id_made_at"), "stock_void", ["unit_id", "made_at"], unique=False)


TABLES = (
    stock_counter,
    stock_exchange,
    number_segment,
    stock_alarm,
    stock_application,
    stock_destruction,
    stock_reconcile,
    stock_return,
    number_range,
    stock_movement,
    stock_receipt,
    stock_rule,
    stock_slip,
    stock_void,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = (
    Guard("segment_frozen", "number_segment", "UPDATE", "", "a segment is immutable"),
    Guard("segment_kept", "number_segment", "DELETE", "", "a segment is never deleted"),
    Guard(
        "segment_apart",
        "number_segment",
        "INSERT",
        (
            "EXISTS (SELECT 1 FROM number_segment s WHERE s.bill_code = NEW.bill_code AND s.first <= "
            "NEW.last AND NEW.first <= s.last)"
        ),
        "a segment overlaps another",
        "'segment:' || NEW.bill_code",
    ),
    Guard("range_kept", "number_range", "DELETE", "", "a range is never deleted"),
    Guard(
        "range_inside",
        "number_range",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM number_segment s WHERE s.id = NEW.segment_id AND s.bill_code = "
            "NEW.bill_code AND s.first <= NEW.first AND NEW.last <= s.last) OR EXISTS (SELECT 1 FROM "
            "number_range r WHERE r.segment_id = NEW.segment_id AND r.first <= NEW.last AND NEW.first <= "
            "r.last AND r.first <= r.last)"
        ),
        "a range lies inside its segment and overlaps no other",
        "'range:' || NEW.segment_id",
    ),
    Guard(
        "range_forward",
        "number_range",
        "UPDATE",
        (
            "NEW.next < OLD.next OR NEW.first <> OLD.first OR NEW.bill_code <> OLD.bill_code OR "
            "NEW.segment_id <> OLD.segment_id OR NEW.point_id <> OLD.point_id OR NEW.last > OLD.last OR "
            "NEW.slip <> OLD.slip"
        ),
        "a range only moves forward",
    ),
    Guard(
        "stock_movement_inside",
        "stock_movement",
        "INSERT",
        (
            "NOT EXISTS (SELECT 1 FROM number_segment s WHERE s.id = NEW.segment_id AND s.bill_code = "
            "NEW.bill_code AND s.first <= NEW.first AND NEW.last <= s.last)"
        ),
        "a movement lies inside its segment",
    ),
    *frozen("stock_movement"),
)
