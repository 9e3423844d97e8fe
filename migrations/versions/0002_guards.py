"""Guards in the database: immutable bills, legal state moves, numbers inside their ranges, append-only audit.

The application keeps these rules too; these triggers hold against anybody who writes to the database.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FROZEN_BILL = (
    "id, unit_id, account_id, point_id, kind_id, range_id, serial, scene, bill_code, number, check_code, title, "
    "payer_kind, total_fen, fund_fen, other_fund_fen, account_fen, own_cash_fen, own_cost_fen, self_pay_fen, "
    "business_at, business_day, issued_at, department, department_code, insurance_type, cashier, checker, "
    "circulating, red_of_id, content, warnings"
)
FROZEN_TABLES = (
    "bill_item",
    "bill_detail",
    "bill_payment",
    "bill_party",
    "bill_document",
    "supervision",
    "audit_entry",
)
LEGAL_MOVES = (
    "'issued>uploaded', 'issued>supervised', 'issued>refused', 'uploaded>supervised', 'uploaded>refused', "
    "'refused>uploaded', 'refused>supervised', 'supervised>reversed'"
)

# name, table, event, condition that refuses, message
GUARDS = [
    ("bill_frozen", "bill", f"UPDATE OF {FROZEN_BILL}", "", "a bill is immutable"),
    ("bill_kept", "bill", "DELETE", "", "a bill is never deleted"),
    (
        "bill_moves",
        "bill",
        "UPDATE OF state",
        f"NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN ({LEGAL_MOVES})",
        "illegal state of a bill",
    ),
    (
        "bill_numbered",
        "bill",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM number_range r WHERE r.id = NEW.range_id AND r.point_id = NEW.point_id"
        " AND r.bill_code = NEW.bill_code AND NEW.number >= r.first AND NEW.number < r.next)",
        "the number was not taken from this range",
    ),
    (
        "range_inside",
        "number_range",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM number_segment s WHERE s.id = NEW.segment_id AND s.bill_code = NEW.bill_code"
        " AND s.first <= NEW.first AND NEW.last <= s.last)"
        " OR EXISTS (SELECT 1 FROM number_range r WHERE r.segment_id = NEW.segment_id"
        " AND r.first <= NEW.last AND NEW.first <= r.last)",
        "a range lies inside its segment and overlaps no other",
    ),
    (
        "range_forward",
        "number_range",
        "UPDATE",
        "NEW.next < OLD.next OR NEW.first <> OLD.first OR NEW.bill_code <> OLD.bill_code"
        " OR NEW.segment_id <> OLD.segment_id OR NEW.point_id <> OLD.point_id",
        "a range only moves forward",
    ),
    ("range_kept", "number_range", "DELETE", "", "a range is never deleted"),
    (
        "segment_apart",
        "number_segment",
        "INSERT",
        "EXISTS (SELECT 1 FROM number_segment s WHERE s.bill_code = NEW.bill_code"
        " AND s.first <= NEW.last AND NEW.first <= s.last)",
        "a segment overlaps another",
    ),
    ("segment_frozen", "number_segment", "UPDATE", "", "a segment is immutable"),
    ("segment_kept", "number_segment", "DELETE", "", "a segment is never deleted"),
    *((f"{table}_frozen", table, "UPDATE", "", f"{table} is immutable") for table in FROZEN_TABLES),
    *((f"{table}_kept", table, "DELETE", "", f"{table} is never deleted") for table in FROZEN_TABLES),
]


def upgrade() -> None:
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
