"""The photo with a patient's request, sealed, until the request is answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_photo",
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("photo", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["patient_request.id"], name=op.f("fk_request_photo_request_id_patient_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_photo")),
    )


def downgrade() -> None:
    op.drop_table("request_photo")
