"""Finance is down while bills are issued, a worker is killed: in the end all are supervised, each once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select, update

from portal.app import create_app
from portal.core.clock import now
from portal.core.services import Services
from portal.demo.settings import DemoSettings
from portal.models import Bill, OutboxTask
from tests.support import ledger
from tests.support.his import His, outpatient
from tests.support.length import SOAK, SQLITE_FIRST
from tests.support.processes.forks import Forked, program
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import Simulators, running_simulators

BILL: Table = Bill.__table__  # type: ignore[assignment]
TASK: Table = OutboxTask.__table__  # type: ignore[assignment]
BILLS = 500 if SOAK else 40
KILLS = 3 if SOAK else 1
PATIENCE = 900 if SOAK else 120
"""Seconds until the test gives up; a busy machine is no failure."""


@pytest.fixture
def finance(data_dir: Path, tmp_path: Path) -> Iterator[Simulators]:
    """Finance with its own memory, and the authority that also signed the unit's certificate."""
    shutil.copytree(data_dir / "keys", tmp_path / "finance" / "keys")
    with running_simulators(tmp_path / "finance") as started:
        yield started


@pytest.fixture
def services(database_url: str, data_dir: Path, finance: Simulators) -> Iterator[Services]:
    """The platform's services, whose uploads go to that finance."""
    url = finance.url("/finance/exchange")
    app = create_app(DemoSettings(data_dir=data_dir, database_url=database_url, finance_url=url))
    his = His(app)
    finance.faults("finance", down=True)
    for number in range(BILLS):
        assert his.call("invoiceEBillOutpatient", outpatient(f"OUT{number:04d}")).ok
    yield app.extensions["qupiao"].services
    app.extensions["qupiao"].services.database.engine.dispose()


def start_worker(services: Services) -> Forked:
    """The real worker as a process of its own."""
    settings = services.settings
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "QUPIAO_FINANCE_URL": settings.finance_url,
    }
    return program("portal.demo.worker:main", [], environment)


def count(services: Services, state: str) -> int:
    """How many bills are in a state."""
    with services.database.read() as connection:
        return connection.scalar(select(func.count()).where(BILL.c.state == state)) or 0


def let_leases_pass(services: Services) -> None:
    """What a killed worker had, and what waits for its next attempt, is due now: time passes."""
    with services.database.write() as connection:
        connection.execute(update(TASK).where(TASK.c.state == "pending").values(due_at=now(), leased_by=""))


def attempts(services: Services) -> int:
    """How often tasks were claimed so far."""
    with services.database.read() as connection:
        return int(connection.scalar(select(func.sum(TASK.c.attempts))) or 0)


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
def test_every_bill_is_supervised_once_after_outage_and_kills(services: Services, finance: Simulators) -> None:
    worker = start_worker(services)
    try:
        wait_for(lambda: attempts(services) > 4, PATIENCE, "attempts while finance is down")
        assert count(services, "supervised") == 0
        worker.kill()  # in the outage too, and so nobody waits for its pause to end
        finance.faults("finance")
        worker = start_worker(services)
        for kill in range(1, KILLS + 1):
            let_leases_pass(services)
            mark = BILLS * kill // (KILLS + 1)
            wait_for(lambda mark=mark: count(services, "supervised") >= mark, PATIENCE, f"{mark} supervised bills")
            worker.kill()
            worker = start_worker(services)
        let_leases_pass(services)
        wait_for(lambda: count(services, "supervised") == BILLS, PATIENCE, "all supervised")
    finally:
        worker.kill()
    effects = [row["effects"] for row in finance.get("/finance/bills.json")]
    assert effects == [1] * BILLS
    with services.database.read() as connection:
        assert ledger.check(connection) == BILLS
