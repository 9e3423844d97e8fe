"""Taking the next number of a point's range (design D2, invariant 1)."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select, update

from portal.models import NumberRange

RANGE: Table = NumberRange.__table__  # type: ignore[assignment]


def take_number(connection: Connection, point_id: int, bill_code: str) -> tuple[int, int] | None:
    """Take the next number of the point's first open range: ``(range id, number)``, or ``None`` when it has none.

    Call it as late as possible in the write transaction of the act that uses the number: it locks this one range
    row until commit, and a rollback gives the number back, so there are neither gaps nor doubles.
    """
    first_open = (
        select(RANGE.c.id)
        .where(RANGE.c.point_id == point_id, RANGE.c.bill_code == bill_code, RANGE.c.next <= RANGE.c.last)
        .order_by(RANGE.c.first)
        .limit(1)
    )
    take = (
        update(RANGE)
        .where(RANGE.c.id == first_open.scalar_subquery(), RANGE.c.next <= RANGE.c.last)
        .values(next=RANGE.c.next + 1)
        .returning(RANGE.c.id, RANGE.c.next)
    )
    while True:
        taken = connection.execute(take).one_or_none()
        if taken is not None:
            return taken.id, taken.next - 1
        # Another transaction used the range up while we waited for its row: is there a later one?
        if connection.execute(first_open).one_or_none() is None:
            return None
