"""The seals of a unit in its own record; units of before keep those that their bills have carried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NEW = (
    ("seal_id", 64),
    ("seal_name", 120),
    ("seal_hash", 128),
    ("supervision_seal_id", 64),
    ("supervision_seal_name", 120),
    ("supervision_seal_hash", 128),
)
unit = sa.table(
    "unit",
    sa.column("id", sa.BigInteger),
    sa.column("short_name", sa.String),
    sa.column("region_code", sa.String),
    *(sa.column(name, sa.String) for name, _ in NEW),
)


def upgrade() -> None:
    for name, length in NEW:
        op.add_column("unit", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    connection = op.get_bind()
    for row in connection.execute(sa.select(unit.c.id, unit.c.short_name, unit.c.region_code)).all():
        values = {
            "seal_id": f"{row.id:032x}",
            "seal_name": f"{row.short_name}演示章",
            "seal_hash": "0" * 64,
            "supervision_seal_id": f"{row.region_code:0>32}",
            "supervision_seal_name": "演示监制章",
            "supervision_seal_hash": "0" * 64,
        }
        connection.execute(sa.update(unit).where(unit.c.id == row.id).values(**values))


def downgrade() -> None:
    for name, _ in NEW:
        op.drop_column("unit", name)
