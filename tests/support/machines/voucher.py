"""Deposits and their sheets, drawn from the same stock, between everything that happens to bills.

The voucher's own numbers and its paper are this year's, of the demo's windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlalchemy import select

from portal.blueprints.his.vouchers import deposit
from portal.core.clock import now
from portal.demo.granted import DEPOSITS
from portal.domain.documents.voucher import Deposit, Taking
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, Sheet
from portal.domain.states.stock import Fate
from portal.issuing.paper.exchange import Exchange
from portal.issuing.vouchers import paper
from portal.issuing.vouchers.issue import Vouched, VoucherService, his_sender
from portal.ledger import vouchers as ledger_vouchers
from portal.models import NumberSegment, VoucherPaper
from portal.stock.books.fates import fate_map
from portal.stock.documents import handouts, voids
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.voids import Void
from portal.stock.ranges import open_ranges, peek
from tests.support import vouchers
from tests.support.machines.life import THIS_YEAR, LifeMachine
from tests.support.machines.stock import ONE, TWO, picks

FORM = f"999921{THIS_YEAR}"
TELLERS = DEPOSITS[:2]
SECOND = timedelta(seconds=1)


class VoucherMachine(LifeMachine):
    """``left``: deposit → fen that are left; ``red``: taken back; ``on``: deposit → its valid sheet; ``spent``: sheets
    that stand for nothing; ``void``: every sheet that was taken back, skipped or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.tellers = VoucherService(self.world.services, self.world.desk.references)
        self.sender = his_sender(self.world.account, "r", "甲")
        self.deposits: dict[int, Vouched] = {}
        self.left: dict[int, int] = {}
        self.red: set[int] = set()
        self.on: dict[int, Sheet] = {}
        self.spent: list[Sheet] = []
        self.void: set[int] = set()
        self.moment = now()

    # what rules are made of

    def one(self, place: int) -> int:
        """One of the deposits."""
        return sorted(self.deposits)[place % len(self.deposits)]

    def later(self) -> datetime:
        """A time of business that no act had before: with the voucher it is the key of a refund."""
        self.moment += SECOND
        return self.moment

    def taking(self, voucher: int, point: str, fen: int | None = None) -> Taking:
        facts = self.deposits[voucher].facts
        return Taking(facts.code, facts.number, point, self.later(), "甲", "退押金", fen)

    def next_sheet(self, point: str) -> int | None:
        """The next sheet of a window."""
        with self.world.database.read() as connection:
            return peek(connection, self.world.points[point], FORM)

    def denied(self, act: Callable[[], Any]) -> str:
        """The code of the refusal that an act must meet."""
        with pytest.raises(Refusal) as refused:
            act()
        return refused.value.code

    def end(self, voucher: int) -> None:
        """The model learns that the sheet in force stands for nothing any more."""
        sheet = self.on.pop(voucher)
        self.spent.append(sheet)
        self.void.add(sheet.number)

    # acts

    @rule(point=st.sampled_from(TELLERS), fen=st.integers(1, 90_000))
    def pay_in(self, point: str, fen: int) -> None:
        """The same serial again is the same voucher; with another amount it is refused."""
        body = vouchers.deposit(self.settle().serial, "1.00", placeCode=f"0{point}")
        paid: Deposit = replace(deposit(body, self.world.account), amount_fen=fen)
        made = self.tellers.issue(self.sender, paid)
        again = self.tellers.issue(self.sender, paid)
        assert again.duplicate and again.facts == made.facts and made.facts.point_code == point
        other = replace(paid, amount_fen=fen + 1)
        assert self.denied(lambda: self.tellers.issue(self.sender, other)) == "SERIAL_CONFLICT"
        self.deposits[made.facts.voucher_id] = made
        self.left[made.facts.voucher_id] = fen

    @precondition(lambda self: self.deposits)
    @rule(place=picks, point=st.sampled_from(TELLERS), fen=st.integers(1, 90_000))
    def refund(self, place: int, point: str, fen: int) -> None:
        """A part or all of what is left, whether or not a sheet is out; never more."""
        voucher = self.one(place)
        asked = self.taking(voucher, point, fen)
        if fen > self.left[voucher]:
            assert self.denied(lambda: self.tellers.refund(self.sender, asked)) == "VOUCHER_BALANCE"
            return
        made = self.tellers.refund(self.sender, asked)
        assert self.tellers.refund(self.sender, asked).facts == made.facts
        other = replace(asked, amount_fen=fen + 1)
        assert self.denied(lambda: self.tellers.refund(self.sender, other)) == "SERIAL_CONFLICT"
        self.left[voucher] -= fen

    @precondition(lambda self: self.deposits)
    @rule(place=picks, point=st.sampled_from(TELLERS))
    def take_back(self, place: int, point: str) -> None:
        """Not while a sheet is out and not when nothing is left; twice is once."""
        voucher = self.one(place)
        asked = self.taking(voucher, point)
        if voucher not in self.red and (voucher in self.on or not self.left[voucher]):
            assert self.denied(lambda: self.tellers.cancel(self.sender, asked)) == "VOUCHER_STATE"
            return
        made = self.tellers.cancel(self.sender, asked)
        assert made.duplicate == (voucher in self.red)
        assert self.tellers.cancel(self.sender, asked).facts == made.facts
        self.red.add(voucher)
        self.left[voucher] = 0

    @precondition(lambda self: self.deposits)
    @rule(place=picks, point=st.sampled_from(TELLERS), skip=st.integers(0, 2))
    def voucher_to_paper(self, place: int, point: str, skip: int) -> None:
        """turnPaper: the next sheet, or a later one with the gap written off, where the window has that many."""
        voucher, following = self.one(place), self.next_sheet(point)
        sheet = Sheet(FORM, (following or 1) + skip)
        order = Exchange(voucher, point, sheet, skip=bool(skip))

        def act() -> None:
            paper.exchange(self.world.services, ONE, order)

        if voucher in self.red:
            assert self.denied(act) == "VOUCHER_STATE"
        elif voucher in self.on:
            assert self.denied(act) == "PAPER_EXCHANGED"
        elif following is None:
            assert self.denied(act) == "STOCK_EXHAUSTED"
        elif self.holds(point, following, skip):
            act()
            act()  # after a lost answer
            self.on[voucher] = sheet
            self.void |= set(range(following, sheet.number))
        else:
            assert self.denied(act) in ("STOCK_EXHAUSTED", "NUMBER_NOT_NEXT", "NUMBERS_NOT_UNUSED")

    def holds(self, point: str, following: int, skip: int) -> bool:
        """Whether the window has the next sheet and as many behind it, then the one that is wanted."""
        with self.world.database.read() as connection:
            ranges = open_ranges(connection, self.world.points[point], FORM)
        own = {number for each in ranges for number in range(each.next, each.last + 1)}
        return set(range(following, following + skip + 1)) <= own

    @precondition(lambda self: self.deposits)
    @rule(place=picks, point=st.sampled_from(TELLERS), stale=st.booleans())
    def voucher_anew(self, place: int, point: str, stale: bool) -> None:
        """reTurnPaper: the sheet in force ends, the next one takes its place; not when another was meant."""
        voucher, following = self.one(place), self.next_sheet(point)
        meant = Sheet(FORM, 1) if stale else None
        order = Exchange(voucher, point, Sheet(FORM, following or 1), replaces=meant)

        def act() -> None:
            paper.re_exchange(self.world.services, ONE, order)

        if voucher in self.red:
            assert self.denied(act) == "VOUCHER_STATE"
        elif voucher not in self.on:
            assert self.denied(act) == "PAPER_NOT_EXCHANGED"
        elif stale:
            assert self.denied(act) == "PAPER_EXCHANGED"
        elif following is None:
            assert self.denied(act) == "STOCK_EXHAUSTED"
        else:
            act()
            act()  # after a lost answer
            self.end(voucher)
            self.on[voucher] = order.sheet

    @precondition(lambda self: self.on)
    @rule(place=picks, short=st.booleans())
    def void_voucher_sheet(self, place: int, short: bool) -> None:
        """The desk and invalidPayMentVoucherPaper; leading zeros may be missing, and twice is refused."""
        voucher = sorted(self.on)[place % len(self.on)]
        number = str(self.on[voucher].number) if short else f"{self.on[voucher].number:010d}"
        paper.void(self.world.services, ONE, FORM, number, "收回")
        self.end(voucher)
        again = self.denied(lambda: paper.void(self.world.services, ONE, FORM, number, "收回"))
        assert again == "VOUCHER_PAPER"

    @precondition(lambda self: self.spent)
    @rule(place=picks)
    def use_a_spent_sheet(self, place: int) -> None:
        """A number is used once, whatever became of it."""
        sheet = self.spent[place % len(self.spent)]
        for voucher in self.deposits.keys() - self.on.keys() - self.red:
            order = Exchange(voucher, TELLERS[0], sheet, skip=True)
            told = self.denied(lambda order=order: paper.exchange(self.world.services, ONE, order))
            assert told in ("NUMBER_NOT_NEXT", "STOCK_EXHAUSTED", "PAPER_SKIPS_TOO_MANY", "NUMBERS_NOT_UNUSED"), told
            return

    @rule(point=st.sampled_from(TELLERS), keep=st.integers(0, 3))
    def lose_voucher_blanks(self, point: str, keep: int) -> None:
        """空白票报损 of a window's sheets but for the next few: soon it has none."""
        with self.world.database.read() as connection:
            ranges = open_ranges(connection, self.world.points[point], FORM)
        for each in ranges[-1:]:
            first = min(each.next + keep, each.last)
            self.do(voids.void_blank_on, Void(NumberRun(FORM, first, each.last), "受潮", self.world.points[point]))
            self.void |= set(range(first, each.last + 1))

    @rule(point=st.sampled_from(TELLERS), count=st.integers(1, 4))
    def hand_out_voucher_paper(self, point: str, count: int) -> None:
        """A few more sheets from the unit's stock."""
        no = self.do(handouts.draft_on, HandOut(self.world.points[point], FORM, count))
        self.do(handouts.hand_out_on, no)
        self.do(handouts.accept_on, no, by=TWO)

    # what must hold after each of them; that the identity holds for this paper too, the stock's own invariant says

    @invariant()
    def deposits_and_their_sheets_are_what_the_model_says(self) -> None:
        with self.world.database.read() as connection:
            valid = connection.execute(
                select(VoucherPaper.voucher_id, VoucherPaper.paper_code, VoucherPaper.number).where(
                    VoucherPaper.void_at.is_(None)
                )
            ).all()
            fates: dict[Fate, set[int]] = {Fate.PAPER: set(), Fate.VOID: set()}
            for segment in connection.scalars(select(NumberSegment.id).where(NumberSegment.bill_code == FORM)):
                for run in fate_map(connection, segment):
                    if run.fate in fates:
                        fates[run.fate] |= set(range(run.first, run.last + 1))
            for voucher, left in self.left.items():
                facts = ledger_vouchers.by_id(connection, 1, voucher)
                assert facts is not None
                assert (facts.balance_fen, facts.cancelled) == (left, voucher in self.red)
        assert {row.voucher_id: Sheet(row.paper_code, row.number) for row in valid} == self.on
        assert len(valid) == len(self.on)
        assert fates == {Fate.PAPER: {sheet.number for sheet in self.on.values()}, Fate.VOID: self.void}
