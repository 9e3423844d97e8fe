"""The stock under every order of acts (checks I6): short here, 500 histories of 50 acts with ``QUPIAO_SOAK=1``."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Connection, create_engine, text

from portal.domain.actor import Actor
from portal.domain.stock import MovementKind
from portal.stock.books import movements
from portal.stock.documents import handouts
from tests.conftest import SOAK
from tests.stock_machine import StockMachine, World


def histories(examples: int, steps: int, shrink: bool = True) -> settings:
    """How many, how long; a control need not look for the shortest one."""
    return settings(
        phases=tuple(Phase) if shrink else (Phase.generate,),
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.fixture
def world(app: Flask, database_url: str, tmp_path: Path) -> World:
    """A world of the parametrised database, from which each history gets a copy of its own."""
    app.extensions["qupiao"].services.database.engine.dispose()
    return World(app.extensions["qupiao"].services, _copies(database_url, tmp_path))


def _copies(url: str, folder: Path) -> Callable[[], str]:
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
    """The machine class bound to a world."""
    return type(base.__name__, (base,), {"world": world})


def test_any_order_of_acts_keeps_the_books(world: World) -> None:
    short = (8, 20) if world.database.dialect == "sqlite" else (2, 20)
    length = (500, 50) if SOAK else short
    run_state_machine_as_test(machine(world), settings=histories(*length))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_control_a_withdrawal_that_forgets_its_movement_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine can fail: numbers that leave a range without a word are missed at once."""

    def silent(connection: Connection, actor: Actor, movement: movements.Movement) -> None:
        if movement.kind is not MovementKind.WITHDRAW:
            movements.record(connection, actor, movement)

    written = SimpleNamespace(record=silent, next_no=movements.next_no)
    monkeypatch.setattr(handouts, "movements", written)
    with pytest.raises(AssertionError, match="开票点号码"):
        run_state_machine_as_test(machine(world), settings=histories(60, 25, shrink=False))
