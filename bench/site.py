"""Real parts for a run: seeded databases of both kinds, PostgreSQL and Redis of our own, the web server as deployed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from flask import Flask

from portal.app import create_app
from portal.core.settings import Settings
from portal.demo import hospital
from portal.models.schema import migrate
from tests.installation import Installation, running
from tests.services import postgresql, redis_server

_NOWHERE = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - loggers keep it as long as the process lives


@dataclass(frozen=True)
class Site:
    """One installation to measure: a seeded demo hospital on one kind of database."""

    kind: str
    data_dir: Path
    database_url: str
    redis_url: str

    def settings(self) -> Settings:
        """Settings of this site for use in our own process."""
        return Settings(
            demo=True, data_dir=self.data_dir, database_url=self.database_url, redis_url=self.redis_url, port=18000
        )

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """The application in our own process; it logs as ever, only to nowhere."""
        made = create_app(self.settings())
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(_NOWHERE))
        try:
            yield made
        finally:
            made.extensions["qupiao"].services.database.engine.dispose()

    def web(self, **more: Any) -> Any:
        """The web server on this site, as a context manager; ``more`` as in :func:`tests.installation.running`."""
        return running(self.data_dir, self.database_url, ("web",), self.redis_url, web_processes=2, **more)


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


def cpu_seconds(installation: Installation) -> float:
    """CPU seconds that the web server's processes have used so far; 0 where there is no ``/proc``."""
    group, ticks = installation.processes["web"].pid, 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
