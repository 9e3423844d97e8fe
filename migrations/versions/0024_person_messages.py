"""Messages about a person as deliveries: a proxy's look, the answer to a request, one-time codes."""

from __future__ import annotations

from alembic import op

from migrations.support import replace_check

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KINDS = "object_kind IN ('bill', 'voucher')"
ALL_KINDS = "object_kind IN ('bill', 'voucher', 'family', 'request', 'code')"
PURPOSES = "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice', 'exchanged')"
ALL_PURPOSES = (
    "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice', 'exchanged', 'family', 'answer', 'code')"
)
OF_PERSONS = "SELECT id FROM delivery WHERE object_kind IN ('family', 'request', 'code')"


def upgrade() -> None:
    replace_check("delivery", "ck_delivery_object_kind", KINDS, ALL_KINDS)
    replace_check("delivery", "ck_delivery_purpose", PURPOSES, ALL_PURPOSES)


def downgrade() -> None:
    # The former version has no log of these messages; it would look for a bill with their number.
    attempts = f"SELECT id FROM delivery_attempt WHERE delivery_id IN ({OF_PERSONS})"
    op.execute(f"DELETE FROM delivery_stop WHERE attempt_id IN ({attempts})")
    op.execute(f"DELETE FROM delivery_attempt WHERE delivery_id IN ({OF_PERSONS})")
    op.execute("DELETE FROM delivery WHERE object_kind IN ('family', 'request', 'code')")
    replace_check("delivery", "ck_delivery_purpose", ALL_PURPOSES, PURPOSES)
    replace_check("delivery", "ck_delivery_object_kind", ALL_KINDS, KINDS)
