"""The hospital, its points and catalogues; HIS accounts and the counters of attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import KEY, MOMENT, Guard


def attempt_count() -> None:
    op.create_table(
        "attempt_count",
        sa.Column("bucket", sa.String(length=80), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "window_end", name=op.f("pk_attempt_count")),
    )
    op.create_index(op.f("ix_attempt_count_window_end"), "attempt_count", ["window_end"], unique=False)


def bill_kind() -> None:
    op.create_table(
        "bill_kind",
        sa.Column("id", KEY, nullable=False),
        sa.Column("prefix", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("form", sa.String(length=12), nullable=False),
        sa.Column("specimen_code", sa.String(length=20), nullable=False),
        sa.Column("paper_prefix", sa.String(length=6), server_default="", nullable=False),
        sa.CheckConstraint(
            "form IN ('outpatient', 'inpatient', 'general', 'donation', 'voucher', 'paper')",
            name=op.f("ck_bill_kind_form"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_kind")),
        sa.UniqueConstraint("prefix", name=op.f("uq_bill_kind_prefix")),
    )


def income_item() -> None:
    op.create_table(
        "income_item",
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_income_item")),
    )


def insurance_type() -> None:
    op.create_table(
        "insurance_type",
        sa.Column("code", sa.String(length=4), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_insurance_type")),
    )


def one_time_code() -> None:
    op.create_table(
        "one_time_code",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("claim", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_code")),
    )
    op.create_index(op.f("ix_one_time_code_expires_at"), "one_time_code", ["expires_at"], unique=False)
    op.create_index(op.f("ix_one_time_code_session_digest"), "one_time_code", ["session_digest"], unique=False)


def unit() -> None:
    op.create_table(
        "unit",
        sa.Column("id", KEY, nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("short_name", sa.String(length=60), nullable=False),
        sa.Column("credit_code", sa.String(length=20), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("org_type", sa.String(length=60), nullable=False),
        sa.Column("desk_place", sa.String(length=60), nullable=False),
        sa.Column("desk_phone", sa.String(length=40), nullable=False),
        sa.Column("desk_hours", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )


def charge_item() -> None:
    op.create_table(
        "charge_item",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("fiscal_code", sa.String(length=30), nullable=False),
        sa.Column("fiscal_name", sa.String(length=200), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("low_fen", sa.BigInteger(), nullable=True),
        sa.Column("high_fen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_charge_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_item")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_charge_item_unit_id_code")),
    )


def department() -> None:
    op.create_table(
        "department",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("general_name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_department_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_department_unit_id_code")),
    )


def his_account() -> None:
    op.create_table(
        "his_account",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("appid", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("policies", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=8), server_default="his", nullable=False),
        sa.Column("earlier_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_unseen", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.CheckConstraint("kind IN ('his', 'console')", name=op.f("ck_his_account_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_his_account_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_his_account")),
        sa.UniqueConstraint("appid", name=op.f("uq_his_account_appid")),
    )
    op.create_index(
        "ix_his_account_console",
        "his_account",
        ["unit_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'console'"),
        postgresql_where=sa.text("kind = 'console'"),
    )


def patient_session() -> None:
    op.create_table(
        "patient_session",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("claim", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_patient_session_unit_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_patient_session")),
    )
    op.create_index(op.f("ix_patient_session_expires_at"), "patient_session", ["expires_at"], unique=False)


def point() -> None:
    op.create_table(
        "point",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('window', 'kiosk', 'online', 'emergency')", name=op.f("ck_point_kind")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_point_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_point_unit_id_code")),
    )


def reviewer() -> None:
    op.create_table(
        "reviewer",
        sa.Column("id", KEY, nullable=False),
        sa.Column("unit_id", KEY, nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reviewer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer")),
        sa.UniqueConstraint("unit_id", "code", name=op.f("uq_reviewer_unit_id_code")),
    )


def his_mapping() -> None:
    op.create_table(
        "his_mapping",
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("table_name", sa.String(length=12), nullable=False),
        sa.Column("sent_code", sa.String(length=50), nullable=False),
        sa.Column("our_code", sa.String(length=50), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["his_account.id"], name=op.f("fk_his_mapping_account_id")),
        sa.PrimaryKeyConstraint("account_id", "table_name", "sent_code", name=op.f("pk_his_mapping")),
    )


def point_kind() -> None:
    op.create_table(
        "point_kind",
        sa.Column("point_id", KEY, nullable=False),
        sa.Column("kind_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["kind_id"], ["bill_kind.id"], name=op.f("fk_point_kind_kind_id")),
        sa.ForeignKeyConstraint(["point_id"], ["point.id"], name=op.f("fk_point_kind_point_id")),
        sa.PrimaryKeyConstraint("point_id", "kind_id", name=op.f("pk_point_kind")),
    )


TABLES = (
    attempt_count,
    bill_kind,
    income_item,
    insurance_type,
    one_time_code,
    unit,
    charge_item,
    department,
    his_account,
    patient_session,
    point,
    reviewer,
    his_mapping,
    point_kind,
)
"""In the order in which they are made."""
GUARDS: tuple[Guard, ...] = ()
