"""One message tells of several bills: an attempt that has joined another one's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import replace_check

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_OLD = (
    "state IN ('queued', 'sending', 'asking', 'held', 'accepted', 'delivered', 'expired', 'parked', 'uncertain',"
    " 'failed', 'dead', 'stopped')"
)
_NEW = _OLD.replace("'stopped')", "'stopped', 'joined')")


def upgrade() -> None:
    op.add_column("delivery_attempt", sa.Column("joined_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_delivery_attempt_joined_id"), "delivery_attempt", ["joined_id"], unique=False)
    replace_check("delivery_attempt", "ck_delivery_attempt_state", _OLD, _NEW)


def downgrade() -> None:
    op.execute("UPDATE delivery_attempt SET state = 'stopped' WHERE state = 'joined'")
    replace_check("delivery_attempt", "ck_delivery_attempt_state", _NEW, _OLD)
    op.drop_index(op.f("ix_delivery_attempt_joined_id"), table_name="delivery_attempt")
    op.drop_column("delivery_attempt", "joined_id")
