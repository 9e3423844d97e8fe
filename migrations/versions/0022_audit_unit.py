"""Every audit entry says its unit, so that an auditor reads the own unit's log only; the kiosk's staff role, which did
nothing since a kiosk is a device with a token of its own, goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("unit_id", sa.BigInteger(), nullable=True))
    op.execute("DELETE FROM staff_role WHERE role = 'kiosk'")


def downgrade() -> None:
    op.drop_column("audit_entry", "unit_id")
