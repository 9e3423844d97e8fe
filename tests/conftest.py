"""Fixtures that every test may use: databases of both kinds, the application on each, a HIS that signs its calls."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as examples
from sqlalchemy import create_engine, text

from portal.app import create_app
from portal.demo import hospital
from portal.demo.settings import DemoSettings
from portal.models.schema import migrate
from tests.support import guard, measured, speed
from tests.support.his import His
from tests.support.processes import run
from tests.support.processes import services as real

# How long an example takes says more about the machine's load than about the code.
examples.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("house")

THIS_YEAR = timedelta()
"""The tests' installation has this year's numbers only, in January as in any month."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run that all processes share, and watch where this process connects to."""
    guard.install()
    speed.install()
    if end := run.begin():
        config.add_cleanup(end)


def pytest_sessionfinish() -> None:
    """Keep the coverage of this process while nobody waits for its end."""
    measured.keep()


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    """A test that connects to anything but loopback fails, also when it swallows the error."""
    guard.strays.clear()
    yield
    assert guard.strays == []


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    """The PostgreSQL server of this run."""
    return run.server("postgresql", real.start_postgresql)


@pytest.fixture
def redis_url(worker_id: str) -> str:
    """An empty database in the Redis server of this run: each process of the run has its own number."""
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    url = f"{run.server('redis', real.start_redis).rsplit('/', 1)[0]}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Keys and a seeded SQLite database, made once a run; nobody writes here."""
    return Path(run.once("data", _seed_data))


def _seed_data(parent: Path) -> str:
    folder = parent / "data"
    folder.mkdir()
    settings = DemoSettings(data_dir=folder)
    migrate(settings.database)
    seeded = create_app(settings)
    hospital.seed(seeded.extensions["qupiao"].services, THIS_YEAR)
    _close(seeded)  # SQLite moves its journal into the file, which is copied
    return str(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, data_dir: Path, tmp_path: Path) -> Iterator[str]:
    """A fresh seeded database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        shutil.copy(data_dir / "qupiao.sqlite3", tmp_path / "qupiao.sqlite3")
        yield f"sqlite:///{tmp_path / 'qupiao.sqlite3'}"
        return
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    name = f"t{uuid.uuid4().hex[:12]}"
    administrator = create_engine(server, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str, data_dir: Path) -> str:
    """A migrated and seeded database to copy from."""

    def make(_folder: Path) -> str:
        administrator = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            connection.execute(text("CREATE DATABASE seeded"))
        administrator.dispose()
        url = postgresql_server.rsplit("/", 1)[0] + "/seeded"
        migrate(url)
        app = create_app(DemoSettings(data_dir=data_dir, database_url=url))
        hospital.seed(app.extensions["qupiao"].services, THIS_YEAR)
        _close(app)
        return "seeded"

    return run.once("template", make)


def _close(app: Flask) -> None:
    app.extensions["qupiao"].services.database.engine.dispose()


@pytest.fixture
def settings(database_url: str, data_dir: Path, request: pytest.FixtureRequest) -> DemoSettings:
    """DemoSettings of a demo installation on that database; with Redis where the database is PostgreSQL."""
    url = request.getfixturevalue("redis_url") if database_url.startswith("postgresql") else ""
    return DemoSettings(data_dir=data_dir, database_url=database_url, redis_url=url, port=18000)


@pytest.fixture
def app(settings: DemoSettings) -> Iterator[Flask]:
    """The application."""
    made = create_app(settings)
    speed.share(made)
    yield made
    _close(made)


@pytest.fixture
def his(app: Flask) -> His:
    """A HIS that calls the application in process with signed envelopes."""
    return His(app)
