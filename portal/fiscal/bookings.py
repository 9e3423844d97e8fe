"""The bookings (入账) of our bills by the payers' units, as finance reports them (9601).

Asked for once an hour, from three days before the last complete answer on: a booking that was taken in before changes
nothing again.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber
from portal.fiscal.stock import refusal
from portal.fiscal.units import agencies
from portal.issuing.bills import booking
from portal.models.tables import OUTBOX_TASK
from portal.outbox.tasks import Dead, Done, Outcome, Task
from portal.outbox.topics import topic
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.messages import BookingsQuery, UnitBooking

TOPIC = topic("bill.bookings")
ASKED_AGAIN = timedelta(days=3)
"""How far back bookings are asked for although they were answered."""
FIRST_RUN = timedelta(days=3650)
"""How far back the first run asks."""


def pull(services: Services, _task: Task, link: FinanceLink) -> Outcome:
    """Take in which bills the payers' units have booked, or no longer have."""
    with services.database.read() as connection:
        units = agencies(connection)
        # A run that stopped between two pages is not done, and is asked for again from where it began.
        complete = (OUTBOX_TASK.c.topic == TOPIC) & (OUTBOX_TASK.c.state == "done")
        last = connection.scalar(select(func.max(OUTBOX_TASK.c.created_at)).where(complete))
    since = (last or now() - FIRST_RUN) - ASKED_AGAIN
    for unit_id, agency in units.items():
        bookings: list[UnitBooking] = []
        page, total = 1, 1
        while len(bookings) < total:
            reply = link.ask(services.database, BookingsQuery(agency, since, page))
            if reply.content is None:
                return Dead(refusal(reply))
            if not reply.content.items:
                break
            bookings += reply.content.items
            page, total = page + 1, reply.content.total
        for each in bookings:
            _take_in(services, unit_id, each)
    return Done()


def _take_in(services: Services, unit_id: int, each: UnitBooking) -> None:
    try:
        booking.change(services, unit_id, BillNumber(each.code, each.number), each.unit, each.amount_fen, each.day)
    except Refusal as refused:
        if refused.code != "BILL_NOT_FOUND":  # finance knows bills of before our time
            raise
