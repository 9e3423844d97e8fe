"""Background work of the exchange with finance, over the one link of the process."""

from __future__ import annotations

from collections.abc import Callable

from portal.core.services import Services
from portal.fiscal import bills, bookings, paper, stock
from portal.issuing.paper import exchange
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Daily, Every, Schedule
from portal.outbox.tasks import Handler, Outcome, Retry, Task
from portal.outbox.topics import Topic
from portal.providers.finance.link import FinanceLink, link_of
from portal.providers.finance.messages import FinanceAway
from portal.stock.documents import applications, receipts, returns, voids

Work = Callable[[Services, Task, FinanceLink], Outcome]

UNCONFIGURED_RETRY = 600.0
"""Seconds until a task looks again whether an address of finance is configured."""


def run(work: Work, link: FinanceLink, services: Services, task: Task) -> Outcome:
    """Do a task's work over a link; finance being away is an outcome, not an error."""
    try:
        return work(services, task, link)
    except FinanceAway as away:
        return Retry(away.reason, away.after)


def handler(work: Work) -> Handler:
    """Make the outbox handler of a piece of work, over the link that the settings name."""

    def handle(services: Services, task: Task) -> Outcome:
        link = link_of(services.settings)
        if link is None:
            return Retry("没有配置财政接口地址 QUPIAO_FINANCE_URL", UNCONFIGURED_RETRY)
        return run(work, link, services, task)

    return handle


STOCK_WORK: dict[Topic, Work] = {
    applications.TOPIC: stock.apply,
    applications.WITHDRAW_TOPIC: stock.withdraw,
    receipts.TOPIC: stock.confirm,
    returns.TOPIC: stock.give_back,
    voids.TOPIC: paper.report_void,
    exchange.TOPIC: paper.report_paper,
    stock.POLL_TOPIC: stock.poll,
    stock.CHECK_TOPIC: stock.compare,
    bookings.TOPIC: bookings.pull,
}
"""The work on stock, paper and bookings: few tasks, which must not wait behind a backlog of bills."""

upload_bill = handler(bills.upload)
"""The handler of :data:`bills.TOPIC`."""
STOCK_HANDLERS: dict[Topic, Handler] = {topic: handler(work) for topic, work in STOCK_WORK.items()}
HANDLERS: dict[Topic, Handler] = {bills.TOPIC: upload_bill} | STOCK_HANDLERS
SCHEDULE: dict[Topic, Schedule] = {
    stock.POLL_TOPIC: Every(600),
    stock.CHECK_TOPIC: Daily("01:00"),
    bookings.TOPIC: Every(3600),
}
LANES = (
    Lane("finance", (bills.TOPIC,), 4),  # may be slow or away for a day, with a backlog of thousands
    Lane("stock", tuple(STOCK_HANDLERS), 1),  # few, and not behind that backlog
)
