"""Alarms of the turn of the year; an application for next year's code may be pending beside one for this year's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import replace_check

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

OLD = "rule IN ('low', 'segment', 'reconcile')"
NEW = "rule IN ('low', 'segment', 'reconcile', 'next_year', 'this_year', 'old_year')"
PENDING = sa.text("state IN ('reported', 'reviewing', 'withdrawing', 'approved')")


def upgrade() -> None:
    replace_check("stock_alarm", "ck_stock_alarm_rule", OLD, NEW)
    _one_pending("bill_code")


def downgrade() -> None:
    _one_pending("kind_id")
    replace_check("stock_alarm", "ck_stock_alarm_rule", NEW, OLD, validate=False)


def _one_pending(column: str) -> None:
    name = "uq_stock_application_pending"
    op.drop_index(name, "stock_application")
    where = {"sqlite_where": PENDING, "postgresql_where": PENDING}
    op.create_index(name, "stock_application", ["unit_id", column], unique=True, **where)
