"""Cards in WeChat's card pack: authorisation link, PDF, insertion, cancelling.

Mode ``self``: one account does both. Mode ``bureau``: we authorise and hand the order over, the finance bureau's
platform inserts, we ask it how the order stands; the card is its own, so it also cancels.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog

from portal.core.clock import now
from portal.core.platform_settings import WECHAT_HOST
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.cards import orders
from portal.delivery.cards.documents import Paper
from portal.delivery.cards.orders import Order
from portal.domain.states.bills import BillState
from portal.outbox.tasks import Dead, Done, Outcome, Retry
from portal.providers.bureau import client as bureau_client
from portal.providers.clients import Providers
from portal.providers.faults import ChannelFault, FaultKind
from portal.providers.wechat import codes
from portal.providers.wechat.client import PDF

log = structlog.get_logger("qupiao.cards")

CANCELLED = "INVOICE_REIMBURSE_CANCEL"
REIMBURSE = {"INVOICE_REIMBURSE_LOCK": "lock", "INVOICE_REIMBURSE_CLOSURE": "closure"}
AGAIN = (FaultKind.RETRY, FaultKind.UNKNOWN, FaultKind.LATER, FaultKind.CONFIG)
NO_CODE = "卡片已在卡包，平台没有返回卡号"
PATIENCE = 600.0
"""Seconds until work is tried again that our set-up keeps from being done."""
MOST_TRIES = 200
SILENCE = timedelta(days=7)
"""How long the bureau may take (an authorisation lasts 7 days); then the order is made void and may be tried anew."""
MAYBE = "insertion without an answer"
"""Noted when an insertion may have happened, so that "already in a card pack" is told from somebody else's card."""


class WeChatCards:
    """The card pack of the official account."""

    def __init__(self, providers: Providers, paper: Paper) -> None:
        self._providers = providers
        self._settings: Settings = providers.settings
        self._paper = paper
        self._bureau = providers.bureau

    @property
    def platform_id(self) -> str:
        """``s_pappid``."""
        return self._settings.card_platform

    @property
    def card_id(self) -> str:
        """The template of this hospital's cards."""
        return self._settings.card_template

    def link(self, order: Order, total_fen: int, back: str) -> str:
        """Return the page where the person lets the card in; it lasts two hours and is made on demand. Raises
        ChannelFault."""
        client = self._providers.service
        body = {
            "s_pappid": self.platform_id,
            "order_id": order.order_id,
            "money": total_fen,
            "timestamp": int(time.time()),
            "source": "web",
            "redirect_url": back,
            "ticket": client.ticket("wx_card"),
        }
        url = f"{WECHAT_HOST}/nontax/getbillauthurl"
        return str(client.post(url, data=body, result_processor=lambda answer: answer["auth_url"]))

    def work(self, services: Services, order: Order, tries: int) -> Outcome:
        """Make the card of an authorised order."""
        bill = self._paper.facts(services, order.bill_id)
        if bill.state is BillState.REVERSED:
            return self.cancel(services, order)
        if self._settings.cards == "bureau":
            return self._hand_over(services, order, bill, tries)
        try:
            code = self._insert(services, order, bill)
        except ChannelFault as fault:
            return self._failed(services, order, fault, tries)
        orders.finish(services, order, "inserted", card_code=code, reason="")
        return Done()

    def _insert(self, services: Services, order: Order, bill: Any) -> str:
        client, pdf = self._providers.service, self._paper.pdf(services, order.bill_id, order.whole)
        number, code = bill.number, bill.code
        first, second = (number, code) if self._settings.card_number_first else (code, number)
        for last in (False, True):  # the PDF is never stored as lasting: uploaded just before it is used (trap 3)
            media_id = str(client.invoice.upload_pdf(("bill.pdf", pdf, PDF)))
            data = {
                "fee": bill.total_fen,
                "title": self._paper.payer(services, order.bill_id),
                "billing_time": int(bill.issued_at.timestamp()),
                "billing_no": first,
                "billing_code": second,
                "s_pdf_media_id": media_id,
            }
            body = {
                "order_id": order.order_id,
                "card_id": self.card_id,
                "appid": client.appid,
                "card_ext": {"user_card": {"invoice_user_data": data}},
            }
            try:
                url = f"{WECHAT_HOST}/nontax/insertbill"
                return str(client.post(url, data=body, result_processor=lambda answer: answer["code"]))
            except ChannelFault as fault:
                if fault.kind is FaultKind.UNKNOWN:
                    orders.note(services, order, MAYBE)
                if last or not fault.code.isdigit() or int(fault.code) not in codes.PDF_REFUSED:
                    raise
        raise AssertionError("unreachable")

    def _failed(self, services: Services, order: Order, fault: ChannelFault, tries: int) -> Outcome:
        code = int(fault.code) if fault.code.lstrip("-").isdigit() else 0
        if code in codes.TAKEN and (code != 72042 or order.reason == MAYBE):
            # Ours: an earlier try went through and its answer was lost. The card's code never came.
            orders.finish(services, order, "inserted", reason=NO_CODE)
            return Done()
        if code in codes.NOT_AUTHORISED:
            return self._not_authorised(services, order, fault)
        if fault.kind in AGAIN and tries < MOST_TRIES:
            if fault.kind is FaultKind.CONFIG:
                log.error("cards.set_up_wrong", code=fault.code, text=fault.text)
            return _later(fault)  # the same order id: done once over there
        log.error("cards.failed", code=fault.code, text=fault.text)
        words = "这张票已在别人的卡包里" if code == 72042 else f"{fault.code} {fault.text}"
        orders.finish(services, order, "failed", reason=words[:300])
        return Dead(words) if fault.kind is FaultKind.BUG else Done()

    def _not_authorised(self, services: Services, order: Order, fault: ChannelFault) -> Outcome:
        try:
            if self.was_authorised(order):
                return Retry(f"{fault.code} {fault.text}", PATIENCE)  # appid or s_pappid do not match: our set-up
        except ChannelFault as unclear:
            return Retry(unclear.code, unclear.after)
        orders.finish(services, order, "refused", reason=fault.code)
        return Done()

    def was_authorised(self, order: Order) -> bool:
        """Ask whether the person has let the card in: its event may have been lost. Raises ChannelFault."""
        answer = self._providers.service.invoice.get_auth_data(self.platform_id, order.order_id)
        return bool(answer.get("invoice_status") == "auth success")

    # ── mode bureau ───────────────────────────────────────────────────────────────────────────────────────────────
    def _hand_over(self, services: Services, order: Order, bill: Any, tries: int) -> Outcome:
        """Tell the bureau's platform which order was authorised; without an address people do it by hand."""
        if not self._bureau:
            orders.finish(services, order, "handed_over", reason="请把订单号交给财政平台")
            return Done()
        try:
            self._bureau.hand_over(self._told(order, bill))
        except ChannelFault as fault:
            if fault.kind is not FaultKind.NEVER and tries < MOST_TRIES:
                return _later(fault)
            return self._void(services, order, f"财政平台没有收下：{fault.code} {fault.text}")
        orders.finish(services, order, "handed_over")
        return Done()

    def _told(self, order: Order, bill: Any) -> dict[str, Any]:
        told = {"order_id": order.order_id, "appid": self._providers.service.appid, "fee": bill.total_fen}
        return told | {"bill_code": bill.code, "bill_number": bill.number}

    def watch(self, services: Services, order: Order) -> Outcome:
        """Ask how a handed-over order stands, every minute at first, every hour later; silence ends in a week."""
        age, why = now() - order.since, ""
        try:
            found = self._bureau.standing(order.order_id)
            if found.state == bureau_client.UNKNOWN:  # they have lost it, or never had it
                found = self._bureau.hand_over(self._told(order, self._paper.facts(services, order.bill_id)))
        except ChannelFault as fault:
            found, why = bureau_client.OrderStanding(bureau_client.WAITING), f"：{fault.code}"
        if found.state == bureau_client.INSERTED:
            reason = "" if found.code else NO_CODE
            orders.finish(services, order, "inserted", card_code=found.code, reason=reason)
            return Done()
        if found.state in (bureau_client.REFUSED, bureau_client.CANCELLED):
            return self._void(services, order, f"财政平台没有放入：{found.reason}")
        if age > SILENCE:
            return self._void(services, order, f"财政平台七天没有放入{why}")
        return Retry(f"等财政平台放入{why}", min(max(age.total_seconds() / 2, 60.0), 3600.0))

    def _void(self, services: Services, order: Order, words: str) -> Outcome:
        """End an order that nobody will insert: at WeChat first, so that a new try cannot make two cards."""
        try:
            if not self._rejected(order, "财政平台没有放入"):
                orders.finish(services, order, "inserted", reason=NO_CODE)
                return Done()
        except ChannelFault as fault:
            if fault.kind in AGAIN:
                return _later(fault)
            words = f"{words}；{fault.code}"
        log.error("cards.void", order=order.order_id, reason=words)
        orders.finish(services, order, "failed", reason=words[:300])
        return Done()

    def _rejected(self, order: Order, why: str) -> bool:
        """Refuse an order at WeChat, for ever; ``False``: it is a card already. Raises ChannelFault."""
        try:
            self._providers.service.invoice.reject_insert(self.platform_id, order.order_id, why)
        except ChannelFault as fault:
            if fault.code != "72035":  # refused before
                if fault.code == "72018":
                    return False
                raise
        return True

    # ── the end of a card ─────────────────────────────────────────────────────────────────────────────────────────
    def cancel(self, services: Services, order: Order) -> Outcome:
        """Cancel a reversed bill's card by who made it, or refuse an order that is not yet a card."""
        if order.state == "cancelled":
            return Done()
        try:
            if order.state in ("authorised", "handed_over") and self._rejected(order, "票据已冲红"):
                why = ""
            elif self._settings.cards == "bureau" and self._bureau:
                found = self._bureau.cancel(order.order_id)
                if found.state == bureau_client.WAITING:
                    return Retry("等财政平台撤销卡片", PATIENCE)
                gone = found.state in (bureau_client.CANCELLED, bureau_client.REFUSED)
                why = "" if gone else f"财政平台没有撤销卡片：{found.reason}"
            elif order.card_code:
                self._providers.service.invoice.update_status(self.card_id, order.card_code, CANCELLED)
                why = ""
            else:
                why = "没有卡号，请财政平台协助撤销卡片"
        except ChannelFault as fault:
            if fault.kind in AGAIN:
                return _later(fault)
            over = fault.code in ("72060", "72061")  # cancelled, closed: it is so already
            why = "" if over else f"卡片未能撤销：{fault.code} {fault.text}"
        if why:
            log.error("cards.not_cancelled", order=order.order_id, reason=why)
            orders.finish(services, order, order.state, reason=f"已冲红，{why}"[:300])
            return Dead(why)
        orders.finish(services, order, "cancelled")
        return Done()

    def sweep(self, services: Services) -> None:
        """Orders that were offered some minutes to two days ago and of which no event came: ask."""
        moment = now()
        with services.database.read() as connection:
            found = orders.waiting(connection, moment - timedelta(days=2), moment - timedelta(minutes=3))
        for order in found:
            try:
                if self.was_authorised(order):
                    orders.authorised(services, order.order_id, "")
            except ChannelFault as fault:
                if fault.kind in (FaultKind.CONFIG, FaultKind.LATER, FaultKind.RETRY, FaultKind.UNKNOWN):
                    return


def _later(fault: ChannelFault) -> Retry:
    """Try once more; where our set-up is wrong, after somebody had time to put it right."""
    return Retry(f"{fault.code} {fault.text}", fault.after or (PATIENCE if fault.kind is FaultKind.CONFIG else None))
