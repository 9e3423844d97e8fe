"""Many at once: one serial is one bill, numbers are dense."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import Connection, select, update

from portal.models import NumberRange
from portal.models.tables import NUMBER_RANGE
from tests.support import ledger
from tests.support.his import Answer, His, outpatient
from tests.support.length import SOAK


def test_fifty_identical_pushes_are_one_bill(his: His, app: Flask) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: his_call(app, "same"), range(50)))
    assert all(answer.ok for answer in answers), {answer.message for answer in answers}
    assert len({answer.payload["billNo"] for answer in answers}) == 1
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == 1


def his_call(app: Flask, serial: str, place: str = "01") -> Answer:
    return His(app).call("invoiceEBillOutpatient", outpatient(serial, placeCode=place))


def test_numbers_stay_dense_from_many_threads(app: Flask) -> None:
    count = 2000 if SOAK else 300
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: his_call(app, f"D{n}", f"0{n % 5 + 1}"), range(count)))
    assert all(answer.ok for answer in answers), {answer.message for answer in answers}
    with app.extensions["qupiao"].services.database.read() as connection:
        assert ledger.check(connection) == count


def test_the_last_numbers_go_to_exactly_as_many(app: Flask) -> None:
    database = app.extensions["qupiao"].services.database
    with database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.first + 9))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: his_call(app, f"L{n}"), range(30)))
    assert sum(answer.ok for answer in answers) == 10
    assert all("无可用票号" in answer.message for answer in answers if not answer.ok)
    with database.read() as connection:
        assert ledger.check(connection) == 10


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_without_the_lock_numbers_collide(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same race with an allocation that reads and then writes must fail, or the tests above prove nothing."""

    def unguarded(connection: Connection, point_id: int, bill_code: str) -> tuple[int, int]:
        mine = (NUMBER_RANGE.c.point_id == point_id) & (NUMBER_RANGE.c.bill_code == bill_code)
        row = connection.execute(select(NUMBER_RANGE.c.id, NUMBER_RANGE.c.next).where(mine)).one()
        connection.exec_driver_sql("SELECT pg_sleep(0.02)")
        connection.execute(update(NUMBER_RANGE).where(NUMBER_RANGE.c.id == row.id).values(next=row.next + 1))
        return row.id, row.next

    monkeypatch.setattr("portal.issuing.numbering.take_number", unguarded)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: his_call(app, f"U{n}"), range(24)))
    assert any(not answer.ok for answer in answers)
