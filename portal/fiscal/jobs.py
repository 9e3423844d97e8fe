"""Background work of the fiscal exchange: uploads of bills, the exchange about stock and paper, bookings."""

from __future__ import annotations

from portal.fiscal import bills, stock
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Daily, Every, Schedule
from portal.outbox.tasks import Handler
from portal.outbox.topics import Topic

_STOCK: dict[Topic, Handler] = {topic: stock.handle(act) for topic, act in stock.HANDLERS.items()}
HANDLERS: dict[Topic, Handler] = {bills.TOPIC: bills.upload_bill} | _STOCK
SCHEDULE: dict[Topic, Schedule] = {
    stock.POLL_TOPIC: Every(600),
    stock.CHECK_TOPIC: Daily("01:00"),
    stock.BOOKINGS_TOPIC: Every(3600),
}
LANES = (
    Lane("finance", (bills.TOPIC,), 4),  # may be slow or away for a day, with a backlog of thousands
    Lane("stock", tuple(_STOCK), 1),  # few, and not behind that backlog
)
