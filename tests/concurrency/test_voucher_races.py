"""Races over one deposit: it is never spent twice, and whoever comes too late is told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select

from portal.issuing.vouchers import movements
from portal.ledger import vouchers
from portal.models import AuditEntry, VoucherMovement
from tests.support import ledger
from tests.support.his import Answer, His
from tests.support.length import SOAK
from tests.support.vouchers import deposit, paid_in, settlement, taking

ROUNDS = 200 if SOAK else 12
REFUND = "writeOffPayMentVoucher"


def together(app: Flask, *calls: tuple[str, dict[str, Any]]) -> list[Answer]:
    """The calls at the same time, each from a client of its own."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: His(app).call(*call), calls))


def balance(app: Flask) -> int:
    with app.extensions["qupiao"].services.database.read() as connection:
        return int(connection.scalar(select(func.sum(VoucherMovement.amount_fen))) or 0)


def two_refunds(app: Flask, turn: int) -> list[Answer]:
    made = paid_in(His(app), f"R{turn}", 100)
    calls = [(REFUND, taking(made, 60, when=f"2026111910000{second}000")) for second in (1, 2)]
    return together(app, *calls)


def a_refund_and_a_bill(app: Flask, turn: int) -> list[Answer]:
    made = paid_in(His(app), f"C{turn}", 100)
    bill = settlement(f"ZY{turn}", (made, 60))
    return together(app, (REFUND, taking(made, 60)), ("invEBillHospitalized", bill))


def test_two_refunds_of_one_balance_have_one_winner(app: Flask) -> None:
    for turn in range(ROUNDS):
        answers = two_refunds(app, turn)
        assert sorted(answer.result for answer in answers) == ["E5002", "S0000"]
    assert balance(app) == ROUNDS * 4000
    with app.extensions["qupiao"].services.database.read() as connection:
        ledger.check(connection)


def test_a_refund_against_a_settlement_has_one_winner(app: Flask) -> None:
    for turn in range(ROUNDS):
        answers = a_refund_and_a_bill(app, turn)
        assert sum(answer.ok for answer in answers) == 1, [answer.message for answer in answers]
        assert {answer.result for answer in answers} <= {"S0000", "E5002", "E5004"}
    assert balance(app) == ROUNDS * 4000
    with app.extensions["qupiao"].services.database.read() as connection:
        ledger.check(connection)


def test_many_copies_of_one_act_are_one(app: Flask) -> None:
    issued = together(app, *[("invoicePayMentVoucher", deposit("SAME"))] * 12)
    assert len({answer.payload["voucherNo"] for answer in issued}) == 1
    for method, body in (
        (REFUND, taking(issued[0].payload, 400)),
        ("cancelPayMentVoucherBalance", taking(issued[0].payload)),
    ):
        answers = together(app, *[(method, body)] * 8)
        assert len({answer.payload["eScarletBillNo"] for answer in answers}) == 1
    assert balance(app) == 0
    with app.extensions["qupiao"].services.database.read() as connection:
        ledger.check(connection)


def test_two_tellers_with_one_serial_and_two_amounts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked and found nothing before either writes: the later one is told of the conflict, and it is kept.

    The later one learns of it inside its write transaction, where an audit entry apart would wait for itself.
    """
    both_looked, looked, by_serial = Barrier(2), local(), vouchers.by_serial

    def look(*arguments: Any) -> Any:
        found = by_serial(*arguments)
        if not getattr(looked, "done", False):
            looked.done = True
            both_looked.wait(30)
        return found

    made = paid_in(His(app), "ONE", 100)
    monkeypatch.setattr(vouchers, "by_serial", look)
    answers = together(app, *[(REFUND, taking(made, yuan, when="20261119100000000")) for yuan in (30, 40)])
    assert sorted(answer.result for answer in answers) == ["E2005", "S0000"], [answer.message for answer in answers]
    assert balance(app) in (6000, 7000)
    with app.extensions["qupiao"].services.database.read() as connection:
        ledger.check(connection)
        told = connection.scalars(select(AuditEntry.details).where(AuditEntry.action == "voucher.conflict")).all()
    assert told == [{"parts": ["金额"]}]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("race", [two_refunds, a_refund_and_a_bill])
def test_control_without_the_lock_the_races_go_wrong(app: Flask, monkeypatch: pytest.MonkeyPatch, race: Any) -> None:
    """The same races without holding the deposit, and without the last guard of the database, spend it twice."""

    def unguarded(connection: Connection, voucher_id: int) -> int:
        line = movements._last(connection, voucher_id)
        connection.exec_driver_sql("SELECT pg_sleep(0.05)")
        return line[1]

    def careless(connection: Connection, voucher_id: int) -> tuple[int, int]:
        newest = func.coalesce(func.max(VoucherMovement.line), 0)
        total = func.coalesce(func.sum(VoucherMovement.amount_fen), 0)
        row = connection.execute(select(newest, total).where(VoucherMovement.voucher_id == voucher_id)).one()
        return int(row[0]), int(row[1])

    monkeypatch.setattr("portal.issuing.vouchers.movements.lock", unguarded)
    monkeypatch.setattr("portal.issuing.vouchers.issue.lock", unguarded)
    monkeypatch.setattr("portal.issuing.vouchers.movements._last", careless)
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER voucher_movement_follows ON voucher_movement")
        connection.exec_driver_sql("ALTER TABLE voucher_movement DROP CONSTRAINT pk_voucher_movement")
        connection.exec_driver_sql("ALTER TABLE voucher_movement DROP CONSTRAINT ck_voucher_movement_balance")
    for turn in range(6):
        race(app, turn)
    assert balance(app) < 6 * 4000, "without the lock both win, so the tests above prove something"
