"""Indexes of what waits: tasks that stopped, bills that finance has not supervised or has refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STOPPED = sa.text("state = 'dead'")
OPEN = sa.text("state IN ('issued', 'uploaded', 'refused')")


def upgrade() -> None:
    op.create_index(
        "ix_outbox_task_dead", "outbox_task", ["finished_at"], sqlite_where=STOPPED, postgresql_where=STOPPED
    )
    op.create_index("ix_bill_open", "bill", ["unit_id", "state_at"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index("ix_bill_open", "bill")
    op.drop_index("ix_outbox_task_dead", "outbox_task")
