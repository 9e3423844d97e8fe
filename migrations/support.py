"""What migrations need beyond Alembic's operations: changing a CHECK, and guards by trigger, on both databases."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text


def replace_check(table: str, name: str, old: str, new: str, validate: bool = True) -> None:
    """Replace the CHECK constraint ``name`` (in full, e.g. ``ck_bill_state``) whose condition is ``old`` by ``new``.

    SQLite has no statement for it and rebuilding a table would lose its triggers, so the stored schema is edited the
    way SQLite's own documentation describes for changes that touch no row. Raises ValueError when ``old`` is not there.
    ``validate`` off: rows that are there already may break the new condition (a way back must not fail for them).
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, new, postgresql_not_valid=not validate)
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


def add_guard(name: str, table: str, event: str, condition: str, message: str, lock: str = "") -> None:
    """Refuse ``event`` on a row of ``table`` when ``condition`` holds ("" always); NEW and OLD are the row.

    ``lock``: an SQL text expression; on PostgreSQL guards with equal texts wait for each other to the commit, so that
    a condition that looks at other rows cannot be passed by two at once. SQLite has one writer anyway.
    """
    if op.get_bind().dialect.name == "sqlite":
        when = f"WHEN {condition}" if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    refuse = f"RAISE EXCEPTION '{message}' USING ERRCODE = '23514';"
    test = f"IF {condition} THEN {refuse} END IF;" if condition else refuse
    wait = f"PERFORM pg_advisory_xact_lock(hashtextextended({lock}, 0));" if lock else ""
    result = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION guard_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {wait} {test} RETURN {result}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION guard_{name}()")


def drop_guard(name: str, table: str) -> None:
    """Remove a guard made by :func:`add_guard` or by 0002."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        op.execute(f"DROP FUNCTION guard_{name}()")
