"""Migrations: numbered files, one head that a file names, both ways, models equal to the schema, words for the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from migrations.support import Guard, add_guard, drop_guard, replace_check
from portal import cli
from portal.models.schema import HEAD, SCRIPTS, UnknownRevision, config, migrate

FIRST = "0023"
"""The baseline."""


def stamp(url: str, revision: str) -> None:
    """Let the database say that it is at this revision."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()


def tables(url: str) -> set[str]:
    """The tables of a database."""
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_the_head_file_names_the_one_head() -> None:
    """Two branches that each add a migration change the same line: their merge is a conflict, not two heads."""
    script = ScriptDirectory.from_config(config("sqlite://"))
    assert HEAD.read_text(encoding="ascii") == f"{script.get_current_head()}\n"


def test_files_are_numbered_without_gaps() -> None:
    script = ScriptDirectory.from_config(config("sqlite://"))
    found = [Path(one.path).name[:5] for one in reversed(list(script.walk_revisions()))]
    assert found == [f"{number:04d}_" for number in range(int(FIRST), int(FIRST) + len(found))]
    assert [f"{one.revision}_" for one in reversed(list(script.walk_revisions()))] == found
    assert len(found) == len(list((SCRIPTS / "versions").glob("*.py")))


def test_models_equal_the_migrated_schema(database_url: str) -> None:
    command.check(config(database_url))


def test_migrations_run_both_ways(database_url: str) -> None:
    before = tables(database_url)
    command.downgrade(config(database_url), "base")
    assert tables(database_url) == {"alembic_version"}
    migrate(database_url)
    assert tables(database_url) == before


@pytest.mark.parametrize("revision", ["0001", "0022"])
def test_a_database_from_before_the_baseline_is_refused_in_words(database_url: str, revision: str) -> None:
    stamp(database_url, revision)
    with pytest.raises(UnknownRevision, match=f"第 {revision} 版.*从第 {FIRST} 版开始.*没有正式发布过"):
        migrate(database_url)
    stamp(database_url, HEAD.read_text(encoding="ascii").strip())
    command.check(config(database_url))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_of_a_newer_program_is_refused_in_words(database_url: str) -> None:
    stamp(database_url, "9999")
    with pytest.raises(UnknownRevision, match="第 9999 版.*更新的程序"):
        migrate(database_url)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_says_it_without_a_traceback(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert cli.main(["migrate"]) == 0
    stamp(database_url, "0007")
    with pytest.raises(SystemExit, match="第 0007 版") as ended:
        cli.main(["migrate"])
    assert ended.value.__cause__ is None and ended.value.__suppress_context__


def test_the_running_product_loads_no_migration() -> None:
    """Alembic is loaded by who migrates only."""
    program = "import sys, portal.app, portal.worker; sys.exit('alembic' in sys.modules or 'migrations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=SCRIPTS.parent, check=False).returncode == 0


def changed(connection: Connection) -> None:
    """One table whose CHECK is replaced, with a guard."""
    connection.execute(text("CREATE TABLE thing (n INTEGER, CONSTRAINT ck_thing_n CHECK (n > 0))"))
    replace_check("thing", "ck_thing_n", "n > 0", "n > 10")
    add_guard(Guard("thing_kept", "thing", "DELETE", "OLD.n > 20", "a big thing is kept", "'thing'"))


def refused(connection: Connection, statement: str) -> bool:
    """Whether the database refuses a statement."""
    with connection.begin_nested() as attempt:
        try:
            connection.execute(text(statement))
        except DBAPIError:
            attempt.rollback()
            return True
    return False


def test_what_migrations_share_works_on_both_databases(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        changed(connection)
        assert refused(connection, "INSERT INTO thing VALUES (5)")
        assert not refused(connection, "INSERT INTO thing VALUES (15), (25)")
        assert refused(connection, "DELETE FROM thing WHERE n = 25")
        assert not refused(connection, "DELETE FROM thing WHERE n = 15")
        drop_guard(Guard("thing_kept", "thing", "DELETE", "", ""))
        assert not refused(connection, "DELETE FROM thing")
        with pytest.raises((ValueError, DBAPIError)):
            replace_check("thing", "ck_thing_m", "n > 0", "n > 1")
    engine.dispose()
