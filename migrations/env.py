"""Runs migrations on the database named by ``portal.models.schema.config``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from alembic import context
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from portal.core.database import configure, engine_options
from portal.models import Base
from portal.models.base import UtcDateTime
from portal.models.schema import refuse_unknown

UPGRADE = 7_105_001
"""The advisory lock of whoever upgrades a PostgreSQL database."""


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Migrations stand alone: our column types are written as SQLAlchemy's own."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def check_revision(connection: Connection) -> None:
    """Refuse in words a database whose revision is not among the versions here. Raises UnknownRevision."""
    found = MigrationContext.configure(connection).get_current_heads()
    connection.rollback()  # Alembic begins its own transactions
    refuse_unknown(found, {script.revision for script in context.script.walk_revisions()})


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Keep a second program that starts at the same moment waiting until this one has upgraded the database."""
    if engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:"):
        yield
        return
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}-upgrade", "a", opener=partial(os.open, mode=0o600)) as file:
            fcntl.lockf(file, fcntl.LOCK_EX)  # ends with the file, also when we die
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET lock_timeout = '5min'")
        connection.exec_driver_sql("SET statement_timeout = '5min'")
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({UPGRADE})")
        yield  # ends with the connection


def run() -> None:
    """Run what the command asked for."""
    url = context.config.attributes["url"]
    arguments = engine_options(url)["connect_args"]
    engine = configure(create_engine(url, poolclass=NullPool, connect_args=arguments))
    try:
        with alone(engine), engine.execution_options(write=True).connect() as connection:
            check_revision(connection)
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_item=render_item,
                render_as_batch=False,
                compare_type=True,
                transaction_per_migration=True,
            )
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


run()
