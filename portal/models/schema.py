"""Bringing a database to the present schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def config(url: str) -> Config:
    """Alembic's configuration for the database at ``url``."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS))
    settings.attributes["url"] = url
    return settings


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database at ``url`` to ``revision``; creates a missing SQLite file with its folder."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(config(url), revision)
