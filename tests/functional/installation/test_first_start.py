"""The first start: files for nobody else, two starts at once, a folder that cannot be written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from portal.audit import chain
from portal.core.database import Database, make_engine
from portal.core.services import Services
from portal.models.schema import HEAD, migrate

UPGRADE = "import sys; from portal.models.schema import migrate; sys.stdin.read(1); migrate(sys.argv[1])"


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """Files must be private by our doing, not by the luck of the caller's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_open_umask")
def test_the_database_its_journals_and_the_anchor_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    migrate(f"sqlite:///{folder}/qupiao.sqlite3")
    database = Database(make_engine(f"sqlite:///{folder}/qupiao.sqlite3"))
    with database.write() as connection:
        connection.execute(text("CREATE TABLE x (y INTEGER)"))
        assert mode(folder) == 0o700
        assert {path.name: oct(mode(path)) for path in folder.iterdir() if mode(path) != 0o600} == {}
        assert (folder / "qupiao.sqlite3-wal").exists()
    database.engine.dispose()


@pytest.mark.usefixtures("_open_umask")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_anchor_of_the_log_is_private(app: Flask) -> None:
    services: Services = app.extensions["qupiao"].services
    path = chain.anchor_path(services)
    path.unlink(missing_ok=True)
    chain.seal(services)
    assert mode(path) == 0o600


def test_two_first_starts_at_once(tmp_path: Path) -> None:
    """Both upgrade the same empty database: one does, the other finds it done."""
    url = f"sqlite:///{tmp_path}/first/qupiao.sqlite3"
    (tmp_path / "first").mkdir()
    command = [sys.executable, "-c", UPGRADE, url]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("x")
        one.stdin.flush()
    told = [one.communicate()[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    assert found == HEAD.read_text(encoding="ascii").strip()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be, which stops root as well."""
    (tmp_path / "data").write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUPIAO_")}
    environment |= {"DATA_DIR": str(tmp_path / "data" / "here")}
    command = [sys.executable, "-m", "portal.cli", "demo", "migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "DATA_DIR" in done.stderr, done.stderr[-2000:]
    assert len(done.stderr.strip().splitlines()) == 1
