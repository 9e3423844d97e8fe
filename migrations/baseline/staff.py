"""Staff, their sessions and approvals, parameters; the outbox and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard, frozen


def audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("object_kind", sa.String(length=20), nullable=False),
        sa.Column("object_id", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_index(
        op.f("ix_audit_entry_object_kind_object_id"), "audit_entry", ["object_kind", "object_id"], unique=False
    )


def audit_seal() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_seal_entry_id")),
    )


def outbox_task() -> None:
    op.create_table(
        "outbox_task",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("leased_by", sa.String(length=40), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name=op.f("ck_outbox_task_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_task")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_task_key")),
    )
    op.create_index(
        "ix_outbox_task_due",
        "outbox_task",
        ["topic", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )


def approval() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("summary", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("requester", sa.String(length=100), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decider", sa.String(length=100), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("opinion", sa.String(length=300), nullable=False),
        sa.Column("outcome", sa.String(length=300), nullable=False),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by OR state = 'withdrawn'",
            name=op.f("ck_approval_four_eyes"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'refused', 'withdrawn', 'failed')", name=op.f("ck_approval_state")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_approval_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_kind_object_id"), "approval", ["kind", "object_id"], unique=False)
    op.create_index(
        op.f("ix_approval_unit_id_state_requested_at"), "approval", ["unit_id", "state", "requested_at"], unique=False
    )


def parameter() -> None:
    op.create_table(
        "parameter",
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_parameter_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "key", name=op.f("pk_parameter")),
    )


def staff_account() -> None:
    op.create_table(
        "staff_account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("username", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("password_at", MOMENT, nullable=False),
        sa.Column("past_passwords", sa.JSON(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", MOMENT, nullable=True),
        sa.Column("valid_until", MOMENT, nullable=True),
        sa.Column("last_login_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_staff_account_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_account")),
        sa.UniqueConstraint("username", name=op.f("uq_staff_account_username")),
    )


def form_receipt() -> None:
    op.create_table(
        "form_receipt",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("location", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["staff_account.id"], name=op.f("fk_form_receipt_account_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_form_receipt")),
    )
    op.create_index(op.f("ix_form_receipt_at"), "form_receipt", ["at"], unique=False)


def staff_point() -> None:
    op.create_table(
        "staff_point",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("point_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["staff_account.id"], name=op.f("fk_staff_point_account_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_staff_point_point_id")),
        sa.PrimaryKeyConstraint("account_id", "point_id", name=op.f("pk_staff_point")),
    )


def staff_role() -> None:
    op.create_table(
        "staff_role",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["staff_account.id"], name=op.f("fk_staff_role_account_id")),
        sa.PrimaryKeyConstraint("account_id", "role", name=op.f("pk_staff_role")),
    )


def staff_session() -> None:
    op.create_table(
        "staff_session",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("factors", sa.SmallInteger(), nullable=False),
        sa.Column("point_id", KEY, nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=160), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["staff_account.id"], name=op.f("fk_staff_session_account_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_staff_session_point_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_staff_session")),
    )
    op.create_index(op.f("ix_staff_session_account_id"), "staff_session", ["account_id"], unique=False)
    op.create_index(op.f("ix_staff_session_seen_at"), "staff_session", ["seen_at"], unique=False)


TABLES = (
    audit_entry,
    audit_seal,
    outbox_task,
    approval,
    parameter,
    staff_account,
    form_receipt,
    staff_point,
    staff_role,
    staff_session,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = (
    Guard("audit_seal_frozen", "audit_seal", "UPDATE", "", "audit_seal is append-only"),
    Guard("audit_seal_kept", "audit_seal", "DELETE", "", "audit_seal is append-only"),
    *frozen("audit_entry"),
)
