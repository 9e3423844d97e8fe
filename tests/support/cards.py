"""A bill that goes into its patient's card pack: the bill, the patient's browser, the worker, the platforms."""

from __future__ import annotations

import re
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import func, select, update

from portal.app import create_app
from portal.core.clock import now, stamp17
from portal.delivery.cards import orders
from portal.delivery.cards.worker import ACTS, CardDesk
from portal.delivery.inbound import inbox, wechat
from portal.demo.accounts import DEMO_WECHAT
from portal.demo.settings import DemoSettings
from portal.domain.states.bills import BillState
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.models.tables import BILL, BILL_CARD, CONSENT
from portal.outbox.worker import Worker
from portal.retrieval.proof import sessions
from portal.retrieval.proof.sessions import Claim
from portal.simulators.wechat import pushes
from tests.support import platforms
from tests.support.his import His, outpatient
from tests.support.pages import Pages, Rules
from tests.support.platforms import FOLLOWER
from tests.support.processes.simulators import Simulators

NAME = "林演安"
HOOK = "/wechat/callback/service"


class Bench:
    """One supervised bill, its patient's browser, a worker for cards, and the simulated platforms."""

    def __init__(self, settings: DemoSettings, process: Simulators, serial: str, **more: object) -> None:
        for service in ("wechat", "alipay"):
            process.faults(service)
        process.post("/wechat/script", {})
        process.post("/wechat/state", {"empty_cards": True})
        self.process, self.serial = process, serial
        self.app: Flask = create_app(
            platforms.connected(
                settings,
                process,
                wechat_open_url=process.url("/wechat"),
                alipay_open_url=process.url("/alipay"),
                **more,
            )
        )
        self.services = self.app.extensions["qupiao"].services
        self.his = His(self.app)
        assert self.his.call("invoiceEBillOutpatient", outpatient(serial)).ok
        with self.services.database.write() as connection:
            found = select(BILL.c.id).where(BILL.c.serial == serial)
            self.bill_id = int(connection.execute(found).scalar_one())
            connection.execute(update(BILL).where(BILL.c.id == self.bill_id).values(state=BillState.SUPERVISED.value))
        desk = CardDesk(self.services)
        handlers = desk.handlers() | {inbox.TOPIC: inbox.InboxDesk(wechat.ACTS | ACTS)}
        self.worker = Worker(self.services, handlers, threads=1)
        self.pages = Pages(self.app.test_client(), Rules(personal=(NAME, "000000195203150010", FOLLOWER)))
        number, opened = self.services.index.digest("number", "x").hex(), (self.bill_id,)
        self._sign_in(2, Claim(number, "00" * 32, opened, whole=opened))

    def by_slip(self) -> None:
        """Go on as somebody who has the slip and knows the name, no more."""
        self._sign_in(1, Claim(bills=(self.bill_id,)))

    def _sign_in(self, level: int, claim: Claim) -> None:
        with self.services.database.write() as connection:
            cookie = sessions.start(self.services, connection, 1, level, claim)
        self.pages.client.set_cookie("qp_session", cookie)

    @property
    def address(self) -> str:
        return f"/h/pgzx/bills/{self.bill_id}/cards"

    def facts(self) -> BillFacts:
        with self.services.database.read() as connection:
            found = bills.by_id(connection, self.bill_id)
        assert found is not None
        return found

    def card(self, platform: str = "wechat") -> Any:
        with self.services.database.read() as connection:
            wanted = select(BILL_CARD).where(BILL_CARD.c.bill_id == self.bill_id, BILL_CARD.c.platform == platform)
            return connection.execute(wanted.order_by(BILL_CARD.c.try_no.desc())).first()

    def consents(self) -> int:
        with self.services.database.read() as connection:
            wanted = select(func.count()).where(CONSENT.c.bill_id == self.bill_id)
            return int(connection.scalar(wanted) or 0)

    def at_wechat(self) -> list[dict[str, Any]]:
        order = self.card().order_id
        return [row for row in self.process.get("/wechat/cards") if row["order_id"] == order]

    def order(self) -> str:
        """Agree on the page; returns the address of the authorisation page."""
        page = self.pages.submit(
            self.pages.get(self.address), {"agree": "1", "platform": "wechat"}, action=self.address
        )
        found = re.search(r'href="(http[^"]+/authorize/[^"]+)"', page.text)
        assert found
        return found[1]

    def authorise(self, link: str) -> None:
        """The person taps 领取; WeChat's push reaches us."""
        done = httpx.post(link, data={"openid": FOLLOWER, "silent": "1"}, trust_env=False)
        assert done.status_code == 200

    def push(self, name: str, fields: str) -> None:
        text = pushes.event(FOLLOWER, name, fields)
        encrypt = pushes.encrypted(DEMO_WECHAT, text)
        body, query = f"<xml><Encrypt>{encrypt}</Encrypt></xml>", pushes.query(DEMO_WECHAT, encrypt)
        assert self.app.test_client().post(HOOK, query_string=query, data=body).status_code == 200
        self.worker.drain()

    def authorised(self) -> None:
        self.push("user_authorize_invoice", f"<SuccOrderId>{self.card().order_id}</SuccOrderId>")

    def reverse(self) -> None:
        """As a reversal's task does; the bill itself is made red by the HIS."""
        answer = self.his.call("writeOffEBill", write_off(self.facts()))
        assert answer.ok, answer.message
        orders.bill_reversed(self.services, self.bill_id)
        self.worker.drain()

    def due(self) -> None:
        """What waits is due now."""
        with self.services.database.write() as connection:
            connection.exec_driver_sql("UPDATE outbox_task SET due_at = created_at WHERE state = 'pending'")


def write_off(bill: BillFacts) -> dict[str, Any]:
    return {
        "billBatchCode": bill.code,
        "billNo": bill.number,
        "reason": "退费",
        "operator": "收费员甲",
        "busDateTime": stamp17(now()),
        "placeCode": "02",
    }
