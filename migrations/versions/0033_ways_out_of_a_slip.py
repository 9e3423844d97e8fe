"""Passes that carry a proof once, links for an accountant, and whether a mail or card has more than the face."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import replace_check

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_OLD = "purpose IN ('mail', 'browser', 'window')"
_NEW = "purpose IN ('mail', 'browser', 'window', 'share')"


def upgrade() -> None:
    replace_check("patient_pass", "ck_patient_pass_purpose", _OLD, _NEW)
    op.add_column("patient_pass", sa.Column("used_at", sa.DateTime(timezone=True), nullable=True))
    for table in ("delivery", "bill_card"):
        op.add_column(table, sa.Column("whole", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for table in ("bill_card", "delivery"):
        op.drop_column(table, "whole")
    op.drop_column("patient_pass", "used_at")
    op.execute("DELETE FROM patient_pass WHERE purpose = 'share'")
    replace_check("patient_pass", "ck_patient_pass_purpose", _NEW, _OLD)
