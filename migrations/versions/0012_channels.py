"""Outside platforms: tokens, pushes, bindings, message permissions, mini-program log-ins, cards, consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_permission",
        sa.Column("subject_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_message_permission_remaining")),
        sa.PrimaryKeyConstraint("subject_digest", "template", name=op.f("pk_message_permission")),
    )
    op.create_table(
        "mini_login",
        sa.Column("session_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_digest", name=op.f("pk_mini_login")),
    )
    op.create_index(op.f("ix_mini_login_expires_at"), "mini_login", ["expires_at"], unique=False)
    op.create_table(
        "platform_inbox",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_inbox")),
    )
    op.create_index(op.f("ix_platform_inbox_received_at"), "platform_inbox", ["received_at"], unique=False)
    op.create_index(op.f("ix_platform_inbox_source_digest"), "platform_inbox", ["source", "digest"], unique=True)
    op.create_table(
        "platform_nonce",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_platform_nonce")),
    )
    op.create_index(op.f("ix_platform_nonce_expires_at"), "platform_nonce", ["expires_at"], unique=False)
    op.create_table(
        "platform_token",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.String(length=40), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_token")),
    )
    op.create_table(
        "channel_binding",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("platform", sa.String(length=8), nullable=False),
        sa.Column("appid", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("verified_by", sa.String(length=20), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("platform IN ('wechat', 'mini', 'alipay')", name=op.f("ck_channel_binding_platform")),
        sa.CheckConstraint("state IN ('active', 'stale', 'revoked')", name=op.f("ck_channel_binding_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_channel_binding_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_binding")),
    )
    op.create_index(op.f("ix_channel_binding_number_digest"), "channel_binding", ["number_digest"], unique=False)
    op.create_index(
        op.f("ix_channel_binding_platform_subject_digest_number_digest"),
        "channel_binding",
        ["platform", "subject_digest", "number_digest"],
        unique=True,
    )
    op.create_table(
        "bill_card",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.String(length=8), nullable=False),
        sa.Column("try_no", sa.SmallInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=True),
        sa.Column("card_code", sa.String(length=64), nullable=False),
        sa.Column("reimburse", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("platform IN ('wechat', 'alipay')", name=op.f("ck_bill_card_platform")),
        sa.CheckConstraint(
            "state IN ('offered', 'authorised', 'handed_over', 'inserted', 'cancelled', 'refused', 'failed')",
            name=op.f("ck_bill_card_state"),
        ),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_bill_card_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_card")),
        sa.UniqueConstraint("order_id", name=op.f("uq_bill_card_order_id")),
    )
    op.create_index(
        op.f("ix_bill_card_bill_id_platform_try_no"), "bill_card", ["bill_id", "platform", "try_no"], unique=True
    )
    op.create_index(op.f("ix_bill_card_card_code"), "bill_card", ["card_code"], unique=False)
    op.create_index(op.f("ix_bill_card_state_state_at"), "bill_card", ["state", "state_at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("text_version", sa.String(length=20), nullable=False),
        sa.Column("given_by", sa.String(length=80), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_consent_bill_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_consent_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_bill_id_purpose"), "consent", ["bill_id", "purpose"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_consent_bill_id_purpose"), table_name="consent")
    op.drop_table("consent")
    op.drop_index(op.f("ix_bill_card_state_state_at"), table_name="bill_card")
    op.drop_index(op.f("ix_bill_card_card_code"), table_name="bill_card")
    op.drop_index(op.f("ix_bill_card_bill_id_platform_try_no"), table_name="bill_card")
    op.drop_table("bill_card")
    op.drop_index(op.f("ix_channel_binding_platform_subject_digest_number_digest"), table_name="channel_binding")
    op.drop_index(op.f("ix_channel_binding_number_digest"), table_name="channel_binding")
    op.drop_table("channel_binding")
    op.drop_table("platform_token")
    op.drop_index(op.f("ix_platform_nonce_expires_at"), table_name="platform_nonce")
    op.drop_table("platform_nonce")
    op.drop_index(op.f("ix_platform_inbox_source_digest"), table_name="platform_inbox")
    op.drop_index(op.f("ix_platform_inbox_received_at"), table_name="platform_inbox")
    op.drop_table("platform_inbox")
    op.drop_index(op.f("ix_mini_login_expires_at"), table_name="mini_login")
    op.drop_table("mini_login")
    op.drop_table("message_permission")
