"""The number map (票号地图) and the identity: received = used + void + returned + remaining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from portal.domain.numbers import ten_digits
from portal.domain.states.stock import Fate, RangeState
from portal.models.tables import NUMBER_RANGE, NUMBER_SEGMENT, STOCK_MOVEMENT
from portal.stock.books import uses
from portal.stock.books.intervals import Intervals

Place = tuple[str, int | None]
"""A place of the ledger: ``("unit", None)``, ``("point", id)``, ``("void", None)``, ``("finance", None)``."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring numbers of one fate; ``point_id`` where they are or were used."""

    first: int
    last: int
    fate: Fate
    point_id: int | None = None

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Balance:
    """The figures of a segment at one place (``all``, ``unit`` or a point's id)."""

    bill_code: str
    segment_id: int
    place: str
    received: int
    used: int
    void: int
    returned: int
    remaining: int

    @property
    def holds(self) -> bool:
        """Whether it adds up."""
        return self.received == self.used + self.void + self.returned + self.remaining


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sides that should be equal and are not."""

    bill_code: str
    segment_id: int
    place: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"{self.bill_code} 号段 {self.segment_id} {self.place}"
        return f"{where}：{self.what}，应为 {self.expected}，实为 {self.found}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The whole check: every balance, and every difference by name."""

    balances: tuple[Balance, ...]
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs anywhere."""
        return not self.differences


@dataclass(slots=True)
class _Books:
    """A segment's movements replayed: the numbers at each place, and how many came and went."""

    places: dict[Place, Intervals]
    came: dict[Place, int]
    went: dict[tuple[Place, str], int]
    broken: list[str]


def _replay(segment: Row[Any], movements: Sequence[Row[Any]]) -> _Books:
    books = _Books({("finance", None): Intervals([(segment.first, segment.last)])}, {}, {}, [])
    for row in movements:
        source: Place = (row.from_place, row.from_point_id)
        target: Place = (row.to_place, row.to_point_id)
        try:
            books.places.setdefault(source, Intervals()).remove(row.first, row.last)
            books.places.setdefault(target, Intervals()).add(row.first, row.last)
        except ValueError as error:
            books.broken.append(f"{row.slip} {row.kind}：{error}")
        count = row.last - row.first + 1
        books.came[target] = books.came.get(target, 0) + count
        books.went[source, row.to_place] = books.went.get((source, row.to_place), 0) + count
    return books


def fate_map(connection: Connection, segment_id: int) -> list[Run]:
    """Return every number of a granted segment by its one fate, as runs in order.

    Raises LookupError when there is no such segment.
    """
    segment = connection.execute(select(NUMBER_SEGMENT).where(NUMBER_SEGMENT.c.id == segment_id)).one_or_none()
    if segment is None:
        raise LookupError(segment_id)
    moved = select(STOCK_MOVEMENT).where(STOCK_MOVEMENT.c.segment_id == segment_id).order_by(STOCK_MOVEMENT.c.id)
    books = _replay(segment, connection.execute(moved).all())
    runs = [
        Run(first, last, fate)
        for place, fate in (("unit", Fate.UNIT), ("void", Fate.VOID), ("finance", Fate.RETURNED))
        for first, last in books.places.get((place, None), ())
    ]
    points: list[tuple[int, int, int]] = []
    for row in connection.execute(select(NUMBER_RANGE).where(NUMBER_RANGE.c.segment_id == segment_id)):
        if row.next <= row.last:
            fate = Fate.RESERVED if row.state == RangeState.RESERVED else Fate.HANDED_OUT
            runs.append(Run(row.next, row.last, fate, row.point_id))
        if row.first < row.next:
            points.append((row.first, row.next - 1, row.point_id))
    for first, last, fate in uses.runs(connection, segment.bill_code, segment.first, segment.last):
        for low, high, point_id in points:
            if low <= last and first <= high:
                runs.append(Run(max(low, first), min(high, last), fate, point_id))
    return sorted(runs, key=lambda run: run.first)


def identity(connection: Connection, segment_ids: Sequence[int] | None = None) -> Identity:
    """Compare the ledger of movements with ranges, bills, papers and vouchers, for all segments or some.

    Both sides are computed on their own: one from movements alone, one from what was taken and what is left. Run it
    in one read transaction; on PostgreSQL a movement that commits half-way through would show as a difference, so
    there the caller uses a repeatable read (:func:`consistent`).
    """
    segments = select(NUMBER_SEGMENT).order_by(NUMBER_SEGMENT.c.bill_code, NUMBER_SEGMENT.c.first)
    if segment_ids is not None:
        segments = segments.where(NUMBER_SEGMENT.c.id.in_(segment_ids))
    moved: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(select(STOCK_MOVEMENT).order_by(STOCK_MOVEMENT.c.id)):
        moved.setdefault(row.segment_id, []).append(row)
    ranges: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(select(NUMBER_RANGE).order_by(NUMBER_RANGE.c.first)):
        ranges.setdefault(row.segment_id, []).append(row)
    tallies = uses.tallies(connection)
    balances: list[Balance] = []
    differences: list[Difference] = []
    for segment in connection.execute(segments).all():
        books = _replay(segment, moved.get(segment.id, []))
        check = _Segment(segment, books, ranges.get(segment.id, []), tallies)
        balances += check.balances()
        differences += check.differences()
    return Identity(tuple(balances), tuple(differences))


def consistent(connection: Connection) -> Connection:
    """Give a connection one snapshot for all its reads, before its first statement; returns it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    return connection


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment under examination."""

    row: Row[Any]
    books: _Books
    ranges: list[Row[Any]]
    tallies: dict[int, uses.Tally]

    def balances(self) -> list[Balance]:
        """Return the balances of the segment as a whole, of the unit, and of every point that ever had some of it."""
        points = sorted({row.point_id for row in self.ranges} | {place[1] for place in self.books.came if place[1]})
        at_points = [self._point(point_id) for point_id in points]
        unit: Place = ("unit", None)
        stock = self.books.places.get(unit, Intervals()).count
        came, went = self.books.came.get(unit, 0), self.books.went
        returned = went.get((unit, "finance"), 0)
        void = went.get((unit, "void"), 0)
        handed, back = went.get((unit, "point"), 0), sum(went.get((("point", p), "unit"), 0) for p in points)
        refused = came - back - self._granted()
        whole = self._balance(
            "all",
            self._granted(),
            sum(each.used for each in at_points),
            void + sum(each.void for each in at_points),
            returned - refused,
            stock + sum(each.remaining for each in at_points),
        )
        return [whole, self._balance("unit", came, 0, void, returned + handed, stock), *at_points]

    def _granted(self) -> int:
        return int(self.row.last - self.row.first + 1)

    def _balance(self, place: str, *figures: int) -> Balance:
        """Return the balance of a place; the figures in the order of :class:`Balance`."""
        return Balance(self.row.bill_code, self.row.id, place, *figures)

    def _point(self, point_id: int) -> Balance:
        place: Place = ("point", point_id)
        ranges = [row for row in self.ranges if row.point_id == point_id]
        tallies = [self.tallies[row.id] for row in ranges if row.id in self.tallies]
        spoilt = sum(tally.void for tally in tallies)
        went = self.books.went
        return self._balance(
            str(point_id),
            self.books.came.get(place, 0),
            sum(tally.count for tally in tallies) - spoilt,
            went.get((place, "void"), 0) + spoilt,
            went.get((place, "unit"), 0),
            sum(row.last - row.next + 1 for row in ranges),
        )

    def differences(self) -> list[Difference]:
        """Name everything that does not agree."""
        named = [self._difference("all", "流水不连续", "", words) for words in self.books.broken]
        for each in self.balances():
            if not each.holds:
                right = f"用 {each.used}＋废 {each.void}＋退 {each.returned}＋存 {each.remaining}"
                named.append(self._difference(each.place, "领入", str(each.received), right))
        named += self._against_ranges()
        named += [difference for row in self.ranges for difference in self._dense(row)]
        if self.books.came.get(("unit", None), 0) < self._granted():
            named.append(self._difference("all", "入库份数", str(self._granted()), "流水不足"))
        return named

    def _against_ranges(self) -> list[Difference]:
        """Compare the numbers that lie at each point by the movements with those that its ranges hold."""
        held: dict[int, Intervals] = {}
        named = []
        for row in self.ranges:
            if row.first <= row.last:
                try:
                    held.setdefault(row.point_id, Intervals()).add(row.first, row.last)
                except ValueError as error:
                    named.append(self._difference(str(row.point_id), "号段重叠", "", str(error)))
        booked = {place[1]: runs for place, runs in self.books.places.items() if place[0] == "point" and len(runs)}
        for point_id in sorted({*held, *(point for point in booked if point is not None)}):
            ours, theirs = held.get(point_id, Intervals()), booked.get(point_id, Intervals())
            if ours != theirs:
                named.append(self._difference(str(point_id), "开票点号码", _words(theirs), _words(ours)))
        return named

    def _dense(self, row: Row[Any]) -> list[Difference]:
        """Compare taken numbers with the rows that use them: as many, all inside. Numbers are unique: one row each."""
        taken = row.next - row.first
        tally = self.tallies.get(row.id, uses.Tally(0, row.first, row.next - 1))
        if tally.count == taken and tally.low >= row.first and tally.high < row.next:
            return []
        words = f"{tally.count} 张（{ten_digits(tally.low)}–{ten_digits(tally.high)}）"
        expected = f"{taken} 张（{ten_digits(row.first)}–{ten_digits(row.next - 1)}）"
        return [self._difference(str(row.point_id), "已用号码与票据", expected, words)]

    def _difference(self, place: str, what: str, expected: str, found: str) -> Difference:
        return Difference(self.row.bill_code, self.row.id, place, what, expected, found)


def _words(runs: Intervals) -> str:
    return "、".join(f"{ten_digits(first)}–{ten_digits(last)}" for first, last in runs) or "无"
