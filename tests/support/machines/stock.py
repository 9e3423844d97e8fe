"""Everything that can happen to numbers, in any order, against a model that knows the fate of each single number.

:class:`StockMachine` holds the acts of the stock and issuing. Others (reversal, exchange) subclass it and add rules:
they tell the model with :meth:`StockMachine.use` which number was taken and what became of it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from portal.access.his.accounts import load
from portal.core.clock import local, now
from portal.core.database import Database, make_engine
from portal.core.services import Services
from portal.demo.accounts import DEMO_APPID
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun
from portal.domain.states.stock import Fate
from portal.his_contract import settlement as his_contract_settlement
from portal.issuing.bills.issue import IssuingService
from portal.models import NumberSegment, Point
from portal.stock import topups
from portal.stock.books.fates import consistent, fate_map, identity
from portal.stock.documents import handouts, receipts, returns, voids
from portal.stock.documents.handouts import HandOut
from portal.stock.documents.returns import Answer, Return
from portal.stock.documents.voids import Void
from portal.stock.rules import Rule, set_rule_on
from tests.support.his import outpatient

NEXT_YEAR = datetime(local(now()).year + 1, 1, 5, 2, 0, tzinfo=UTC)
CODE = f"990601{NEXT_YEAR.year % 100}"
"""A code of next year: nobody else has numbers of it."""
WINDOWS, KIOSK, EMERGENCY = ("01", "02"), "07", "99"
LOW, LOT = 3, 4
ONE, TWO = Actor("staff:one", "甲", 1), Actor("staff:two", "乙", 1)
_serials = itertools.count()

counts, picks = st.integers(1, 12), st.integers(0, 10**6)


class World:
    """Where a machine lives: ``fresh()`` gives the URL of a seeded database that nobody has touched."""

    def __init__(self, services: Services, fresh: Callable[[], str]) -> None:
        self._services = services
        self._fresh = fresh
        self.begin()

    def begin(self) -> None:
        """A new history."""
        self.database = Database(make_engine(self._fresh()))
        self.services = replace(self._services, database=self.database)
        self.desk = IssuingService(self.services)
        with self.database.write() as connection:
            self.account = load(connection, self.services.cipher, DEMO_APPID)
            self.points = {code: point for point, code in connection.execute(select(Point.id, Point.code)).all()}
            set_rule_on(connection, ONE, Rule(1, self.points[KIOSK], LOW, LOT))
        message = json.loads(json.dumps(outpatient("S")), parse_float=Decimal)
        self.settlement = his_contract_settlement.settlement("invoiceEBillOutpatient", message, self.account)

    def end(self) -> None:
        """The history is over."""
        self.database.engine.dispose()


class StockMachine(RuleBasedStateMachine):
    """Acts of the stock. ``model``: every granted number → what it is: a fate, or ``open``/``waiting`` at a point."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.begin()
        self.model: dict[int, tuple[str, str]] = {}
        self.segments: list[int] = []
        self.slips: dict[str, tuple[str, list[int]]] = {}
        self.accepted: set[str] = set()
        self.gone: dict[str, list[int]] = {}
        self.proposed: dict[str, list[int]] = {}
        self.bills: list[int] = []

    def teardown(self) -> None:
        self.world.end()

    # what rules are made of

    def do(self, act: Callable[..., Any], *arguments: Any, by: Actor = ONE) -> Any:
        """One act in a transaction of its own."""
        with self.world.database.write() as connection:
            return act(connection, by, *arguments)

    def refused(self, act: Callable[..., Any], *arguments: Any, by: Actor = ONE) -> None:
        """The act must be refused; that nothing has changed is the invariant's to see."""
        with pytest.raises(Refusal):
            self.do(act, *arguments, by=by)

    def numbers(self, state: str, point: str = "") -> list[int]:
        """Numbers of one state at one place, lowest first."""
        return sorted(number for number, where in self.model.items() if where == (state, point))

    def neighbours(self, numbers: list[int], pick: int, count: int) -> list[int]:
        """Some neighbouring numbers out of ``numbers``, in one segment."""
        start = numbers[pick % len(numbers)]
        home = next(first for first, last in self.bounds if first <= start <= last)
        found = [start]
        while len(found) < count and found[-1] + 1 in numbers and home <= found[-1] + 1 <= self._end(home):
            found.append(found[-1] + 1)
        return found

    def _end(self, first: int) -> int:
        return next(last for low, last in self.bounds if low == first)

    def set(self, numbers: list[int], state: str, point: str = "") -> None:
        """The model learns what these numbers are now."""
        self.model.update(dict.fromkeys(numbers, (state, point)))

    def use(self, number: int, point: str, fate: Fate) -> None:
        """The model learns that a number was taken and what for."""
        assert self.model[number] == ("open", point)
        self.model[number] = (fate, point)

    def next_number(self, point: str) -> int | None:
        """The number that the point must take next; a kiosk without any is topped up."""
        mine = self.numbers("open", point)
        if not mine and point == KIOSK:
            self.top_up()
            mine = self.numbers("open", point)
        return mine[0] if mine else None

    def top_up(self) -> None:
        """What the rule of the kiosk does when it has fewer than ``LOW``."""
        if len(self.numbers("open", KIOSK)) < LOW:
            lot = self.numbers(Fate.UNIT)[:LOT]
            self.set(lot, "open", KIOSK)

    def settle(self) -> Any:
        """A settlement with a serial that nobody has used."""
        return replace(self.world.settlement, serial=f"M{next(_serials)}")

    # acts

    @initialize(count=st.integers(5, 40))
    def begin(self, count: int) -> None:
        self.bounds: list[tuple[int, int]] = []
        self.grant(count, 0)

    @rule(count=st.integers(1, 40), gap=st.integers(0, 2))
    def grant(self, count: int, gap: int) -> None:
        """A further segment, next to the last one or apart; the same once more is refused."""
        first = (self.bounds[-1][1] if self.bounds else 1000) + 1 + gap
        no = self.do(receipts.enter_opening_on, NumberRun(CODE, first, first + count - 1))
        self.segments.append(self.do(receipts.confirm_on, no, by=TWO))
        self.bounds.append((first, first + count - 1))
        self.set(list(range(first, first + count)), Fate.UNIT)
        self.refused(receipts.enter_opening_on, NumberRun(CODE, first + count - 1, first + count))
        self.refused(receipts.confirm_on, no, by=TWO)

    @rule(point=st.sampled_from([*WINDOWS, KIOSK, EMERGENCY]), count=counts)
    def hand_out(self, point: str, count: int) -> None:
        """The lowest numbers, or a refusal when there are not enough."""
        stock = self.numbers(Fate.UNIT)
        no = self.do(handouts.draft_on, HandOut(self.world.points[point], CODE, count))
        if len(stock) < count:
            self.refused(handouts.hand_out_on, no)
            self.do(handouts.cancel_on, no)
            return
        self.do(handouts.hand_out_on, no)
        self._handed(no, point, stock[:count])

    @precondition(lambda self: self.numbers(Fate.UNIT))
    @rule(point=st.sampled_from([*WINDOWS, KIOSK]), pick=picks, count=counts)
    def hand_out_chosen(self, point: str, pick: int, count: int) -> None:
        """A run chosen by hand; the same run once more is refused."""
        chosen = self.neighbours(self.numbers(Fate.UNIT), pick, count)
        no = self.do(handouts.draft_on, HandOut(self.world.points[point], CODE, len(chosen), chosen[0]))
        self.do(handouts.hand_out_on, no)
        self._handed(no, point, chosen)
        again = self.do(handouts.draft_on, HandOut(self.world.points[point], CODE, len(chosen), chosen[0]))
        self.refused(handouts.hand_out_on, again)

    def _handed(self, no: str, point: str, numbers: list[int]) -> None:
        state = "waiting" if point in WINDOWS else Fate.RESERVED if point == EMERGENCY else "open"
        self.set(numbers, state, point)
        self.slips[no] = (point, numbers)
        if state != "waiting":
            self.accepted.add(no)

    @precondition(lambda self: self.slips)
    @rule(pick=picks)
    def accept(self, pick: int) -> None:
        no = sorted(self.slips)[pick % len(self.slips)]
        point, numbers = self.slips[no]
        if no in self.accepted:
            self.refused(handouts.accept_on, no, by=TWO)
            return
        self.do(handouts.accept_on, no, by=TWO)
        self.accepted.add(no)
        self.set([number for number in numbers if self.model[number] == ("waiting", point)], "open", point)

    @precondition(lambda self: self.slips)
    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        """What is unused comes back; a slip that is used up or withdrawn is refused."""
        no = sorted(self.slips)[pick % len(self.slips)]
        point, numbers = self.slips[no]
        unused = [n for n in numbers if self.model[n] in {(s, point) for s in ("open", "waiting", Fate.RESERVED)}]
        if not unused:
            self.refused(handouts.withdraw_on, no)
            return
        assert self.do(handouts.withdraw_on, no) == len(unused)
        self.set(unused, Fate.UNIT)
        del self.slips[no]
        self.refused(handouts.withdraw_on, no)

    @precondition(lambda self: self.numbers(Fate.UNIT))
    @rule(pick=picks, count=counts)
    def give_back(self, pick: int, count: int) -> None:
        numbers = self.neighbours(self.numbers(Fate.UNIT), pick, count)
        order = Return(NumberRun(CODE, numbers[0], numbers[-1]), "多余")
        no = self.do(returns.report_on, order)
        self.set(numbers, Fate.RETURNED)
        self.gone[no] = numbers
        self.refused(returns.report_on, order)

    @precondition(lambda self: self.gone)
    @rule(pick=picks, accepted=st.booleans())
    def finance_decides(self, pick: int, accepted: bool) -> None:
        no = sorted(self.gone)[pick % len(self.gone)]
        numbers = self.gone.pop(no)
        self.do(returns.decide_on, Answer(no, accepted, ""))
        self.do(returns.decide_on, Answer(no, not accepted, "一个晚到的答复"))
        if not accepted:
            self.set(numbers, Fate.UNIT)

    @precondition(lambda self: self.numbers(Fate.UNIT))
    @rule(pick=picks, count=counts)
    def propose_void(self, pick: int, count: int) -> None:
        numbers = self.neighbours(self.numbers(Fate.UNIT), pick, count)
        order = Void(NumberRun(CODE, numbers[0], numbers[-1]), "印制错误")
        self.proposed[self.do(voids.propose_on, order)] = numbers

    @precondition(lambda self: self.proposed)
    @rule(pick=picks)
    def void_stock(self, pick: int) -> None:
        """The second person agrees; meanwhile the numbers may have gone elsewhere, and then nothing is voided."""
        no = sorted(self.proposed)[pick % len(self.proposed)]
        numbers = self.proposed[no]
        if any(self.model[number] != (Fate.UNIT, "") for number in numbers):
            self.refused(voids.carry_out_on, no, by=TWO)
            return
        self.do(voids.carry_out_on, no, by=TWO)
        self.set(numbers, Fate.VOID)
        del self.proposed[no]
        self.refused(voids.carry_out_on, no, by=TWO)

    @rule(point=st.sampled_from([*WINDOWS, KIOSK]), pick=picks, count=counts)
    def lose_blanks(self, point: str, pick: int, count: int) -> None:
        """At the front, in the middle or at the end of what the point has; used numbers are refused."""
        unused = sorted(self.numbers("open", point) + self.numbers("waiting", point))
        if unused:
            numbers = self.neighbours(unused, pick, count)
            lost = NumberRun(CODE, numbers[0], numbers[-1])
            self.do(voids.void_blank_on, Void(lost, "卡纸", self.world.points[point]))
            self.set(numbers, Fate.VOID)
        for number in sorted(self.model):
            if self.model[number] not in {("open", point), ("waiting", point)}:
                elsewhere = Void(NumberRun(CODE, number, number), "卡纸", self.world.points[point])
                self.refused(voids.void_blank_on, elsewhere)
                break

    @rule(point=st.sampled_from([*WINDOWS, KIOSK, EMERGENCY]))
    def issue(self, point: str) -> None:
        """The lowest usable number, or a refusal that leaves nothing; an emergency point issues nothing here."""
        expected = self.next_number(point) if point != EMERGENCY else None
        settlement = replace(self.settle(), point_code=point)
        if expected is None:
            with pytest.raises(Refusal):
                self.world.desk.issue(self.world.account, settlement, at=NEXT_YEAR)
            return
        issued = self.world.desk.issue(self.world.account, settlement, at=NEXT_YEAR)
        assert (issued.code, issued.number) == (CODE, f"{expected:010d}")
        self.use(expected, point, Fate.ISSUED)
        self.bills.append(issued.bill_id)

    @rule()
    def fill_up(self) -> None:
        """What the watch does for a point with a rule, ahead of need."""
        self.do(lambda connection, _: topups.top_up(connection, self.world.points[KIOSK], CODE))
        self.top_up()

    # what must hold after each of them

    @invariant()
    def the_books_agree(self) -> None:
        with self.world.database.read() as connection:
            found = identity(consistent(connection))
            assert found.holds, [str(each) for each in found.differences]
            points = {point: code for code, point in self.world.points.items()}
            fates = {}
            for segment in connection.scalars(select(NumberSegment.id).where(NumberSegment.bill_code == CODE)):
                for each in fate_map(connection, segment):
                    where = points.get(each.point_id or 0, "")
                    for number in range(each.first, each.last + 1):
                        assert number not in fates, f"{number} has two fates"
                        fates[number] = (each.fate, where)
        assert fates == {number: self.mapped(state, point) for number, (state, point) in self.model.items()}

    @staticmethod
    def mapped(state: str, point: str) -> tuple[str, str]:
        """What the number map calls it."""
        return (Fate.HANDED_OUT if state in ("open", "waiting") else state, point)
