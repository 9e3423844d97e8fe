"""What finance has been told of a bill's sheets (9305, 9306); those of before are told with their bill's next act."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NEW = ("told_at", "end_told_at")


def upgrade() -> None:
    for name in NEW:
        op.add_column("paper_bill", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in NEW:
        op.drop_column("paper_bill", name)
