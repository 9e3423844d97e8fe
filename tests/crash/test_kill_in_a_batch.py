"""A batch is killed half-way and started again: good rows once each, bad rows in the failure file.

Short form: one file of 150 bills and one kill; under QUPIAO_SOAK four files of the largest size, 20,000 bills with 1 %
bad rows, and five kills.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from portal.app import create_app
from portal.core.clock import now
from portal.demo.settings import DemoSettings
from portal.domain.actor import Actor
from portal.issuing.manual import batch as batches
from portal.issuing.manual import batch_file
from portal.issuing.manual.batch import BatchService
from portal.models import Bill, OutboxTask
from tests.factories.batch_files import bad_row, row, xlsx
from tests.support import ledger
from tests.support.length import SOAK, SQLITE_FIRST
from tests.support.processes.installation import Installation, running
from tests.support.processes.services import wait_for

FILES = 4 if SOAK else 1
BILLS = (batch_file.MOST_BILLS if SOAK else 150) * FILES
KILLS = 5 if SOAK else 1
PATIENCE = 7200 if SOAK else 300
ACTOR = Actor("staff:zhao", "赵样管", 1)


@pytest.fixture
def installation(database_url: str, data_dir: Path, tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "installation"
    shutil.copytree(data_dir, folder)
    with running(folder, database_url, ()) as prepared:
        yield prepared


@pytest.fixture
def desk(installation: Installation) -> Iterator[BatchService]:
    settings = DemoSettings(data_dir=installation.data_dir, database_url=installation.database_url, port=18000)
    app: Flask = create_app(settings)
    services = app.extensions["qupiao"].services
    yield BatchService(services, app.extensions["qupiao"].issuing)
    services.database.engine.dispose()


@pytest.mark.parametrize("database_url", SQLITE_FIRST, indirect=True)
def test_each_good_row_has_one_bill_after_kills(installation: Installation, desk: BatchService) -> None:
    rows = [bad_row(number) if number % 100 == 7 else row(number) for number in range(BILLS)]
    bad = sum(number % 100 == 7 for number in range(BILLS))
    size = BILLS // FILES
    parts = [rows[begin : begin + size] for begin in range(0, BILLS, size)]
    ids = [
        desk.receive(ACTOR, f"第{place}批.xlsx", xlsx(part), "01", "复核员乙") for place, part in enumerate(parts, 1)
    ]
    database = desk.services.database

    def counts() -> Counter[str]:
        return sum((Counter(desk.report(ACTOR, batch_id).counts) for batch_id in ids), Counter())

    def states() -> set[str]:
        return {desk.report(ACTOR, batch_id).state for batch_id in ids}

    def bills() -> int:
        with database.read() as connection:
            return connection.scalar(select(func.count()).select_from(Bill)) or 0

    def start() -> None:
        for batch_id in ids:
            if desk.report(ACTOR, batch_id).state != "done":
                desk.start(ACTOR, batch_id)

    assert counts() == {"ready": BILLS - bad, "bad": bad}
    start()
    installation.start("worker")
    for kill in range(1, KILLS + 1):
        mark = (BILLS - bad) * kill // (KILLS + 1)
        wait_for(lambda mark=mark: bills() >= mark, PATIENCE, f"{mark} bills")
        installation.kill("worker")
        assert bills() < BILLS - bad, "the kill came in the middle"
        assert "running" in states()
        start()
        with database.write() as connection:  # the dead worker's lease ends, without waiting its minute
            task = (OutboxTask.topic == batches.TOPIC) & (OutboxTask.state == "pending")
            connection.execute(update(OutboxTask).where(task).values(due_at=now()))
        installation.start("worker")
    wait_for(lambda: states() == {"done"}, PATIENCE, "the end of the batch")
    assert counts() == {"issued": BILLS - bad, "bad": bad}
    assert sum(desk.report(ACTOR, batch_id).issued_fen for batch_id in ids) == (BILLS - bad) * 1250
    with database.read() as connection:
        assert ledger.check(connection) == BILLS - bad
        serials = set(connection.scalars(select(Bill.serial)))
    assert serials == {found["serial"] for number, found in enumerate(rows) if number % 100 != 7}
    failures = [line for batch_id in ids for line in desk.failures(ACTOR, batch_id)]
    assert len(failures) == bad and all(line[-4] == "校验未通过" and line[-2] for line in failures)
