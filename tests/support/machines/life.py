"""The whole life of bills on top of the stock: reverse, exchange, exchange anew, void, in any order.

Paper numbers are this year's, from the demo's ranges of the two windows; the model keeps the next one of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlalchemy import Table, select

from portal.domain.errors import Refusal
from portal.domain.numbers import Sheet
from portal.domain.states.bills import ReversalReason
from portal.domain.states.stock import Fate
from portal.issuing.bills import reverse
from portal.issuing.bills.reverse import Order
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper.exchange import Ending, Exchange
from portal.models import Bill, PaperBill
from portal.stock.ranges import peek
from tests.support.machines.stock import NEXT_YEAR, ONE, WINDOWS, StockMachine, picks

BILL: Table = Bill.__table__  # type: ignore[assignment]
PAPER: Table = PaperBill.__table__  # type: ignore[assignment]
THIS_YEAR = NEXT_YEAR.year % 100 - 1
PAPER_CODE = f"990621{THIS_YEAR}"


class LifeMachine(StockMachine):
    """``reds``: original → red bill; ``sheets``: bill → its valid sheet; ``ended``: sheets that stand for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.reds: dict[int, int] = {}
        self.sheets: dict[int, Sheet] = {}
        self.ended: list[Sheet] = []

    def pick(self, place: int) -> int:
        """One of the bills, red ones among them."""
        return sorted([*self.bills, *self.reds.values()])[place % (len(self.bills) + len(self.reds))]

    def mark(self, bill: int, fate: Fate) -> None:
        """The number of a bill that goes onto paper, or comes back from it, is shown so on the number map."""
        with self.world.database.read() as connection:
            number = connection.execute(select(BILL.c.number).where(BILL.c.id == bill)).scalar_one()
        self.model[number] = (fate, self.model[number][1])

    def told(self, act: Callable[..., Any], *arguments: Any) -> str:
        """The code of the refusal that an act must meet."""
        with pytest.raises(Refusal) as refused:
            act(self.world.services, ONE, *arguments)
        return str(refused.value.code)

    def following(self, point: str) -> int:
        """The next sheet of a window."""
        with self.world.database.read() as connection:
            number = peek(connection, self.world.points[point], PAPER_CODE)
        assert number is not None
        return number

    @precondition(lambda self: self.bills)
    @rule(place=picks, point=st.sampled_from(WINDOWS))
    def reverse(self, place: int, point: str) -> None:
        """A live bill without paper, when the window has a number; everything else is refused by name."""
        bill = self.pick(place)
        order = Order(bill, point, ReversalReason.REFUND, "退费")
        if bill in self.reds.values():
            assert self.told(reverse.reverse, order) == "RED_NOT_REVERSIBLE"
        elif bill in self.reds:
            assert self.told(reverse.reverse, order) == "ALREADY_REVERSED"
        elif bill in self.sheets:
            assert self.told(reverse.reverse, order) == "PAPER_STILL_VALID"
        elif (expected := self.next_number(point)) is None:
            assert self.told(reverse.reverse, order) == "STOCK_EXHAUSTED"
        else:
            red = reverse.reverse(self.world.services, ONE, order)
            assert red.number == f"{expected:010d}"
            self.use(expected, point, Fate.RED)
            self.reds[bill] = red.bill_id

    @precondition(lambda self: self.bills)
    @rule(place=picks, point=st.sampled_from(WINDOWS), skip=st.integers(0, 2))
    def exchange(self, place: int, point: str, skip: int) -> None:
        """Onto the next sheet, or a later one with the gap written off; the same again is the same success."""
        bill, sheet = self.pick(place), Sheet(PAPER_CODE, self.following(point) + skip)
        order = Exchange(bill, point, sheet, skip=bool(skip))
        if bill in self.reds or bill in self.reds.values():
            assert self.told(paper_exchange.exchange, order) == "PAPER_NOT_ALLOWED"
        elif bill in self.sheets:
            assert self.told(paper_exchange.exchange, order) == "PAPER_EXCHANGED"
        else:
            row = paper_exchange.exchange(self.world.services, ONE, order)
            assert paper_exchange.exchange(self.world.services, ONE, order) == row
            self.sheets[bill] = sheet
            self.mark(bill, Fate.EXCHANGED)
            assert self.following(point) == sheet.number + 1

    @precondition(lambda self: self.bills)
    @rule(place=picks, point=st.sampled_from(WINDOWS))
    def exchange_anew(self, place: int, point: str) -> None:
        """The sheet in force ends, a new one takes its place."""
        bill, sheet = self.pick(place), Sheet(PAPER_CODE, self.following(point))
        order = Exchange(bill, point, sheet)
        if bill in self.reds or bill in self.reds.values():
            assert self.told(paper_exchange.re_exchange, order) == "PAPER_NOT_ALLOWED"
        elif bill not in self.sheets:
            assert self.told(paper_exchange.re_exchange, order) == "PAPER_NOT_EXCHANGED"
        else:
            paper_exchange.re_exchange(self.world.services, ONE, order)
            self.ended.append(self.sheets.pop(bill))
            self.sheets[bill] = sheet

    @precondition(lambda self: self.sheets)
    @rule(place=picks, lost=st.booleans())
    def void(self, place: int, lost: bool) -> None:
        """A sheet in force ends, taken back or lost with approval; voiding twice is refused."""
        bill = sorted(self.sheets)[place % len(self.sheets)]
        sheet = self.sheets.pop(bill)
        statement, approver = ("遗失声明", "赵主管") if lost else ("", "")
        ending = Ending(sheet, "退费", recovered=not lost, statement=statement, approver=approver)
        paper_exchange.void(self.world.services, ONE, ending)
        self.ended.append(sheet)
        self.mark(bill, Fate.ISSUED)
        assert self.told(paper_exchange.void, ending) == "PAPER_ENDED"

    @precondition(lambda self: self.ended and self.bills)
    @rule(place=picks)
    def use_an_ended_sheet(self, place: int) -> None:
        """A number is used once, whatever became of it."""
        live = [bill for bill in self.bills if bill not in self.reds and bill not in self.sheets]
        if live:
            sheet = self.ended[place % len(self.ended)]
            assert self.told(paper_exchange.exchange, Exchange(live[0], "01", sheet)) == "PAPER_ENDED"

    @invariant()
    def bills_and_sheets_are_what_the_model_says(self) -> None:
        with self.world.database.read() as connection:
            mine = select(BILL.c.id, BILL.c.red_of_id, BILL.c.state).where(
                BILL.c.id.in_([*self.bills, *self.reds.values()])
            )
            rows = {row.id: row for row in connection.execute(mine)}
            valid = connection.execute(
                select(PAPER.c.bill_id, PAPER.c.paper_code, PAPER.c.number).where(PAPER.c.state == "valid")
            ).all()
        assert {row.bill_id: Sheet(row.paper_code, row.number) for row in valid} == self.sheets
        assert len(valid) == len(self.sheets)
        assert {row.red_of_id: row.id for row in rows.values() if row.red_of_id} == self.reds
        assert {row.id for row in rows.values() if row.state == "reversed"} == set(self.reds)


def next_year() -> Any:
    """The time at which red bills of a history are issued: that of its numbers."""
    return NEXT_YEAR
