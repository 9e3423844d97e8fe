"""Stock: states of ranges, the ledger of movements, its documents; overlap refused for writers at once as well."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.models.migrating import add_guard, drop_guard, replace_check

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OLD_BOUNDS = "first <= next AND next <= last + 1 AND first <= last"
BOUNDS = "first <= next AND next <= last + 1 AND state IN ('open', 'waiting', 'reserved')"
MOVES = (
    "'receipt:finance>unit', 'hand_out:unit>point', 'withdraw:point>unit', 'return:unit>finance', "
    "'return_refused:finance>unit', 'stock_void:unit>void', 'blank_loss:point>void'"
)

OUTSIDE = (
    "NOT EXISTS (SELECT 1 FROM number_segment s WHERE s.id = NEW.segment_id AND s.bill_code = NEW.bill_code"
    " AND s.first <= NEW.first AND NEW.last <= s.last)"
)
OVER = (
    "EXISTS (SELECT 1 FROM number_range r WHERE r.segment_id = NEW.segment_id"
    " AND r.first <= NEW.last AND NEW.first <= r.last{also})"
)
BACK = (
    "NEW.next < OLD.next OR NEW.first <> OLD.first OR NEW.bill_code <> OLD.bill_code"
    " OR NEW.segment_id <> OLD.segment_id OR NEW.point_id <> OLD.point_id"
)
APART = (
    "EXISTS (SELECT 1 FROM number_segment s WHERE s.bill_code = NEW.bill_code"
    " AND s.first <= NEW.last AND NEW.first <= s.last)"
)
RANGE_INSIDE = ("range_inside", "number_range", "INSERT")
RANGE_FORWARD = ("range_forward", "number_range", "UPDATE")
SEGMENT_APART = ("segment_apart", "number_segment", "INSERT")
INSIDE_MESSAGE = "a range lies inside its segment and overlaps no other"
FORWARD_MESSAGE = "a range only moves forward"
APART_MESSAGE = "a segment overlaps another"


def upgrade() -> None:
    op.add_column("bill_kind", sa.Column("paper_prefix", sa.String(6), server_default="", nullable=False))
    op.add_column("number_range", sa.Column("state", sa.String(8), server_default="open", nullable=False))
    op.add_column("number_range", sa.Column("slip", sa.String(24), server_default="", nullable=False))
    replace_check("number_range", "ck_number_range_bounds", OLD_BOUNDS, BOUNDS)
    for name, table, _ in (RANGE_INSIDE, RANGE_FORWARD, SEGMENT_APART):
        drop_guard(name, table)
    also = " AND r.first <= r.last"
    add_guard(*RANGE_INSIDE, f"{OUTSIDE} OR {OVER.format(also=also)}", INSIDE_MESSAGE, "'range:' || NEW.segment_id")
    add_guard(*RANGE_FORWARD, f"{BACK} OR NEW.last > OLD.last OR NEW.slip <> OLD.slip", FORWARD_MESSAGE)
    add_guard(*SEGMENT_APART, APART, APART_MESSAGE, "'segment:' || NEW.bill_code")
    _movements()
    _documents()
    add_guard("stock_movement_frozen", "stock_movement", "UPDATE", "", "stock_movement is immutable")
    add_guard("stock_movement_kept", "stock_movement", "DELETE", "", "stock_movement is never deleted")
    add_guard(
        "stock_movement_inside",
        "stock_movement",
        "INSERT",
        OUTSIDE,
        "a movement lies inside its segment",
    )


def _movements() -> None:
    op.create_table(
        "stock_movement",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("bill_code", sa.String(8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("from_place", sa.String(8), nullable=False),
        sa.Column("from_point_id", KEY, nullable=True),
        sa.Column("to_place", sa.String(8), nullable=False),
        sa.Column("to_point_id", KEY, nullable=True),
        sa.Column("slip", sa.String(24), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("actor_name", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.CheckConstraint("first <= last AND count = last - first + 1", name=op.f("ck_stock_movement_count")),
        sa.CheckConstraint(
            f"kind || ':' || from_place || '>' || to_place IN ({MOVES})", name=op.f("ck_stock_movement_move")
        ),
        sa.CheckConstraint(
            "(from_place = 'point') = (from_point_id IS NOT NULL) AND (to_place = 'point') = (to_point_id IS NOT NULL)",
            name=op.f("ck_stock_movement_points"),
        ),
        sa.ForeignKeyConstraint(["segment_id"], ["number_segment.id"], name=op.f("fk_stock_movement_segment_id")),
        sa.ForeignKeyConstraint(["from_point_id"], ["point.id"], name=op.f("fk_stock_movement_from_point_id")),
        sa.ForeignKeyConstraint(["to_point_id"], ["point.id"], name=op.f("fk_stock_movement_to_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
    )
    for column in ("segment_id", "slip", "at"):
        op.create_index(op.f(f"ix_stock_movement_{column}"), "stock_movement", [column])


def _documents() -> None:
    op.create_table(
        "stock_counter",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_stock_counter")),
    )
    op.create_table(
        "stock_void",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("no", sa.String(24), nullable=False),
        sa.Column("category", sa.String(8), nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("bill_code", sa.String(8), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("made_by", sa.String(80), nullable=False),
        sa.Column("made_name", sa.String(100), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("decided_name", sa.String(100), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("category IN ('stock', 'blank')", name=op.f("ck_stock_void_category")),
        sa.CheckConstraint("(category = 'blank') = (point_id IS NOT NULL)", name=op.f("ck_stock_void_point")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'refused')", name=op.f("ck_stock_void_state")),
        sa.CheckConstraint("first <= last", name=op.f("ck_stock_void_bounds")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stock_void_unit_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_stock_void_point_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_void")),
        sa.UniqueConstraint("no", name=op.f("uq_stock_void_no")),
    )
    op.create_index(op.f("ix_stock_void_unit_id_made_at"), "stock_void", ["unit_id", "made_at"])


def downgrade() -> None:
    op.drop_table("stock_void")
    op.drop_table("stock_counter")
    for name in ("stock_movement_inside", "stock_movement_kept", "stock_movement_frozen"):
        drop_guard(name, "stock_movement")
    op.drop_table("stock_movement")
    for name, table, _ in (RANGE_INSIDE, RANGE_FORWARD, SEGMENT_APART):
        drop_guard(name, table)
    drop_guard("range_kept", "number_range")
    op.execute("DELETE FROM number_range WHERE first > last")  # empty ones, which the old form did not know
    add_guard("range_kept", "number_range", "DELETE", "", "a range is never deleted")
    replace_check("number_range", "ck_number_range_bounds", BOUNDS, OLD_BOUNDS)
    op.drop_column("number_range", "slip")
    op.drop_column("number_range", "state")
    op.drop_column("bill_kind", "paper_prefix")
    add_guard(*RANGE_INSIDE, f"{OUTSIDE} OR {OVER.format(also='')}", INSIDE_MESSAGE)
    add_guard(*RANGE_FORWARD, BACK, FORWARD_MESSAGE)
    add_guard(*SEGMENT_APART, APART, APART_MESSAGE)
