"""A hospital on each database, with a finance office of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.app import create_app
from portal.demo.settings import DemoSettings
from tests.support.finance import World
from tests.support.his import His
from tests.support.processes.simulators import running_simulators


@pytest.fixture
def world(database_url: str, data_dir: Path, tmp_path: Path) -> Iterator[World]:
    """Finance has its own memory here, but the authority that also signed the unit's certificate."""
    shutil.copytree(data_dir / "keys", tmp_path / "finance" / "keys")
    with running_simulators(tmp_path / "finance") as finance:
        url = finance.url("/finance/exchange")
        settings = DemoSettings(data_dir=data_dir, database_url=database_url, finance_url=url)
        app = create_app(settings)
        services = app.extensions["qupiao"].services
        yield World(services, His(app), finance)
        services.database.engine.dispose()
