"""Windows that go on through midnight of 31 December: every document has a number of the year in which it was made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import select

from portal.core.clock import local, midnight, now
from portal.domain.actor import Actor
from portal.domain.numbers import NumberRun, bill_code
from portal.models import Bill, BillKind, PaperBill, Point, Voucher
from portal.stock.books.fates import consistent, identity
from portal.stock.documents import handouts, receipts
from portal.stock.documents.handouts import HandOut
from tests.support import clock, ledger
from tests.support.his import Answer, His, outpatient
from tests.support.length import SOAK
from tests.support.vouchers import deposit
from tests.support.window import Window

YEAR = local(now()).year
NEW_YEAR = midnight(datetime(YEAR + 1, 1, 1, tzinfo=UTC).date())
KEEPER, OTHER = Actor("staff:keeper", "甲", 1, "r1"), Actor("staff:other", "乙", 1, "r2")
AFTER = 60 if SOAK else 6
"""Documents of each window after midnight."""
STAY = {"busType": "01", "hospitalNo": "ZY1", "category": "内儿科病区"}


def prepare(app: Flask) -> None:
    """Receive next year's numbers of every kind and hand them out, as one does in December."""
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        points = {row.code: row.id for row in connection.execute(select(Point.code, Point.id))}
        kinds = {row.prefix: row.form for row in connection.execute(select(BillKind.prefix, BillKind.form))}
    voucher = next(prefix for prefix, form in kinds.items() if form == "voucher")
    for prefix, point in {"990601": "01", "990602": "01", "990621": "01", voucher: "04"}.items():
        code = bill_code(prefix, YEAR + 1)
        receipts.confirm(services, OTHER, receipts.enter_opening(services, KEEPER, NumberRun(code, 1, 100_000)))
        no = handouts.draft(services, KEEPER, HandOut(points[point], code, 10_000))
        handouts.hand_out(services, KEEPER, no)
        handouts.accept(services, KEEPER, no)


def through_midnight(act: Callable[[int], Answer]) -> list[tuple[int, Answer, int]]:
    """Do an act again and again until it was done often enough after midnight: year before, answer, year after."""
    done: list[tuple[int, Answer, int]] = []
    for turn in count():
        before = local(now()).year
        answer = act(turn)
        done.append((before, answer, local(now()).year))
        if sum(began > YEAR for began, _, _ in done) >= AFTER:
            return done
    raise AssertionError


def exchange(window: Window, turn: int) -> Answer:
    """Issue a bill and exchange it to the sheet that is next, asking again when midnight made it another."""
    bill = window.issue(f"P{turn}")
    while True:
        sheet = window.his.call("getPaperBillNo", {"placeCode": "01", "pBillBatchCode": "990621"}).payload
        answer = window.turn(bill, sheet["pBillNo"], pBillBatchCode=sheet["pBillBatchCode"])
        if answer.result != "E3007":
            return answer


def reversal(window: Window, turn: int) -> Answer:
    """Issue a bill and reverse it."""
    return window.red(window.issue(f"R{turn}"))


def test_every_document_has_a_number_of_its_year(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(app)
    clock.move(monkeypatch, NEW_YEAR - timedelta(seconds=2))
    his = [His(app) for _ in range(5)]
    acts = [
        lambda turn: his[0].call("invoiceEBillOutpatient", outpatient(f"O{turn}")),
        lambda turn: his[1].call("invEBillHospitalized", outpatient(f"I{turn}", **STAY)),
        lambda turn: his[2].call("invoicePayMentVoucher", deposit(f"V{turn}")),
        lambda turn: exchange(Window(his[3]), turn),
        lambda turn: reversal(Window(his[4]), turn),
    ]
    with ThreadPoolExecutor(len(acts)) as pool:
        runs = list(pool.map(through_midnight, acts))
    for done in runs:
        assert {answer.result for _, answer, _ in done} == {"S0000"}, {answer.message for _, answer, _ in done}
        assert any(began == YEAR for began, _, _ in done), "some were done in the old year"
    for began, answer, ended in (each for done in runs[:3] for each in done):
        assert answer.payload["billBatchCode"][6:] in {f"{began % 100:02d}", f"{ended % 100:02d}"}
    services = app.extensions["qupiao"].services
    with services.database.read() as connection:
        ledger.check(connection)
        assert identity(consistent(connection)).holds
        for table, code, at in (
            (Bill, Bill.bill_code, Bill.issued_at),
            (Voucher, Voucher.code, Voucher.issued_at),
            (PaperBill, PaperBill.paper_code, PaperBill.exchanged_at),
        ):
            rows = connection.execute(select(code.label("code"), at.label("at"))).all()
            assert {row.code[6:] for row in rows} == {f"{YEAR % 100:02d}", f"{(YEAR + 1) % 100:02d}"}
            wrong = [row for row in rows if row.code[6:] != f"{local(row.at).year % 100:02d}"]
            # A sheet and the moment of its exchange are read one after the other.
            assert all(abs(row.at - NEW_YEAR) < timedelta(seconds=1) for row in wrong), table
