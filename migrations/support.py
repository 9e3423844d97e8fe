"""What migrations need beyond Alembic's operations: changing a CHECK, and guards by trigger, on both databases."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The type of ids that the database counts: SQLite counts only what it calls INTEGER."""
MOMENT = sa.DateTime(timezone=True)
"""The type of times."""


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


@dataclass(frozen=True)
class Guard:
    """A trigger that refuses ``event`` on a row of ``table`` when ``condition`` holds ("" always); NEW and OLD are it.

    ``lock``: an SQL text expression; on PostgreSQL guards with equal texts wait for each other to the commit, so that
    a condition that looks at other rows cannot be passed by two at once. SQLite has one writer anyway.
    """

    name: str
    table: str
    event: str
    condition: str
    message: str
    lock: str = ""


def frozen(*tables: str) -> tuple[Guard, ...]:
    """The guards of tables whose rows are written once: never changed, never deleted."""
    changed = (Guard(f"{table}_frozen", table, "UPDATE", "", f"{table} is immutable") for table in tables)
    deleted = (Guard(f"{table}_kept", table, "DELETE", "", f"{table} is never deleted") for table in tables)
    return (*changed, *deleted)


def add_guard(guard: Guard) -> None:
    """Make a guard's trigger; on PostgreSQL with a function of its own."""
    head = f"CREATE TRIGGER {guard.name} BEFORE {guard.event} ON {guard.table} FOR EACH ROW"
    if op.get_bind().dialect.name == "sqlite":
        when = f"WHEN {guard.condition}" if guard.condition else ""
        op.execute(f"{head} {when} BEGIN SELECT RAISE(ABORT, '{guard.message}'); END")
        return
    refuse = f"RAISE EXCEPTION '{guard.message}' USING ERRCODE = '23514';"
    test = f"IF {guard.condition} THEN {refuse} END IF;" if guard.condition else refuse
    wait = f"PERFORM pg_advisory_xact_lock(hashtextextended({guard.lock}, 0));" if guard.lock else ""
    result = "OLD" if guard.event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION guard_{guard.name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {wait} {test} RETURN {result}; END $$"
    )
    op.execute(f"{head} EXECUTE FUNCTION guard_{guard.name}()")


def drop_guard(guard: Guard) -> None:
    """Remove a guard made by :func:`add_guard`."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {guard.name}" + ("" if sqlite else f" ON {guard.table}"))
    if not sqlite:
        op.execute(f"DROP FUNCTION guard_{guard.name}()")
