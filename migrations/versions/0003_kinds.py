"""Kinds of bills beyond the two medical ones: 往来, 捐赠, prepayment voucher, and paper forms."""

from __future__ import annotations

from migrations.support import replace_check

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MEDICAL = "form IN ('outpatient', 'inpatient')"
ALL = "form IN ('outpatient', 'inpatient', 'general', 'donation', 'voucher', 'paper')"


def upgrade() -> None:
    replace_check("bill_kind", "ck_bill_kind_form", MEDICAL, ALL)


def downgrade() -> None:
    replace_check("bill_kind", "ck_bill_kind_form", ALL, MEDICAL, validate=False)
