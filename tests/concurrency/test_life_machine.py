"""Bills, deposits and the paper of both, with every act of the stock, in any order; long: QUPIAO_SOAK=1."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from portal.issuing.bills import reverse
from tests.support.length import SOAK
from tests.support.machines.histories import histories, machine
from tests.support.machines.life import next_year
from tests.support.machines.stock import World
from tests.support.machines.voucher import VoucherMachine


@pytest.fixture(autouse=True)
def _red_bills_of_next_year(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse, "now", next_year)


def test_any_order_keeps_books_bills_and_sheets(world: World) -> None:
    short = (6, 30) if world.database.dialect == "sqlite" else (2, 30)
    length = (500, 50) if SOAK else short
    run_state_machine_as_test(machine(world, VoucherMachine), settings=histories(*length))
