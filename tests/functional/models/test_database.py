"""Connections: one that the server has cut is noticed before it is used."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from portal.core import database


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_connection_that_was_cut_while_idle_is_replaced(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    held = app.extensions["qupiao"].services.database

    def ask() -> int:
        with getattr(held, kind)() as connection:
            return connection.scalar(text("SELECT 1"))

    def cut() -> None:
        other = create_engine(database_url)
        with other.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        other.dispose()

    ask()
    cut()
    monkeypatch.setattr(database, "_TRUSTED_SECONDS", 0.0)
    assert ask() == 1
    # The control: trusted without a ping, the same cut is only noticed by the query that fails.
    monkeypatch.setattr(database, "_TRUSTED_SECONDS", 3600.0)
    cut()
    with pytest.raises(OperationalError):
        ask()
    assert ask() == 1, "the pool has forgotten the dead connection"


def test_a_write_inside_a_write_is_refused_before_it_waits_for_itself(app: Flask) -> None:
    held = app.extensions["qupiao"].services.database
    with pytest.raises(RuntimeError, match="inside a write"), held.write(), held.write():
        pass
    with held.write() as connection:
        assert connection.scalar(text("SELECT 1")) == 1, "the failed one has left nothing behind"


def test_a_read_inside_a_write_sees_it_and_takes_no_connection_of_its_own(app: Flask) -> None:
    held = app.extensions["qupiao"].services.database

    def names() -> list[str]:
        with held.read() as connection:
            return list(connection.scalars(text("SELECT name FROM unit")))

    def fail_after_writing() -> None:
        with held.write() as connection:
            connection.execute(text("UPDATE unit SET name = 'written'"))
            assert set(names()) == {"written"}
            with held.read() as inside:
                assert inside is connection
            raise ZeroDivisionError

    before = names()
    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    assert names() == before
