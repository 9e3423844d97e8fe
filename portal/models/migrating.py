"""What migrations need beyond Alembic's operations: changing a CHECK on both databases."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text


def replace_check(table: str, name: str, old: str, new: str) -> None:
    """Replace the CHECK constraint ``name`` (in full, e.g. ``ck_bill_state``) whose condition is ``old`` by ``new``.

    SQLite has no statement for it and rebuilding a table would lose its triggers, so the stored schema is edited the
    way SQLite's own documentation describes for changes that touch no row. Raises ValueError when ``old`` is not there.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, new)
        return
    written = f"CONSTRAINT {name} CHECK ({old})"
    found = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :t"), {"t": table})
    schema = found.scalar_one()
    if written not in schema:
        raise ValueError(f"{table} has no {written}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.execute(
        text("UPDATE sqlite_master SET sql = :s WHERE type = 'table' AND name = :t"),
        {"s": schema.replace(written, f"CONSTRAINT {name} CHECK ({new})"), "t": table},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
