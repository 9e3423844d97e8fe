"""Real parts for a run: seeded databases of both kinds, PostgreSQL and Redis of our own, the web server as deployed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from flask import Flask

from bench.installation import APPLICATION, Installation, running
from bench.services import postgresql, redis_server
from portal.app import create_app
from portal.demo import hospital
from portal.demo.settings import DemoSettings
from portal.models.schema import migrate

_NOWHERE = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - loggers keep it as long as the process lives


@dataclass(frozen=True)
class Site:
    """One installation to measure: a seeded demo hospital on one kind of database."""

    kind: str
    data_dir: Path
    database_url: str
    redis_url: str

    def settings(self) -> DemoSettings:
        """DemoSettings of this site for use in our own process."""
        return DemoSettings(
            data_dir=self.data_dir, database_url=self.database_url, redis_url=self.redis_url, port=18000
        )

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """Return the application in our own process; it logs as ever, only to nowhere."""
        made = create_app(self.settings())
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(_NOWHERE))
        try:
            yield made
        finally:
            made.extensions["qupiao"].services.database.engine.dispose()

    def running(
        self, *names: str, application: str = APPLICATION, more: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Installation]:
        """Run these processes on this site for the length of a block; ``more`` is added to their environment."""
        environment = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }
        return running(names, self.data_dir, environment | dict(more or {}), application)


@contextmanager
def sites(kinds: tuple[str, ...] = ("SQLite", "PostgreSQL")) -> Iterator[list[Site]]:
    """Seeded sites in a folder that is removed at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qupiao-bench-")))
        made = []
        for kind in kinds:
            url, redis = f"sqlite:///{folder / 'qupiao.sqlite3'}", ""
            if kind == "PostgreSQL":
                url, redis = stack.enter_context(postgresql()), stack.enter_context(redis_server())
            site = Site(kind, folder, url, redis)
            migrate(url)
            with site.app() as app:
                hospital.seed(app.extensions["qupiao"].services)
            made.append(site)
        yield made
