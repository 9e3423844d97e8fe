"""A bill that is told over the simulated WeChat and Alipay: bound accounts, permissions, attempts."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select

from portal.delivery import bindings, channels, jobs
from portal.delivery.bindings import Subject
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.delivery.engine.driver import Engine
from portal.delivery.inbound import inbox, wechat
from portal.demo.accounts import DEMO_ALIPAY_APP, DEMO_MINI, DEMO_WECHAT
from portal.domain.states.delivery import Purpose, steps_of
from portal.models.tables import BILL, CHANNEL_BINDING, DELIVERY_ATTEMPT, MESSAGE_PERMISSION
from portal.outbox.worker import Worker
from tests.support.his import His, outpatient
from tests.support.platforms import ALIPAY_USER, FOLLOWER, MINI_USER

SERVICE = Subject("wechat", DEMO_WECHAT.appid, "openid", FOLLOWER)
MINI = Subject("mini", DEMO_MINI.appid, "openid", MINI_USER)


ALIPAY = Subject("alipay", DEMO_ALIPAY_APP, "open_id", ALIPAY_USER)


class Bench:
    """One bill and the engine over the real channels."""

    def __init__(self, app: Flask, serial: str) -> None:
        self.app, self.services = app, app.extensions["qupiao"].services
        assert His(app).call("invoiceEBillOutpatient", outpatient(serial)).ok
        with self.services.database.read() as connection:
            found = select(BILL.c.id).where(BILL.c.serial == serial)
            self.bill_id = int(connection.execute(found).scalar_one())
        sending = jobs.with_engine(Engine(channels.channels(self.services), scale=0.0))
        desk = {inbox.TOPIC: inbox.InboxDesk(wechat.ACTS)}
        self.sender = Worker(self.services, sending, threads=2)
        self.worker = Worker(self.services, sending | desk, threads=2)

    def open(self, order: str, purpose: Purpose = Purpose.ISSUED) -> int:
        """Begin a delivery over this order."""
        with self.services.database.write() as connection:
            wanted = Wanted(1, "bill", self.bill_id, purpose, steps_of(order), "test")
            return open_delivery(self.services, connection, wanted)[0]

    def tell(self, order: str, purpose: Purpose = Purpose.ISSUED) -> dict[str, str]:
        """Deliver over this order; how each channel's attempt stands, state and code, before any event is worked on."""
        delivery_id = self.open(order, purpose)
        self.sender.drain()
        return self.attempts(delivery_id)

    def attempts(self, delivery_id: int) -> dict[str, str]:
        with self.services.database.read() as connection:
            rows = connection.execute(
                select(DELIVERY_ATTEMPT).where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
            ).all()
        return {row.channel: f"{row.state} {row.code}".strip() for row in rows}

    def allow(self, subject: Subject, template: str, more: int) -> None:
        with self.services.database.write() as connection:
            bindings.allow_on(self.services, connection, subject, template, more)

    def remaining(self, subject: Subject) -> int:
        with self.services.database.read() as connection:
            found = select(func.sum(MESSAGE_PERMISSION.c.remaining)).where(
                MESSAGE_PERMISSION.c.subject_digest == subject.digest(self.services)
            )
            return int(connection.scalar(found) or 0)

    def states(self) -> list[str]:
        with self.services.database.read() as connection:
            return list(connection.scalars(select(CHANNEL_BINDING.c.state).order_by(CHANNEL_BINDING.c.platform)))
