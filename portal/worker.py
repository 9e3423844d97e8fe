"""The background process: drains the outbox and the schedule, with the same wiring as the web application."""

from __future__ import annotations

import signal
import threading

from flask import Flask

from portal.access import staff_sessions
from portal.access.limits import Limits
from portal.app import create_app
from portal.audit import chain
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery import channels as delivery_channels
from portal.delivery import link_alerts, notices, operations
from portal.delivery.cards import orders as card_orders
from portal.delivery.cards import worker as cards
from portal.delivery.engine import receipts, triggers
from portal.delivery.engine.deliveries import NEXT_TOPIC, SEND_TOPIC
from portal.delivery.engine.driver import Engine
from portal.delivery.inbound import alipay as alipay_notify
from portal.delivery.inbound import inbox
from portal.delivery.inbound import push as push_callback
from portal.delivery.inbound import wechat as wechat_events
from portal.delivery.push import targets
from portal.fiscal import bookings
from portal.fiscal import stock as fiscal_stock
from portal.fiscal.jobs import STOCK_HANDLERS, upload_bill
from portal.issuing.bills.issue import IssuingService
from portal.issuing.manual import batch, drafts, known_payers
from portal.outbox.lanes import Lane
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.worker import Handler, Worker
from portal.providers.clients import Providers
from portal.retrieval import family, link_watches, passes, patient_requests, sessions
from portal.retrieval.code_sender import CodeSender
from portal.retrieval.identify import SMS_TOPIC
from portal.runtime import Runtime
from portal.stock import balances

CLEAN_TOPIC = "clean"
SEAL_TOPIC = "audit.seal"
JOBS = {
    SEAL_TOPIC: chain.EVERY,
    CLEAN_TOPIC: 600,
    link_watches.LOOK_TOPIC: 10,
    receipts.SWEEP_TOPIC: receipts.SWEEP_EVERY,
    cards.SWEEP_TOPIC: cards.SWEEP_EVERY,
    balances.WATCH_TOPIC: 60,
    fiscal_stock.POLL_TOPIC: 600,
    fiscal_stock.CHECK_TOPIC: 3600,
    bookings.TOPIC: 3600,
}
DEMO_JOBS = {fiscal_stock.POLL_TOPIC: 15, bookings.TOPIC: 15}
"""In the demo nobody waits ten minutes for the simulated finance office."""
LANES = (
    Lane("codes", (SMS_TOPIC,), 2),  # a patient stands there and waits
    Lane("batches", (batch.TOPIC,), 1),  # thousands of bills at a time, in the order of their file
    Lane("finance", ("bill.issued",), 4),  # may be slow or away for a day, with a backlog of thousands
    Lane("stock", tuple(STOCK_HANDLERS), 1),  # few, and not behind that backlog
    Lane("cards", (card_orders.WORK_TOPIC, card_orders.WATCH_TOPIC, card_orders.CANCEL_TOPIC, cards.SWEEP_TOPIC), 2),
    Lane("inbox", (inbox.TOPIC,), 1),
    Lane(
        "delivery",
        (
            NEXT_TOPIC,
            triggers.SUPERVISED_TOPIC,
            triggers.REVERSED_TOPIC,
            triggers.EXCHANGED_TOPIC,
            link_alerts.TELL_TOPIC,
        ),
        2,
    ),
    *(Lane(name, (f"{SEND_TOPIC}{name}",), 2) for name in delivery_channels.NAMES),  # each may be slow by itself
)
"""Who may wait behind whom; topics not named here share one lane more."""


def handlers(services: Services, limits: Limits) -> dict[str, Handler]:
    """Every outbox topic and what does it; a structure test compares it with the topics that are enqueued."""
    providers = Providers(services)

    def clean(of: Services, _task: Task) -> Outcome:
        limits.clean()
        with of.database.write() as connection:
            sessions.clean(connection)
            for remove in (drafts.clean, known_payers.clean, batch.clean):
                remove(connection)
            link_watches.clean(connection)
            inbox.clean(connection)
            operations.clean(connection)
            notices.clean(connection)
            passes.clean(connection)
            staff_sessions.clean(connection)
        return Done()

    def seal(of: Services, _task: Task) -> Outcome:
        chain.seal(of)
        return Done()

    def issued(of: Services, task: Task) -> Outcome:
        triggers.issued(of, int(task.payload["bill"]))
        return upload_bill(of, task)

    targets.adopt(services)
    engine = Engine(delivery_channels.channels(services, providers)).handlers()

    def reversed_bill(of: Services, task: Task) -> Outcome:
        card_orders.bill_reversed(of, int(task.payload["bill"]))
        return engine[triggers.REVERSED_TOPIC](of, task)

    return {
        SEAL_TOPIC: seal,
        "bill.issued": issued,
        SMS_TOPIC: CodeSender(limits, providers.sms),
        link_watches.LOOK_TOPIC: link_watches.look,
        family.TOLD_TOPIC: family.Teller(providers.sms),
        patient_requests.ANSWERED_TOPIC: patient_requests.Teller(providers.sms),
        batch.TOPIC: batch.BatchService(services, IssuingService(services)).work,
        CLEAN_TOPIC: clean,
        inbox.TOPIC: inbox.InboxDesk(
            wechat_events.ACTS | cards.ACTS | alipay_notify.ACTS | push_callback.ACTS,
        ),
        **cards.CardDesk(services, providers).handlers(),
        balances.WATCH_TOPIC: balances.watch_all,
        **engine,
        triggers.REVERSED_TOPIC: reversed_bill,
        **STOCK_HANDLERS,
    }


def build(app: Flask) -> Worker:
    """A worker on an application's services."""
    runtime: Runtime = app.extensions["qupiao"]
    services, limits = runtime.services, runtime.limits
    jobs = JOBS | (DEMO_JOBS if services.settings.demo else {})
    return Worker(services, handlers(services, limits), jobs, threads=2, lanes=LANES)


def main() -> None:
    """Work until SIGTERM or SIGINT; tasks in hand are finished first."""
    settings = Settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = build(create_app(settings))
    worker.run(stop)


if __name__ == "__main__":
    main()
