"""Delivery: attempts, pauses, stops; bindings and inboxes of platforms, cards; push targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard


def message_permission() -> None:
    op.create_table(
        "message_permission",
        sa.Column("subject_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_message_permission_remaining")),
        sa.PrimaryKeyConstraint("subject_digest", "template", name=op.f("pk_message_permission")),
    )


def mini_login() -> None:
    op.create_table(
        "mini_login",
        sa.Column("session_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("session_digest", name=op.f("pk_mini_login")),
    )
    op.create_index(op.f("ix_mini_login_expires_at"), "mini_login", ["expires_at"], unique=False)


def platform_inbox() -> None:
    op.create_table(
        "platform_inbox",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_inbox")),
    )
    op.create_index(op.f("ix_platform_inbox_received_at"), "platform_inbox", ["received_at"], unique=False)
    op.create_index(op.f("ix_platform_inbox_source_digest"), "platform_inbox", ["source", "digest"], unique=True)


def platform_nonce() -> None:
    op.create_table(
        "platform_nonce",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_platform_nonce")),
    )
    op.create_index(op.f("ix_platform_nonce_expires_at"), "platform_nonce", ["expires_at"], unique=False)


def platform_token() -> None:
    op.create_table(
        "platform_token",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("leased_by", sa.String(length=40), nullable=False),
        sa.Column("leased_until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_token")),
    )


def channel_binding() -> None:
    op.create_table(
        "channel_binding",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("platform", sa.String(length=8), nullable=False),
        sa.Column("appid", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=8), nullable=False),
        sa.Column("number_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("verified_by", sa.String(length=20), nullable=False),
        sa.Column("verified_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("state_at", MOMENT, nullable=False),
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


def channel_pause() -> None:
    op.create_table(
        "channel_pause",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_channel_pause_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "channel", name=op.f("pk_channel_pause")),
    )


def delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("object_kind", sa.String(length=8), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("object_kind IN ('bill', 'voucher')", name=op.f("ck_delivery_object_kind")),
        sa.CheckConstraint(
            "purpose IN ('issued', 'reversed', 'ready', 'requested', 'notice', 'exchanged')",
            name=op.f("ck_delivery_purpose"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'sent', 'parked', 'uncertain', 'failed', 'stopped')",
            name=op.f("ck_delivery_state"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_delivery_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "object_kind", "object_id", "purpose", "version", "recipient_digest", name="uq_delivery_once"
        ),
    )
    op.create_index(op.f("ix_delivery_unit_id_created_at"), "delivery", ["unit_id", "created_at"], unique=False)


def push_target() -> None:
    op.create_table(
        "push_target",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("next_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_unseen", sa.Boolean(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("receipts", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("consent", sa.String(length=200), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_push_target_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_target")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_push_target_unit_id_code")),
    )
    op.create_index(op.f("ix_push_target_key_id"), "push_target", ["key_id"], unique=False)


def delivery_attempt() -> None:
    op.create_table(
        "delivery_attempt",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("effect", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("masked", sa.String(length=60), nullable=False),
        sa.Column("our_ref", sa.String(length=32), nullable=False),
        sa.Column("their_ref", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("result_class", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("blind", sa.SmallInteger(), nullable=False),
        sa.Column("asked", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'asking', 'held', 'accepted', 'delivered', 'expired', 'parked', "
            "'uncertain', 'failed', 'dead', 'stopped')",
            name=op.f("ck_delivery_attempt_state"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempt")),
        sa.UniqueConstraint("effect", name=op.f("uq_delivery_attempt_effect")),
        sa.UniqueConstraint("our_ref", name=op.f("uq_delivery_attempt_our_ref")),
    )
    op.create_index(
        op.f("ix_delivery_attempt_channel_their_ref"), "delivery_attempt", ["channel", "their_ref"], unique=False
    )
    op.create_index(op.f("ix_delivery_attempt_delivery_id"), "delivery_attempt", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_delivery_attempt_state_next_at"), "delivery_attempt", ["state", "next_at"], unique=False)


def delivery_stop() -> None:
    op.create_table(
        "delivery_stop",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("recipient_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("masked", sa.String(length=60), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["delivery_attempt.id"], name=op.f("fk_delivery_stop_attempt_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_delivery_stop_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "channel", "recipient_digest", name=op.f("pk_delivery_stop")),
    )


def bill_card() -> None:
    op.create_table(
        "bill_card",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.String(length=8), nullable=False),
        sa.Column("try_no", sa.SmallInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_at", MOMENT, nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=True),
        sa.Column("card_code", sa.String(length=64), nullable=False),
        sa.Column("reimburse", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
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


def consent() -> None:
    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("bill_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("text_version", sa.String(length=20), nullable=False),
        sa.Column("given_by", sa.String(length=80), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"], name=op.f("fk_consent_bill_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_consent_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_bill_id_purpose"), "consent", ["bill_id", "purpose"], unique=False)


TABLES = (
    message_permission,
    mini_login,
    platform_inbox,
    platform_nonce,
    platform_token,
    channel_binding,
    channel_pause,
    delivery,
    push_target,
    delivery_attempt,
    delivery_stop,
    bill_card,
    consent,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = ()
