"""Histories of a state machine: how many, how long, each on a copy of its own of the database."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from sqlalchemy import create_engine, text

from tests.support.machines.stock import StockMachine, World


def histories(examples: int, steps: int, shrink: bool = True) -> settings:
    """Settings of so many histories of so many steps; a control need not look for the shortest failure (``shrink``)."""
    return settings(
        phases=tuple(Phase) if shrink else (Phase.generate,),
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def copies(url: str, folder: Path) -> Callable[[], str]:
    """Make a function that copies the database and returns the copy's URL; the copy before it goes."""
    if url.startswith("sqlite"):
        source, target = Path(url.removeprefix("sqlite:///")), folder / "history.sqlite3"

        def copy() -> str:
            for path in folder.glob("history.sqlite3*"):
                path.unlink()
            shutil.copy(source, target)
            return f"sqlite:///{target}"

        return copy
    server, name = url.rsplit("/", 1)

    def create() -> str:
        made = f"h{uuid.uuid4().hex[:12]}"
        administrator = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with administrator.connect() as connection:
            for (old,) in connection.execute(text("SELECT datname FROM pg_database WHERE datname LIKE 'h%'")).all():
                if len(old) == 13:
                    connection.execute(text(f"DROP DATABASE IF EXISTS {old} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {made} TEMPLATE {name}"))
        administrator.dispose()
        return f"{server}/{made}"

    return create


def machine(world: World, base: type[StockMachine] = StockMachine) -> type[StockMachine]:
    """Bind the machine's class to a world."""
    return type(base.__name__, (base,), {"world": world})
