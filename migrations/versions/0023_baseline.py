"""The whole schema, where it begins: what the 23 steps before the first release made, in one.

It keeps the last step's number, so that a database that took them all is at this revision and opens unchanged.
"""

from __future__ import annotations

from alembic import op

from migrations.baseline import PARTS
from migrations.support import add_guard, drop_guard

revision = "0023"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for part in PARTS:
        for make in part.TABLES:
            make()
        for guard in part.GUARDS:
            add_guard(guard)


def downgrade() -> None:
    for part in reversed(PARTS):
        for guard in reversed(part.GUARDS):
            drop_guard(guard)
        for make in reversed(part.TABLES):
            op.drop_table(make.__name__)
