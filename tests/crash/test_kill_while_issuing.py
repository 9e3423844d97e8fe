"""The server is killed in mid-issue, again and again: every serial has exactly one bill, no number is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from portal.core.database import Database, make_engine
from portal.demo.settings import DemoSettings
from tests.support import ledger
from tests.support.his import http, outpatient
from tests.support.length import SOAK
from tests.support.processes.installation import Installation, running
from tests.support.processes.services import wait_for

SERIALS = 2000 if SOAK else 60
KILLS = 10 if SOAK else 1
PATIENCE = 600 if SOAK else 90
"""Seconds until a test gives up waiting; a busy machine is no failure."""


@pytest.fixture
def installation(database_url: str, data_dir: Path, tmp_path: Path) -> Iterator[Installation]:
    folder = tmp_path / "installation"
    shutil.copytree(data_dir, folder)
    with running(folder, database_url, ("web",), web_processes=2) as started:
        yield started


def push_until_answered(installation: Installation, serial: str, place: str) -> str:
    """Push as a HIS does: after a transport error the same serial again; returns the bill's number."""
    call = http(installation.base, timeout=10)

    def attempt() -> str:
        try:
            answer = call("invoiceEBillOutpatient", outpatient(serial, placeCode=place))
        except httpx.HTTPError:
            return ""
        assert answer.ok or "系统繁忙" in answer.message, answer.message
        return answer.payload["billNo"] if answer.ok else ""

    return wait_for(attempt, PATIENCE, f"an answer for {serial}")


def test_each_serial_has_one_bill_after_kills(installation: Installation) -> None:
    answered: list[str] = []

    def push(number: int) -> str:
        found = push_until_answered(installation, f"K{number}", f"0{number % 5 + 1}")
        answered.append(found)
        return found

    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(push, number) for number in range(SERIALS)]
        for kill in range(1, KILLS + 1):
            mark = SERIALS * kill // (KILLS + 1)
            wait_for(lambda mark=mark: len(answered) >= mark, PATIENCE, f"{mark} answers")
            installation.kill("web")
            installation.start("web")
        numbers = [future.result() for future in futures]
    assert len(set(numbers)) == SERIALS
    database = Database(make_engine(DemoSettings(database_url=installation.database_url).database))
    with database.read() as connection:
        assert ledger.check(connection) == SERIALS
    database.engine.dispose()
