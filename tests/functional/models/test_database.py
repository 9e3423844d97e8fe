"""Connections: one that the server has cut is noticed before it is used."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import object_session

from portal.core import database
from portal.models import Department
from portal.models.objects import objects


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


def _department(code: str) -> Department:
    return Department(unit_id=1, code=code, name="新科室", general_name="")


def test_objects_commit_and_roll_back_with_the_act(app: Flask) -> None:
    """A session of objects and the Core statements beside it are one transaction, whose end is the act's."""
    held = app.extensions["qupiao"].services.database

    def codes() -> set[str]:
        with held.read() as connection:
            return set(connection.scalars(select(Department.code).where(Department.code.like("new-%"))))

    def fail_afterwards() -> None:
        with held.write() as connection:
            with objects(connection) as session:
                session.add(_department("new-2"))
            raise LookupError

    def add_twice() -> None:
        with held.write() as connection:
            connection.execute(
                insert(Department), {"unit_id": 1, "code": "new-3", "name": "又一个", "general_name": ""}
            )
            with objects(connection) as session:
                session.add(_department("new-1"))

    with held.write() as connection:
        with objects(connection) as session:
            session.add(_department("new-1"))
        connection.execute(update(Department).where(Department.code == "new-1").values(general_name="门诊"))
    assert codes() == {"new-1"}, "an object is written at the end of its block, before the statements after it"
    with pytest.raises(LookupError):
        fail_afterwards()
    assert codes() == {"new-1"}, "the act has rolled back what its session had written"
    with pytest.raises(IntegrityError):
        add_twice()
    assert codes() == {"new-1"}, "a refused object takes the statements before it along"
    with held.write() as connection:
        assert connection.scalar(text("SELECT 1")) == 1, "the connection is fit for the next act"


def test_an_object_is_readable_after_its_session(app: Flask) -> None:
    held = app.extensions["qupiao"].services.database
    with held.read() as connection, objects(connection) as session:
        department = session.scalars(select(Department).order_by(Department.id)).first()
    assert department is not None and department.name and object_session(department) is None
