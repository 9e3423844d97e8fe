"""Reversal, exchange, re-exchange and void against each other: exactly one wins, the other is told why.

Every race has its control: the same race with the guards off must fail, or it proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, select, text

from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet
from portal.domain.states.bills import ReversalReason
from portal.issuing.bills import reverse
from portal.issuing.bills.reverse import Order
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper.exchange import Ending, Exchange
from portal.ledger.bills import record
from portal.ledger.paper import SHEET_FACTS, read_sheet, valid_sheet
from portal.models import Bill, NumberRange, PaperBill
from portal.stock.ranges import peek
from tests.support import codes, ledger
from tests.support.his import His, outpatient
from tests.support.length import SOAK

ROUNDS = 200 if SOAK else 20
CODE = codes.PAPER
BILL: Table = Bill.__table__
PAPER: Table = PaperBill.__table__
CLERKS = (Actor("staff:chen", "收费员甲", 1), Actor("staff:li", "收费员乙", 1))
PLACES = ("01", "02")


@dataclass
class Hall:
    """Two windows of one hospital."""

    app: Flask

    def __post_init__(self) -> None:
        self.services = self.app.extensions["qupiao"].services
        self.his = His(self.app)

    def bill(self, serial: str) -> int:
        """Issue a bill; its row id."""
        answer = self.his.call("invoiceEBillOutpatient", outpatient(serial))
        with self.services.database.read() as connection:
            number = int(answer.payload["billNo"])
            return int(connection.execute(select(BILL.c.id).where(BILL.c.number == number)).scalar_one())

    def sheet(self, place: str) -> Sheet:
        """The sheet in the printer of a window: its next number."""
        with self.services.database.read() as connection:
            following = peek(connection, paper_exchange.point_id(connection, 1, place), CODE)
        assert following is not None
        return Sheet(CODE, following)

    def reverse(self, window: int, bill_id: int) -> Callable[[], object]:
        """The act of reversing at a window."""
        order = Order(bill_id, PLACES[window], ReversalReason.REFUND, "退费")
        return partial(reverse.reverse, self.services, CLERKS[window], order)

    def exchange(
        self, window: int, bill_id: int, act: Any = paper_exchange.exchange, **more: Any
    ) -> Callable[[], object]:
        """The act of exchanging at a window, onto the sheet that lies there now."""
        order = Exchange(bill_id, PLACES[window], self.sheet(PLACES[window]), **more)
        return partial(act, self.services, CLERKS[window], order)

    def void(self, window: int, sheet: Sheet) -> Callable[[], object]:
        """The act of voiding a sheet at a window."""
        return partial(paper_exchange.void, self.services, CLERKS[window], Ending(sheet, "退费"))


Race = Callable[[Hall, int], tuple[Callable[[], object], Callable[[], object]]]


def two_reversals(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bill = hall.bill(f"A{round_}")
    return hall.reverse(0, bill), hall.reverse(1, bill)


def reversal_and_exchange(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bill = hall.bill(f"B{round_}")
    return hall.reverse(0, bill), hall.exchange(1, bill)


def two_exchanges(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bill = hall.bill(f"C{round_}")
    return hall.exchange(0, bill), hall.exchange(1, bill)


def two_re_exchanges(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bill, first = hall.bill(f"D{round_}"), hall.sheet("01")
    hall.exchange(0, bill)()
    again = [hall.exchange(window, bill, paper_exchange.re_exchange, replaces=first) for window in (0, 1)]
    return again[0], again[1]


def two_voids(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bill, sheet = hall.bill(f"E{round_}"), hall.sheet("01")
    hall.exchange(0, bill)()
    return hall.void(0, sheet), hall.void(1, sheet)


def one_sheet_for_two_bills(hall: Hall, round_: int) -> tuple[Callable[[], object], Callable[[], object]]:
    bills = [hall.bill(f"F{round_}-{count}") for count in (0, 1)]
    return hall.exchange(0, bills[0]), hall.exchange(0, bills[1])


RACES: dict[Race, set[str]] = {
    two_reversals: {"ALREADY_REVERSED"},
    reversal_and_exchange: {"PAPER_STILL_VALID", "PAPER_NOT_ALLOWED"},
    two_exchanges: {"PAPER_EXCHANGED"},
    two_re_exchanges: {"PAPER_EXCHANGED"},
    two_voids: {"PAPER_ENDED"},
    one_sheet_for_two_bills: {"NUMBER_NOT_NEXT", "PAPER_TAKEN"},
}
"""Each race and how its loser is told."""


def run(acts: tuple[Callable[[], object], ...], pool: ThreadPoolExecutor) -> list[str]:
    """Both acts at the same moment; ``""`` or the refusal's code of each."""
    start = Barrier(len(acts))

    def one(act: Callable[[], object]) -> str:
        start.wait(30)
        try:
            act()
        except Refusal as refusal:
            return refusal.code
        return ""

    return list(pool.map(one, acts))


def play(hall: Hall, race: Race, rounds: int, ready: Callable[[], None] = lambda: None) -> None:
    """Run a race so often; exactly one wins each time, the other is refused by name."""
    with ThreadPoolExecutor(2) as pool:
        for round_ in range(rounds):
            acts = race(hall, round_)
            ready()
            outcomes = run(acts, pool)
            assert outcomes.count("") == 1, (race.__name__, outcomes)
            assert set(outcomes) - {""} <= RACES[race], (race.__name__, outcomes)


@pytest.fixture
def hall(app: Flask) -> Hall:
    """The two windows."""
    return Hall(app)


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_exactly_one_wins(hall: Hall, race: Race) -> None:
    play(hall, race, ROUNDS)
    with hall.services.database.read() as connection:
        ledger.check(connection)
        live = connection.execute(select(PAPER.c.bill_id).where(PAPER.c.state == "valid")).all()
        assert len(live) == len(set(live))
        reversed_ones = set(connection.scalars(select(BILL.c.red_of_id).where(BILL.c.red_of_id.is_not(None))))
        assert reversed_ones == set(connection.scalars(select(BILL.c.id).where(BILL.c.state == "reversed")))
        assert not reversed_ones & {row.bill_id for row in live}


def disarm(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Guards off: the database lets everything through, and from the call of what is returned on everybody judges
    what was true at that call."""
    standing, valid = reverse.standing, valid_sheet

    def freeze() -> None:
        with hall.services.database.read() as connection:
            bills = {bill_id: record(connection, bill_id) for bill_id in connection.scalars(select(BILL.c.id))}
            stood = {bill_id: standing(connection, bill) for bill_id, bill in bills.items()}
            sheets = {bill_id: valid(connection, bill_id) for bill_id in bills}
            known = {row.sheet: row for row in map(read_sheet, connection.execute(SHEET_FACTS))}
        for module in (reverse, paper_exchange):
            monkeypatch.setattr(module, "lock_bill", lambda _connection, bill_id: bills[bill_id])
        monkeypatch.setattr(reverse, "standing", lambda _connection, bill: stood[bill.id])
        monkeypatch.setattr(paper_exchange, "valid_sheet", lambda _connection, bill_id: sheets[bill_id])
        monkeypatch.setattr(paper_exchange, "sheet_row", lambda _connection, _unit, sheet: known.get(sheet))

    with hall.services.database.write() as connection:
        sqlite = connection.dialect.name == "sqlite"
        for name, table in (
            ("bill_red", "bill"),
            ("paper_bill_of_live", "paper_bill"),
            ("paper_bill_ends", "paper_bill"),
            ("paper_bill_numbered", "paper_bill"),
            ("bill_numbered", "bill"),
        ):
            connection.execute(text(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}")))
        connection.execute(text("DROP INDEX ix_paper_bill_valid"))
        if not sqlite:
            connection.execute(text("ALTER TABLE bill DROP CONSTRAINT uq_bill_red_of_id"))
            connection.execute(text("ALTER TABLE bill DROP CONSTRAINT uq_bill_account_id_serial"))
            connection.execute(text("ALTER TABLE reversal DROP CONSTRAINT pk_reversal"))
    return freeze


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.__name__)
def test_control_without_the_guards_both_win(hall: Hall, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze = disarm(hall, monkeypatch)
    if race is one_sheet_for_two_bills:
        monkeypatch.setattr(paper_exchange, "take_given", careless(hall))
    with pytest.raises(AssertionError):
        play(hall, race, 1, freeze)


def careless(hall: Hall) -> Callable[..., int]:
    """A stock that hands one number out to everybody, and a table that takes it twice where that can be had."""
    with hall.services.database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE paper_bill DROP CONSTRAINT uq_paper_bill_paper_code_number"))
        row = connection.execute(select(NumberRange.id).where(NumberRange.bill_code == CODE)).first()
    assert row is not None
    return lambda *_: row.id
