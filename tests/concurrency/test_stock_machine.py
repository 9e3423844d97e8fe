"""The stock under every order of acts: short here, 500 histories of 50 acts with ``QUPIAO_SOAK=1``."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Connection

from portal.domain.actor import Actor
from portal.domain.states.stock import MovementKind
from portal.stock.books import movements
from portal.stock.documents import handouts
from tests.support.length import SOAK
from tests.support.machines.histories import histories, machine
from tests.support.machines.stock import World


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
