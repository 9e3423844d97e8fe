"""Cards in WeChat's card pack: authorisation link, PDF, insertion, cancelling (delivery-channels §4).

Mode ``self``: one account does both. Mode ``bureau``: we authorise and hand the order over, the finance bureau's
platform inserts; its card code is then not ours, so it also cancels.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import httpx
import structlog

from portal.core import platforms as demo
from portal.core.clock import now
from portal.core.platforms import WECHAT_HOST
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.accounts import Platforms
from portal.delivery.cards import orders
from portal.delivery.cards.documents import Paper
from portal.delivery.cards.orders import Order
from portal.delivery.faults import ChannelFault, Kind
from portal.delivery.wechat import codes
from portal.delivery.wechat.client import PDF
from portal.domain.states import BillState
from portal.outbox.tasks import Dead, Done, Outcome, Retry

log = structlog.get_logger("qupiao.cards")

CANCELLED = "INVOICE_REIMBURSE_CANCEL"
REIMBURSE = {"INVOICE_REIMBURSE_LOCK": "lock", "INVOICE_REIMBURSE_CLOSURE": "closure"}
PATIENCE = 600.0
"""Seconds until work is tried again that our set-up keeps from being done."""
MOST_TRIES = 200
MAYBE = "insertion without an answer"
"""Noted when an insertion may have happened, so that "already in a card pack" is told from somebody else's card."""


class WeChatCards:
    """The card pack of the official account."""

    def __init__(self, platforms: Platforms, paper: Paper) -> None:
        self._platforms = platforms
        self._settings: Settings = platforms.settings
        self._paper = paper

    @property
    def platform_id(self) -> str:
        """``s_pappid``."""
        return self._settings.card_platform_id or (demo.DEMO_CARD_PLATFORM if self._settings.demo else "")

    @property
    def card_id(self) -> str:
        """The template of this hospital's cards."""
        return self._settings.card_id or (demo.DEMO_CARD if self._settings.demo else "")

    def link(self, order: Order, total_fen: int, back: str) -> str:
        """The page where the person lets the card in; it lasts two hours and is made on demand. Raises ChannelFault."""
        client = self._platforms.service
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
            return self._hand_over(services, order, bill)
        try:
            code = self._insert(services, order, bill)
        except ChannelFault as fault:
            return self._failed(services, order, fault, tries)
        orders.finish(services, order, "inserted", card_code=code, reason="")
        return Done()

    def _insert(self, services: Services, order: Order, bill: Any) -> str:
        client, pdf = self._platforms.service, self._paper.pdf(services, order.bill_id)
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
                if fault.kind is Kind.UNKNOWN:
                    orders.note(services, order, MAYBE)
                if last or not fault.code.isdigit() or int(fault.code) not in codes.PDF_REFUSED:
                    raise
        raise AssertionError("unreachable")

    def _failed(self, services: Services, order: Order, fault: ChannelFault, tries: int) -> Outcome:
        code = int(fault.code) if fault.code.lstrip("-").isdigit() else 0
        if code in codes.TAKEN and (code != 72042 or order.reason == MAYBE):
            # Ours: an earlier try went through and its answer was lost. The card's code never came (§4.4).
            orders.finish(services, order, "inserted", reason="卡片已在卡包，平台没有返回卡号")
            return Done()
        if code in codes.NOT_AUTHORISED:
            return self._not_authorised(services, order, fault)
        if fault.kind in (Kind.RETRY, Kind.UNKNOWN, Kind.LATER) and tries < MOST_TRIES:
            return Retry(f"{fault.code} {fault.text}", fault.after)  # the same order id: done once over there
        if fault.kind is Kind.CONFIG and tries < MOST_TRIES:
            log.error("cards.set_up_wrong", code=fault.code, text=fault.text)
            return Retry(f"{fault.code} {fault.text}", PATIENCE)
        log.error("cards.failed", code=fault.code, text=fault.text)
        words = "这张票已在别人的卡包里" if code == 72042 else f"{fault.code} {fault.text}"
        orders.finish(services, order, "failed", reason=words[:300])
        return Dead(words) if fault.kind is Kind.BUG else Done()

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
        answer = self._platforms.service.invoice.get_auth_data(self.platform_id, order.order_id)
        return bool(answer.get("invoice_status") == "auth success")

    def _hand_over(self, services: Services, order: Order, bill: Any) -> Outcome:
        """Mode ``bureau``: tell its platform which order was authorised; without an address people do it by hand."""
        url = self._settings.card_bureau_url
        if not url:
            orders.finish(services, order, "handed_over", reason="请把订单号交给财政平台")
            return Done()
        told = {
            "order_id": order.order_id,
            "appid": self._platforms.service.appid,
            "bill_code": bill.code,
            "bill_number": bill.number,
            "fee": bill.total_fen,
        }
        body = json.dumps(told, separators=(",", ":")).encode()
        stamp = str(int(time.time()))
        mac = hmac.new(self._settings.card_bureau_key.encode(), stamp.encode() + b"\n" + body, hashlib.sha256)
        headers = {"Content-Type": "application/json", "X-Timestamp": stamp, "X-Signature": mac.hexdigest()}
        try:
            answer = httpx.post(url, content=body, headers=headers, timeout=10, trust_env=False)
        except httpx.HTTPError as error:
            return Retry(type(error).__name__)
        if answer.status_code not in (200, 201, 202, 204, 409):  # 409: it has it already
            return Retry(f"bureau {answer.status_code}", PATIENCE)
        orders.finish(services, order, "handed_over")
        return Done()

    def cancel(self, services: Services, order: Order) -> Outcome:
        """The bill was reversed: the card is cancelled, or an order that is not yet one is refused."""
        if order.state == "cancelled":
            return Done()
        try:
            if order.state in ("authorised", "handed_over"):
                client = self._platforms.service.invoice
                client.reject_insert(self.platform_id, order.order_id, "票据已冲红")
            elif order.card_code:
                self._platforms.service.invoice.update_status(self.card_id, order.card_code, CANCELLED)
            else:
                orders.finish(services, order, "inserted", reason="已冲红，但没有卡号，请财政平台协助撤销卡片")
                log.error("cards.no_code", order=order.order_id)
                return Dead("没有卡号，请财政平台协助撤销")
        except ChannelFault as fault:
            if fault.kind in (Kind.RETRY, Kind.UNKNOWN, Kind.LATER, Kind.CONFIG):
                return Retry(
                    f"{fault.code} {fault.text}", fault.after or (PATIENCE if fault.kind is Kind.CONFIG else None)
                )
            if fault.code not in ("72060", "72061", "72035"):  # cancelled, closed, refused before: it is so already
                orders.finish(
                    services, order, order.state, reason=f"已冲红，卡片未能撤销：{fault.code} {fault.text}"[:300]
                )
                return Dead(f"{fault.code} {fault.text}")
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
                if fault.kind in (Kind.CONFIG, Kind.LATER, Kind.RETRY, Kind.UNKNOWN):
                    return
