"""The phone of a patient in tests: text messages leave through the delivery engine and are read here."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from portal.core.clock import now
from portal.delivery import jobs
from portal.delivery.channels.sms import CodeSms, Sms
from portal.delivery.code_messages import CodeMessages
from portal.delivery.engine.driver import Engine
from portal.domain.states.delivery import Accepted
from portal.models import OneTimeCode
from portal.models.tables import ONE_TIME_CODE
from portal.outbox.tasks import Task
from portal.outbox.worker import Worker
from portal.retrieval.proof.identify import SMS_TOPIC


class Inbox:
    """Stands where the SMS gateway is: every message that would leave."""

    remembers = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    def send(self, phone: str, template: str, params: dict[str, str], _out_id: str) -> object:
        """Keep it."""
        self.sent.append((phone, template, params))
        return Accepted("")

    def engine(self, app: Flask) -> Engine:
        """An engine whose text messages come here."""
        settings = app.extensions["qupiao"].services.settings
        return Engine([Sms(settings, self), CodeSms(settings, self)])  # type: ignore[arg-type]

    def work(self, app: Flask) -> Inbox:
        """Have a worker send all that is due, codes excepted; returns itself."""
        Worker(app.extensions["qupiao"].services, jobs.with_engine(self.engine(app)), threads=1).drain()
        return self


def deliver(app: Flask) -> Inbox:
    """Send the newest code as the worker does, however many codes its phone has had."""
    inbox, services = Inbox(), app.extensions["qupiao"].services
    engine = inbox.engine(app)
    with services.database.read() as connection:
        newest = connection.scalar(select(ONE_TIME_CODE.c.id).order_by(OneTimeCode.created_at.desc()).limit(1))
    sender = CodeMessages(app.extensions["qupiao"].limits, engine)
    sender(services, Task(1, SMS_TOPIC, "k", {"code": newest}, 2, now()))
    Worker(services, engine.handlers(), threads=1).drain()
    inbox.sent = [message for message in inbox.sent if "code" in message[2]]  # other messages may have been due as well
    return inbox
