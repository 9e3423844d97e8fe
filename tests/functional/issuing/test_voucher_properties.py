"""Whatever is done to deposits in whatever order: balance = issued − refunded − consumed + released − cancelled ≥ 0."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings, strategies
from sqlalchemy import select

from portal.core.clock import now
from portal.domain.actor import Actor
from portal.domain.documents.voucher import Movement
from portal.issuing.vouchers.movements import release
from portal.ledger import vouchers
from portal.models import Bill, Voucher, VoucherMovement
from tests.support import ledger
from tests.support.his import Answer, His
from tests.support.length import SOAK
from tests.support.vouchers import deposit, settlement, taking

NUMBERS = itertools.count()

STEPS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(["issue", "refund", "consume", "release", "cancel", "again"]),
        strategies.integers(0, 2),
        strategies.integers(1, 150),
    ),
    min_size=1,
    max_size=14,
)


class Model:
    """What should be left of each deposit, kept beside the real thing."""

    def __init__(self, his: His, app: Flask, name: str) -> None:
        self.his, self.app, self.name = his, app, name
        self.vouchers: list[dict[str, Any]] = []
        self.left: list[int] = []
        self.cancelled: set[int] = set()
        self.bills: list[tuple[int, dict[int, int]]] = []
        self.last: tuple[str, Any, Answer] | None = None

    def call(self, method: str, body: Any) -> Answer:
        answer = self.his.call(method, body)
        self.last = (method, body, answer)
        return answer

    def step(self, act: str, place: int, yuan: int) -> None:
        if act == "issue" or not self.vouchers:
            body = deposit(f"{self.name}-{len(self.vouchers)}", yuan, hospitalNo=self.name)
            answer = self.call("invoicePayMentVoucher", body)
            assert answer.ok, answer.message
            self.vouchers.append(answer.payload)
            self.left.append(yuan)
            return
        getattr(self, act)(place % len(self.vouchers), yuan)

    def refund(self, place: int, yuan: int) -> None:
        hour = next(NUMBERS) % 86_400
        when = f"20261119{hour // 3600:02d}{hour // 60 % 60:02d}{hour % 60:02d}000"
        answer = self.call("writeOffPayMentVoucher", taking(self.vouchers[place], yuan, when=when))
        assert answer.ok == (yuan <= self.left[place]), answer.message
        self.left[place] -= yuan if answer.ok else 0

    def consume(self, place: int, yuan: int) -> None:
        other = (place + 1) % len(self.vouchers)
        parts = {place: yuan} if other == place else {place: yuan, other: 1}
        uses = [(self.vouchers[one], amount) for one, amount in parts.items()]
        body = settlement(f"{self.name}-Z{len(self.bills)}-{next(NUMBERS)}", *uses, hospitalNo=self.name)
        answer = self.call("invEBillHospitalized", body)
        assert answer.ok == all(amount <= self.left[one] for one, amount in parts.items()), answer.message
        if answer.ok:
            for one, amount in parts.items():
                self.left[one] -= amount
            number = int(answer.payload["billNo"])
            with self.app.extensions["qupiao"].services.database.read() as connection:
                self.bills.append((connection.scalars(select(Bill.id).where(Bill.number == number)).one(), parts))

    def release(self, place: int, _yuan: int) -> None:
        if self.bills:
            bill_id, parts = self.bills.pop(place % len(self.bills))
            with self.app.extensions["qupiao"].services.database.write() as connection:
                release(connection, bill_id, Actor("test", "", 1), now())
            for one, amount in parts.items():
                self.left[one] += amount

    def cancel(self, place: int, _yuan: int) -> None:
        answer = self.call("cancelPayMentVoucherBalance", taking(self.vouchers[place]))
        held = any(place in parts for _, parts in self.bills)
        assert answer.ok == (place in self.cancelled or (self.left[place] > 0 and not held)), answer.message
        if answer.ok:
            self.cancelled.add(place)
            self.left[place] = 0

    def again(self, _place: int, _yuan: int) -> None:
        """A repeated call never moves money twice."""
        if self.last is not None and self.last[2].ok:
            method, body, before = self.last
            assert self.his.call(method, body).payload == before.payload

    def check(self) -> None:
        services = self.app.extensions["qupiao"].services
        with services.database.read() as connection:
            found = vouchers.statement(services, connection, 1, self.name, "")
            for voucher, left in zip(self.vouchers, self.left, strict=True):
                facts = vouchers.by_number(connection, 1, voucher["voucherBatchCode"], voucher["voucherNo"])
                assert facts is not None and facts.balance_fen == left * 100
            lines = connection.execute(select(VoucherMovement.kind, VoucherMovement.amount_fen)).all()
            taken = connection.execute(select(Voucher.form, Voucher.amount_fen)).all()
        assert found.balance_fen == sum(self.left) * 100 >= 0
        assert -sum(fen for kind, fen in lines if kind in (Movement.REFUNDED, Movement.CANCELLED)) == sum(
            fen for form, fen in taken if form != "deposit"
        ), "every coin that went back has its document"


@pytest.fixture
def played(app: Flask) -> Iterator[tuple[His, Flask]]:
    """An installation that many examples share, each with an admission of its own."""
    yield His(app), app
    with app.extensions["qupiao"].services.database.read() as connection:
        ledger.check(connection)


@settings(
    max_examples=120 if SOAK else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_the_balance_is_what_the_movements_say(played: tuple[His, Flask], steps: list[tuple[str, int, int]]) -> None:
    model = Model(*played, f"H{next(NUMBERS)}")
    for step in steps:
        model.step(*step)
    model.check()
