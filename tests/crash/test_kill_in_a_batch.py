"""A batch is killed half-way and started again: good rows once each, bad rows in the failure file (R1, I10).

Short form: 150 bills and one kill; under QUPIAO_SOAK 5,000 bills with 1 % bad rows and five kills.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from portal.app import create_app
from portal.core.clock import now
from portal.core.settings import Settings
from portal.domain.actor import Actor
from portal.issuing import batch as batches
from portal.issuing.batch import BatchDesk
from portal.models import Bill, OutboxTask
from tests import ledger
from tests.conftest import SOAK
from tests.factories.batch_files import bad_row, row, xlsx
from tests.installation import Installation, running
from tests.services import wait_for

BILLS = 5000 if SOAK else 150
KILLS = 5 if SOAK else 1
ACTOR = Actor("staff:zhao", "赵样管", 1)


@pytest.fixture
def installation(database_url: str, data_dir: Path, tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "installation"
    shutil.copytree(data_dir, folder)
    with running(folder, database_url, ()) as prepared:
        yield prepared


@pytest.fixture
def desk(installation: Installation) -> Iterator[BatchDesk]:
    settings = Settings(demo=True, data_dir=installation.data_dir, database_url=installation.database_url, port=18000)
    app: Flask = create_app(settings)
    services = app.extensions["qupiao"]
    yield BatchDesk(services, app.extensions["qupiao_desk"])
    services.database.engine.dispose()


def test_each_good_row_has_one_bill_after_kills(installation: Installation, desk: BatchDesk) -> None:
    rows = [bad_row(number) if number % 100 == 7 else row(number) for number in range(BILLS)]
    bad = sum(number % 100 == 7 for number in range(BILLS))
    batch_id = desk.receive(ACTOR, "一批.xlsx", xlsx(rows), "01", "复核员乙")
    assert desk.report(ACTOR, batch_id).counts == {"ready": BILLS - bad, "bad": bad}
    database = desk.services.database

    def bills() -> int:
        with database.read() as connection:
            return connection.scalar(select(func.count()).select_from(Bill)) or 0

    desk.start(ACTOR, batch_id)
    installation.start("worker")
    for kill in range(1, KILLS + 1):
        mark = (BILLS - bad) * kill // (KILLS + 1)
        wait_for(lambda mark=mark: bills() >= mark, 120, f"{mark} bills")
        installation.kill("worker")
        assert bills() < BILLS - bad, "the kill came in the middle"
        assert desk.report(ACTOR, batch_id).state == "running"
        desk.start(ACTOR, batch_id)
        with database.write() as connection:  # the dead worker's lease ends, without waiting its minute
            task = (OutboxTask.topic == batches.TOPIC) & (OutboxTask.state == "pending")
            connection.execute(update(OutboxTask).where(task).values(due_at=now()))
        installation.start("worker")
    wait_for(lambda: desk.report(ACTOR, batch_id).state == "done", 300, "the end of the batch")
    report = desk.report(ACTOR, batch_id)
    assert report.counts == {"issued": BILLS - bad, "bad": bad}
    assert report.issued_fen == (BILLS - bad) * 1250
    with database.read() as connection:
        assert ledger.check(connection) == BILLS - bad
        serials = set(connection.scalars(select(Bill.serial)))
    assert serials == {found["serial"] for number, found in enumerate(rows) if number % 100 != 7}
    failures = desk.failures(ACTOR, batch_id)
    assert len(failures) == bad and all(line[-4] == "校验未通过" and line[-2] for line in failures)
