"""Patients are told of vouchers that a settlement has used, and of a phone that is new for them (``phone_change``)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, replace_check

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_PURPOSES = "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice', 'exchanged', 'family', 'answer', 'code')"
_MORE_PURPOSES = _PURPOSES.replace("'exchanged', ", "'exchanged', 'used', ").replace("'code')", "'code', 'phone')")
_KINDS = "object_kind IN ('bill', 'voucher', 'family', 'request', 'code')"
_MORE_KINDS = _KINDS.replace("'code')", "'code', 'phone')")


def upgrade() -> None:
    op.create_table(
        "phone_change",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('open', 'confirmed', 'refused')", name=op.f("ck_phone_change_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_phone_change_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_change")),
        sa.UniqueConstraint("digest", name=op.f("uq_phone_change_digest")),
    )
    replace_check("delivery", "ck_delivery_purpose", _PURPOSES, _MORE_PURPOSES)
    replace_check("delivery", "ck_delivery_object_kind", _KINDS, _MORE_KINDS)


_NEW = "SELECT id FROM delivery WHERE object_kind = 'phone' OR purpose = 'used'"


def downgrade() -> None:
    # The former version has no log of these messages.
    attempts = f"SELECT id FROM delivery_attempt WHERE delivery_id IN ({_NEW})"
    op.execute(f"DELETE FROM delivery_stop WHERE attempt_id IN ({attempts})")
    op.execute(f"DELETE FROM delivery_attempt WHERE delivery_id IN ({_NEW})")
    op.execute("DELETE FROM delivery WHERE object_kind = 'phone' OR purpose = 'used'")
    replace_check("delivery", "ck_delivery_object_kind", _MORE_KINDS, _KINDS)
    replace_check("delivery", "ck_delivery_purpose", _MORE_PURPOSES, _PURPOSES)
    op.drop_table("phone_change")
