"""Background work of delivery: messages, receipts, cards, what platforms push, and link alerts."""

from __future__ import annotations

from portal.access.limits import Limits
from portal.core.services import Services
from portal.delivery import link_alerts, notices, operations, person_notices
from portal.delivery.cards import orders
from portal.delivery.cards import worker as cards
from portal.delivery.channels import TITLES, channels
from portal.delivery.code_messages import CodeMessages
from portal.delivery.engine import receipts, triggers, voucher_triggers
from portal.delivery.engine.channel import CODES
from portal.delivery.engine.deliveries import NEXT_TOPIC, topic_of
from portal.delivery.engine.driver import Engine
from portal.delivery.inbound import alipay, inbox, push, wechat
from portal.delivery.push import targets
from portal.fiscal.bills import BILL_SUPERVISED
from portal.issuing.events import (
    BILL_ISSUED,
    BILL_REVERSED,
    PAPER_EXCHANGED,
    VOUCHER_CANCELLED,
    VOUCHER_CONSUMED,
    VOUCHER_ISSUED,
    VOUCHER_REFUNDED,
)
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Every, Schedule
from portal.outbox.tasks import Handler
from portal.outbox.topics import Topic
from portal.providers.clients import Providers
from portal.retrieval import family, patient_requests
from portal.retrieval.proof import changed_phone
from portal.retrieval.proof.identify import SMS_TOPIC

ISSUED, SUPERVISED = BILL_ISSUED.to("delivery"), BILL_SUPERVISED.to("delivery")
REVERSED, CARDS_REVERSED = BILL_REVERSED.to("delivery"), BILL_REVERSED.to("cards")
EXCHANGED = PAPER_EXCHANGED.to("delivery")
VOUCHERS: dict[Topic, Handler] = {
    VOUCHER_ISSUED.to("delivery"): voucher_triggers.issued,
    VOUCHER_REFUNDED.to("delivery"): voucher_triggers.issued,
    VOUCHER_CANCELLED.to("delivery"): voucher_triggers.cancelled,
    VOUCHER_CONSUMED.to("delivery"): voucher_triggers.consumed,
}

HANDLERS: dict[Topic, Handler] = {
    ISSUED: triggers.issued,
    SUPERVISED: triggers.supervised,
    REVERSED: triggers.reversed_bill,
    CARDS_REVERSED: cards.cancel_cards,
    EXCHANGED: triggers.exchanged,
    **VOUCHERS,
    link_alerts.LOOK_TOPIC: link_alerts.look,
    link_alerts.TELL_TOPIC: link_alerts.tell,
    receipts.SWEEP_TOPIC: receipts.sweep,
    family.TOLD_TOPIC: person_notices.proxy_looked,
    patient_requests.ANSWERED_TOPIC: person_notices.request_answered,
    changed_phone.CHANGED_TOPIC: person_notices.phone_changed,
    inbox.TOPIC: inbox.InboxDesk(wechat.ACTS | cards.ACTS | alipay.ACTS | push.ACTS),
}
SCHEDULE: dict[Topic, Schedule] = {
    link_alerts.LOOK_TOPIC: Every(10),
    receipts.SWEEP_TOPIC: Every(receipts.SWEEP_EVERY),
    cards.SWEEP_TOPIC: Every(cards.SWEEP_EVERY),
}
LANES = (
    Lane("codes", (SMS_TOPIC, topic_of(CODES)), 2),  # a patient stands there and waits
    Lane("inbox", (inbox.TOPIC,), 1),
    Lane("delivery", (NEXT_TOPIC, ISSUED, SUPERVISED, REVERSED, EXCHANGED, *VOUCHERS, link_alerts.TELL_TOPIC), 2),
    Lane(
        "cards",
        (orders.WORK_TOPIC, orders.WATCH_TOPIC, orders.CANCEL_TOPIC, cards.SWEEP_TOPIC, CARDS_REVERSED),
        2,
    ),
    *(Lane(name, (topic_of(name),), 2) for name in TITLES if name != CODES),  # each provider may be slow by itself
)
CLEANERS = (link_alerts.clean, inbox.clean, operations.clean, notices.clean)


def build_handlers(services: Services, limits: Limits) -> dict[Topic, Handler]:
    """Build the handlers that keep clients and breakers for the life of the process."""
    targets.adopt(services)
    providers = Providers(services)
    engine = Engine(channels(services, providers), titles=TITLES)
    return (
        with_engine(engine) | {SMS_TOPIC: CodeMessages(limits, engine)} | cards.CardDesk(services, providers).handlers()
    )


def with_engine(engine: Engine) -> dict[Topic, Handler]:
    """Return the handlers of an engine together with those that open and sweep its deliveries."""
    return HANDLERS | engine.handlers()
