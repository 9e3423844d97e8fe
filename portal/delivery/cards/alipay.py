"""Bills in Alipay's 发票管家 as 财政电子票据 of kind 06 medical."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from typing import Any

from sqlalchemy import select

from portal.core.clock import local
from portal.core.services import Services
from portal.delivery.cards import orders
from portal.delivery.cards.documents import Paper
from portal.delivery.cards.orders import Order
from portal.delivery.cards.wechat import MOST_TRIES, PATIENCE
from portal.domain.money import yuan
from portal.domain.states.bills import BillState
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.models.tables import UNIT
from portal.outbox.tasks import Dead, Done, Outcome, Retry
from portal.providers.clients import Providers
from portal.providers.faults import ChannelFault, FaultKind

LINK_SECONDS = 540
"""How long Alipay's servers may fetch the PDF: signed, under ten minutes."""
_MAC = 16


class AlipayCards:
    """发票管家. Only the fiscal classes of items are told, never drugs or single services."""

    def __init__(self, providers: Providers, paper: Paper) -> None:
        self._providers = providers
        self._settings = providers.settings
        self._paper = paper

    def work(self, services: Services, order: Order, tries: int) -> Outcome:
        """Hand the bill over."""
        bill = self._paper.facts(services, order.bill_id)
        if bill.state is BillState.REVERSED:
            orders.finish(services, order, "cancelled")
            return Done()
        try:
            url = self._providers.alipay.send_bill(self._short_names, self._body(services, order, bill))
        except ChannelFault as fault:
            if fault.kind is not FaultKind.DONE:
                return _failed(services, order, fault, tries, "failed")
            url = ""
        orders.finish(services, order, "inserted", card_code=url[:64])
        return Done()

    def cancel(self, services: Services, order: Order) -> Outcome:
        """Return the bill was reversed: its red bill is handed over."""
        if order.state != "inserted":
            orders.finish(services, order, "cancelled")
            return Done()
        with services.database.read() as connection:
            red = bills.red_of(connection, order.bill_id)
        if red is None:
            return Retry("the red bill is not there yet")
        blue = self._paper.facts(services, order.bill_id)
        body = self._body(services, order, red) | {"invoice_type": "RED"}
        body |= {"ori_blue_inv_code": blue.code, "ori_blue_inv_no": blue.number}
        try:
            self._providers.alipay.send_bill(self._short_names, body)
        except ChannelFault as fault:
            if fault.kind is not FaultKind.DONE:
                return _failed(services, order, fault, 1, order.state)
        orders.finish(services, order, "cancelled")
        return Done()

    @property
    def _short_names(self) -> str:
        return self._settings.alipay_hospital

    def _body(self, services: Services, order: Order, bill: BillFacts) -> dict[str, Any]:
        kind, _, value = orders.subject(services, order).partition(":")
        with services.database.read() as connection:
            unit = connection.execute(select(UNIT).where(UNIT.c.id == bill.unit_id)).one()
            items = bills.items(connection, bill.bill_id)
        total = yuan(bill.total_fen)
        return {
            kind: value,
            "out_trade_no": order.order_id,
            "out_invoice_id": f"{order.order_id}-{bill.number}",
            "invoice_code": bill.code,
            "invoice_no": bill.number,
            "invoice_date": local(bill.issued_at).strftime("%Y-%m-%d"),
            "invoice_kind": "FINANCIAL_ELECTRONIC_BILL",
            "financial_electronic_type": "06",
            "invoice_type": "BLUE",
            "sum_amount": total,
            "ex_tax_amount": total,
            "tax_amount": "0.00",
            "check_code": bill.check_code,
            "payee_register_name": unit.name,
            "payee_register_no": unit.credit_code,
            "payee": bill.cashier,
            "checker": bill.checker,
            "invoice_title": {"title_name": self._paper.payer(services, bill.bill_id)},
            "invoice_content": [
                {"item_name": item.fiscal_name, "item_sum_amount": yuan(item.amount_fen)} for item in items
            ],
            "file_download_url": f"{services.settings.outside}/alipay/file/{file_token(services, bill.bill_id)}",
            "file_download_type": "PDF",
        }


def file_token(services: Services, bill_id: int, until: int = 0) -> str:
    """Return a token that lets the bearer fetch one bill's PDF for some minutes: no session, no identity in it."""
    until = until or int(time.time()) + LINK_SECONDS
    head = bill_id.to_bytes(8, "big") + until.to_bytes(5, "big")
    return urlsafe_b64encode(head + services.index.digest("card-file", head)[:_MAC]).rstrip(b"=").decode()


def _failed(services: Services, order: Order, fault: ChannelFault, tries: int, state: str) -> Outcome:
    if fault.kind in (FaultKind.RETRY, FaultKind.UNKNOWN, FaultKind.LATER, FaultKind.CONFIG) and tries < MOST_TRIES:
        return Retry(
            f"{fault.code} {fault.text}", fault.after or (PATIENCE if fault.kind is FaultKind.CONFIG else None)
        )
    orders.finish(services, order, state, reason=f"{fault.code} {fault.text}"[:300])
    return Dead(f"{fault.code} {fault.text}")
