"""One serial is one bill, whoever sends it how often at the same moment; the last numbers go round."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, func, select, update

from portal.domain.errors import Refusal
from portal.models import AuditEntry, Bill, BillDocument, NumberRange
from tests.support import ledger
from tests.support.his import Answer, His, outpatient
from tests.support.length import SOAK

BILL: Table = Bill.__table__  # type: ignore[assignment]
OUTPATIENT, REGISTRATION = "invoiceEBillOutpatient", "invEBillRegistration"
AT_ONCE = 32
ROUNDS = 50 if SOAK else 3
OTHERS = 100 if SOAK else 20


def push_all(app: Flask, calls: Iterable[tuple[str, dict[str, Any]]]) -> list[Answer]:
    """Push these at the same moment, each by a client of its own."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda call: His(app).call(*call), calls))


def bills(app: Flask) -> int:
    """How many bills there are."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(BILL)) or 0


def whole(app: Flask) -> int:
    """The ledger holds together; how many bills it has."""
    with app.extensions["qupiao"].services.database.read() as connection:
        return ledger.check(connection)


def test_i1_the_same_at_once_is_one_bill_for_all(app: Flask) -> None:
    for turn in range(ROUNDS):
        answers = push_all(app, [(OUTPATIENT, outpatient(f"I1-{turn}"))] * AT_ONCE)
        assert all(answer.ok for answer in answers), {answer.message for answer in answers}
        assert len({answer.payload["billNo"] for answer in answers}) == 1
    assert whole(app) == ROUNDS


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_i1_control_without_the_unique_serial_there_are_more(app: Flask) -> None:
    """Looking first is not enough: it is the constraint that keeps a serial to one bill."""
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE bill DROP CONSTRAINT uq_bill_account_id_serial")
        connection.exec_driver_sql("ALTER TABLE bill DROP CONSTRAINT uq_bill_link_digest")
    for turn in range(ROUNDS):
        push_all(app, [(OUTPATIENT, outpatient(f"I1-{turn}"))] * AT_ONCE)
    assert bills(app) > ROUNDS


def test_i2_other_content_is_refused_and_the_first_bill_stays(app: Flask) -> None:
    assert His(app).call(OUTPATIENT, outpatient("I2")).ok
    before = stored(app)
    calls = [
        (OUTPATIENT, outpatient("I2", totalAmt=10 + n, ownPay=0, chargeDetail=charge(10 + n))) for n in range(OTHERS)
    ]
    calls += [(OUTPATIENT, outpatient("I2", payer=f"演安{'甲乙丙丁'[n % 4]}")) for n in range(OTHERS)]
    calls += [(REGISTRATION, outpatient("I2", busType="06"))] * OTHERS
    answers = push_all(app, calls)
    assert not any(answer.ok for answer in answers)
    assert all("I2" in answer.message and "已开具" in answer.message for answer in answers), answers[0]
    assert stored(app) == before
    assert whole(app) == 1
    with app.extensions["qupiao"].services.database.read() as connection:
        conflicts = select(func.count()).where(AuditEntry.action == "bill.conflict")
        assert connection.scalar(conflicts) == len(calls)


def charge(amount: int) -> list[dict[str, Any]]:
    """One charge of this amount."""
    return [{"chargeCode": "0101", "chargeName": "诊查费", "amt": amount}]


def stored(app: Flask) -> tuple[Any, ...]:
    """The bill and its document as they are in the tables."""
    with app.extensions["qupiao"].services.database.read() as connection:
        bill = tuple(connection.execute(select(BILL)).one())
        return bill, tuple(connection.execute(select(BillDocument.__table__)).one())


def test_i3_one_serial_with_two_contents_at_once(app: Flask) -> None:
    """Whichever comes first has the bill; every other of its kind gets it, the rest a named conflict."""
    for turn in range(ROUNDS):
        one, two = outpatient(f"I3-{turn}"), outpatient(f"I3-{turn}", payer="陈样英")
        answers = push_all(app, [(OUTPATIENT, one), (OUTPATIENT, two)] * 8)
        won = [answer.ok for answer in answers]
        assert sum(won) == 8 and won in ([True, False] * 8, [False, True] * 8), answers
        assert len({answer.payload["billNo"] for answer in answers if answer.ok}) == 1
        assert all("已开具" in answer.message for answer in answers if not answer.ok)
    assert whole(app) == ROUNDS


def forty_left(app: Flask) -> None:
    """Every range ends after forty more numbers."""
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(update(NumberRange).values(last=NumberRange.next + 39))


def exhausted(answers: list[Answer]) -> int:
    """How many answers say that the range is empty, in the catalogue's words."""
    what = Refusal("STOCK_EXHAUSTED", point="", kind="").what
    return sum(not answer.ok and what in answer.message for answer in answers)


def test_i5_forty_numbers_for_a_hundred(app: Flask) -> None:
    forty_left(app)
    answers = push_all(app, [(OUTPATIENT, outpatient(f"I5-{n}")) for n in range(100)])
    assert sum(answer.ok for answer in answers) == 40
    assert exhausted(answers) == 60, {answer.message for answer in answers if not answer.ok}
    assert whole(app) == 40


def test_i5_control_with_enough_numbers_nobody_is_refused(app: Flask) -> None:
    """It is the end of the range that refused them, not the crowd. (Without the lock: test_numbers.)"""
    answers = push_all(app, [(OUTPATIENT, outpatient(f"I5-{n}")) for n in range(100)])
    assert sum(answer.ok for answer in answers) == 100, {answer.message for answer in answers}
    assert exhausted(answers) == 0
    assert whole(app) == 100
