"""Taking the next number of a point's range, and looking at what is left.

Everything here works inside the caller's write transaction. Numbers of every kind are taken alike: e-bills, paper
forms, vouchers; the bill code tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from portal.domain.errors import Refusal
from portal.domain.numbers import ten_digits
from portal.domain.states.stock import RangeState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, NUMBER_SEGMENT, POINT
from portal.stock import years
from portal.stock.topups import top_up

# Built once: building and hashing a statement costs more than running it.
_MINE = (
    (NUMBER_RANGE.c.point_id == bindparam("point"))
    & (NUMBER_RANGE.c.bill_code == bindparam("code"))
    & (NUMBER_RANGE.c.state == bindparam("usable"))
    & (NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last)
)
_FIRST_OPEN = select(NUMBER_RANGE.c.id).where(_MINE).order_by(NUMBER_RANGE.c.first).limit(1)
_TAKE = (
    update(NUMBER_RANGE)
    .where(NUMBER_RANGE.c.id == _FIRST_OPEN.scalar_subquery(), _MINE)
    .values(next=NUMBER_RANGE.c.next + 1)
    .returning(NUMBER_RANGE.c.id, NUMBER_RANGE.c.next)
)
_TAKE_GIVEN = _TAKE.where(NUMBER_RANGE.c.next == bindparam("given"))
_PEEK = select(NUMBER_RANGE.c.next).where(NUMBER_RANGE.c.id == _FIRST_OPEN.scalar_subquery())


@dataclass(frozen=True, slots=True)
class OpenRange:
    """The rest of one range: ``next``…``last``, ``left`` numbers."""

    id: int
    point_id: int
    bill_code: str
    first: int
    next: int
    last: int

    @property
    def left(self) -> int:
        """How many numbers are unused."""
        return self.last - self.next + 1


def _parameters(point_id: int, bill_code: str, emergency: bool = False) -> dict[str, object]:
    return {"point": point_id, "code": bill_code, "usable": RangeState.RESERVED if emergency else RangeState.OPEN}


def take_number(
    connection: Connection, point_id: int, bill_code: str, emergency: bool = False
) -> tuple[int, int] | None:
    """Take the next number of the point's first open range: ``(range id, number)``, or ``None`` when it has none.

    Call it as late as possible in the write transaction of the act that uses the number: it locks this one range
    row until commit, and a rollback gives the number back, so there are neither gaps nor doubles. ``emergency``
    draws from ranges reserved for it, which nothing else may touch. A point with an automatic top-up gets its next lot
    here when it is empty, in the same transaction.
    """
    parameters = _parameters(point_id, bill_code, emergency)
    while True:
        taken = connection.execute(_TAKE, parameters).one_or_none()
        if taken is not None:
            return taken.id, taken.next - 1
        # Another transaction used the range up while we waited for its row: is there a later one?
        if connection.execute(_FIRST_OPEN, parameters).one_or_none() is not None:
            continue
        if emergency:
            return None
        topped = top_up(connection, point_id, bill_code)
        # Another transaction may have topped the point up meanwhile, so its ranges are looked at again.
        if topped is None and connection.execute(_FIRST_OPEN, parameters).one_or_none() is None:
            return None


def take_given(connection: Connection, point_id: int, bill_code: str, number: int) -> int:
    """Take exactly ``number`` when it is the point's next one; returns the range's id.

    For forms that a person holds in the hand: the number printed on the paper must be the one in the books. Raises
    Refusal NUMBER_NOT_NEXT, which says which one is next, YEAR_WRONG for a form of another year,
    or as :func:`exhausted`.
    """
    if (year := years.year_of(bill_code)) != (this := years.this_year()):
        raise Refusal("YEAR_WRONG", bill_code=bill_code, year=year, this=this)
    parameters = _parameters(point_id, bill_code) | {"given": number}
    taken = connection.execute(_TAKE_GIVEN, parameters).one_or_none()
    if taken is not None:
        return int(taken.id)
    following = peek(connection, point_id, bill_code)
    point = connection.scalar(select(POINT.c.code).where(POINT.c.id == point_id)) or str(point_id)
    if following is None:
        raise exhausted(connection, point, kind_name(connection, bill_code), bill_code)
    raise Refusal(
        "NUMBER_NOT_NEXT", point=point, bill_code=bill_code, given=ten_digits(number), next=ten_digits(following)
    )


def exhausted(connection: Connection, point: str, kind: str, bill_code: str) -> Refusal:
    """Return the refusal of a point that has no number of a code: used up, or the year's code is not in the house."""
    if connection.scalar(select(NUMBER_SEGMENT.c.id).where(NUMBER_SEGMENT.c.bill_code == bill_code).limit(1)) is None:
        return Refusal("YEAR_CODE_MISSING", kind=kind, year=years.year_of(bill_code), bill_code=bill_code)
    return Refusal("STOCK_EXHAUSTED", point=point, kind=kind)


def peek(connection: Connection, point_id: int, bill_code: str) -> int | None:
    """Return the number that the point takes next, or ``None``. No promise: another may take it first."""
    return connection.scalar(_PEEK, _parameters(point_id, bill_code))


def open_ranges(connection: Connection, point_id: int, bill_code: str | None = None) -> list[OpenRange]:
    """Return the point's ranges of this year that have numbers left and may be used, by code in the order of use."""
    query = select(
        NUMBER_RANGE.c.id,
        NUMBER_RANGE.c.point_id,
        NUMBER_RANGE.c.bill_code,
        NUMBER_RANGE.c.first,
        NUMBER_RANGE.c.next,
        NUMBER_RANGE.c.last,
    ).where(
        NUMBER_RANGE.c.point_id == point_id,
        NUMBER_RANGE.c.next <= NUMBER_RANGE.c.last,
        NUMBER_RANGE.c.state == RangeState.OPEN,
    )
    if bill_code is not None:
        query = query.where(NUMBER_RANGE.c.bill_code == bill_code)
    rows = connection.execute(query.order_by(NUMBER_RANGE.c.bill_code, NUMBER_RANGE.c.first))
    ranges = [OpenRange(*row) for row in rows]
    return [each for each in ranges if each.bill_code == years.code_of(each.bill_code[:6])]


def kind_name(connection: Connection, bill_code: str) -> str:
    """Return the name of a bill code's kind; the code itself when it is unknown."""
    return connection.scalar(select(BILL_KIND.c.name).where(BILL_KIND.c.prefix == bill_code[:6])) or bill_code
