"""The world of the state machines on each database."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.support.machines.histories import copies
from tests.support.machines.stock import World


@pytest.fixture
def world(app: Flask, database_url: str, tmp_path: Path) -> World:
    """The world of the database, of which each history gets a copy of its own."""
    app.extensions["qupiao"].services.database.engine.dispose()
    return World(app.extensions["qupiao"].services, copies(database_url, tmp_path))
