"""The worker's side of cards: its tasks, its sweep, WeChat's events about cards, and what a reversal brings about."""

from __future__ import annotations

from typing import Any

from portal.core.services import Services
from portal.delivery.cards import orders
from portal.delivery.cards.alipay import AlipayCards
from portal.delivery.cards.documents import Paper
from portal.delivery.cards.wechat import REIMBURSE, WeChatCards
from portal.delivery.inbound.inbox import Act
from portal.delivery.inbound.wechat import SOURCE
from portal.outbox.tasks import Done, Handler, Outcome, Retry, Task
from portal.outbox.topics import Topic, topic
from portal.providers.clients import Providers

SWEEP_TOPIC, SWEEP_EVERY = topic("card.sweep"), 300


class CardDesk:
    """Both card packs of an installation."""

    def __init__(self, services: Services, providers: Providers | None = None) -> None:
        providers, paper = providers or Providers(services), Paper(services.settings)
        self.wechat = WeChatCards(providers, paper)
        self._packs: dict[str, WeChatCards | AlipayCards] = {
            "wechat": self.wechat,
            "alipay": AlipayCards(providers, paper),
        }

    def handlers(self) -> dict[Topic, Handler]:
        """Return the handler of every topic of cards."""
        return {
            orders.WORK_TOPIC: self._work,
            orders.WATCH_TOPIC: self._watch,
            orders.CANCEL_TOPIC: self._cancel,
            SWEEP_TOPIC: self._sweep,
        }

    def _work(self, services: Services, task: Task) -> Outcome:
        order = orders.load(services, task.payload["card"])
        if order is None or order.state != "authorised":
            return Done()
        return self._packs[order.platform].work(services, order, task.attempts)

    def _watch(self, services: Services, task: Task) -> Outcome:
        order = orders.load(services, task.payload["card"])
        if order is None or order.state != "handed_over":
            return Done()
        return self.wechat.watch(services, order)

    def _cancel(self, services: Services, task: Task) -> Outcome:
        order = orders.load(services, task.payload["card"])
        if order is None or order.state not in orders.LIVE:
            return Done()
        if order.state == "authorised":  # being inserted just now: that work looks at the bill, or ends as a card
            return Retry("the card is being made", 15.0)
        return self._packs[order.platform].cancel(services, order)

    def _sweep(self, services: Services, _task: Task) -> Outcome:
        if "wechat" in orders.open_platforms(services, whole=True):
            self.wechat.sweep(services)
        return Done()


def cancel_cards(services: Services, task: Task) -> Outcome:
    """End the card orders of a reversed bill; its cards are cancelled at the platforms."""
    orders.bill_reversed(services, int(task.payload["bill"]))
    return Done()


def _authorised(services: Services, fields: dict[str, Any]) -> None:
    if order_id := fields.get("SuccOrderId"):
        orders.authorised(services, str(order_id), str(fields.get("FromUserName", "")))
    elif order_id := fields.get("FailOrderId"):
        orders.refused(services, str(order_id))


def _status(services: Services, fields: dict[str, Any]) -> None:
    orders.reimbursed(services, str(fields.get("Code", "")), REIMBURSE.get(str(fields.get("Status", "")), ""))


ACTS: dict[tuple[str, str], Act] = {
    (SOURCE, "user_authorize_invoice"): _authorised,
    (SOURCE, "update_invoice_status"): _status,
}
