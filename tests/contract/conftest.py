"""One finance office for a file, as a process, and a signer of bills for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.providers.finance.client import FinanceClient
from tests.support.processes.simulators import BillMaker, Simulators, running_simulators


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    """One process for this file."""
    with running_simulators(tmp_path_factory.mktemp("finance")) as simulators:
        yield simulators


@pytest.fixture
def finance(process: Simulators) -> Simulators:
    """The process with all switches off."""
    process.faults("finance")
    return process


@pytest.fixture
def client(finance: Simulators) -> Iterator[FinanceClient]:
    """A client of the right account."""
    client = finance.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def maker(process: Simulators) -> BillMaker:
    """Signs as the demo unit."""
    return BillMaker(process.data_dir)
