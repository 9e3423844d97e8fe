"""One 取票码 in several hands at once: it opens its bill once, whichever way it is typed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select, update

from portal.access.limits import Limits
from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.paper import notice_slips, slip_codes
from portal.ledger.bills import by_id
from portal.models import AuditEntry, PatientSession
from portal.models.tables import BILL, SLIP_CODE
from portal.rendering.papers.slip import Paper
from portal.retrieval.proof import identify
from tests.support.his import His, outpatient
from tests.support.length import SOAK

ROUNDS = 100 if SOAK else 5
PHONES = 4
NAME = "林演安"


def printed(app: Flask, serial: str) -> tuple[int, str]:
    """A bill with a slip: its id and the slip's code."""
    assert His(app).call("invoiceEBillOutpatient", outpatient(serial)).ok
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        bill_id, unit_id = connection.execute(select(BILL.c.id, BILL.c.unit_id).where(BILL.c.serial == serial)).one()
    notice_slips.start(services, Actor("staff:desk", "收费员甲", unit_id), notice_slips.BILLS, [bill_id], Paper.ROLL)
    return bill_id, slip_codes.of_print(services, bill_id, 1)


def opened(app: Flask, bill_id: int, code: str) -> list[str]:
    """Several phones at once, half of them at the hospital's page, half on the bill's link; the cookies they got."""
    services, limits, start = app.extensions["qupiao"].services, app.extensions["qupiao"].limits, Barrier(PHONES)
    with services.database.read() as connection:
        bill = by_id(connection, bill_id)
    assert bill is not None
    ways: list[Callable[[Limits, str], str]] = [
        lambda limits, address: identify.open_by_slip(services, limits, bill, code, address, None),
        lambda limits, address: identify.open_by_code(services, limits, bill.unit_id, code, NAME, address, None)[0],
    ]

    def one(place: int) -> str:
        start.wait()
        try:
            return ways[place % 2](limits, f"10.0.0.{place}")
        except Refusal as refusal:
            if refusal.code != "NOT_MATCHED":  # too late looks like wrong
                raise
            return ""

    with ThreadPoolExecutor(PHONES) as pool:
        return [cookie for cookie in pool.map(one, range(PHONES)) if cookie]


def test_a_code_is_used_once(app: Flask) -> None:
    services = app.extensions["qupiao"].services
    for turn in range(ROUNDS):
        bill_id, code = printed(app, f"Q{turn}")
        assert len(opened(app, bill_id, code)) == 1
        assert opened(app, bill_id, code) == []
    with services.database.read() as connection:
        told = select(func.count()).where(AuditEntry.action == "bill.opened", AuditEntry.actor == "patient:slip-code")
        assert connection.scalar(told) == ROUNDS
        assert connection.scalar(select(func.count()).select_from(PatientSession)) == ROUNDS
        assert connection.scalar(select(func.count()).where(SLIP_CODE.c.used_at.is_(None))) == 0


def test_two_slips_of_one_bill_open_it_twice(app: Flask) -> None:
    """The second print has a code of its own: as many uses as slips."""
    services = app.extensions["qupiao"].services
    bill_id, first = printed(app, "Q")
    with services.database.read() as connection:
        unit_id = connection.scalar(select(BILL.c.unit_id)) or 0
    notice_slips.start(services, Actor("staff:desk", "收费员甲", unit_id), notice_slips.BILLS, [bill_id], Paper.ROLL)
    second = slip_codes.of_print(services, bill_id, 2)
    with ThreadPoolExecutor(2) as pool:
        cookies = list(pool.map(lambda code: opened(app, bill_id, code), (first, second)))
    assert [len(one) for one in cookies] == [1, 1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_looking_first_lets_several_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race with a look before the use instead of one conditional update: more than one gets in."""

    def careless(connection: Connection, digest: bytes, bill_id: int) -> int | None:
        unused = select(SLIP_CODE.c.bill_id).where(SLIP_CODE.c.digest == digest, SLIP_CODE.c.used_at.is_(None))
        found = connection.scalar(unused)
        connection.exec_driver_sql("SELECT pg_sleep(0.2)")
        connection.execute(update(SLIP_CODE).where(SLIP_CODE.c.digest == digest).values(used_at=now()))
        return found if found == bill_id else None

    monkeypatch.setattr(identify, "_use_code", careless)
    bill_id, code = printed(app, "Q")
    assert len(opened(app, bill_id, code)) > 1, "so the test above proves something"
