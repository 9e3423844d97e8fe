"""A channel for tests of the engine: it answers by a script and remembers every call, as a provider's log would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import Connection, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.delivery import jobs
from portal.delivery.channels import TITLES
from portal.delivery.engine.channel import Message, Target
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.delivery.engine.driver import Engine
from portal.domain.states.delivery import Accepted, Purpose, Result, steps_of
from portal.models.tables import BILL, DELIVERY, DELIVERY_ATTEMPT, OUTBOX_TASK
from portal.outbox.worker import Worker
from tests.support.his import His, outpatient

Answer = Result | Exception | Callable[[Message], Result | None] | None


class Scripted:
    """Gives its answers one after the other, the last one for ever. ``address`` is everybody's."""

    def __init__(
        self,
        name: str,
        answers: Sequence[Answer] = (Accepted("ok"),),
        *,
        address: str = "somebody",
        disturbs: bool = False,
        receipt_within: timedelta | None = None,
        remembers: float = 0.0,
        once_more: bool = True,
        pauses: tuple[float, ...] = (5.0, 15.0, 60.0),
    ) -> None:
        self.name, self.title, self.provider, self.account = name, name, "script", name
        self.setting = f"delivery.{name}"
        self.disturbs, self.receipt_within, self.pauses = disturbs, receipt_within, pauses
        self.remembers, self.once_more = remembers, once_more
        self.address = address
        self.calls: list[Message] = []
        self._answers = list(answers)
        self._lock = threading.Lock()

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """The one address."""
        return self.address

    def send(self, services: Services, message: Message) -> Result:
        """The next answer of the script."""
        with self._lock:
            answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
            self.calls.append(message)
        if isinstance(answer, Exception):
            raise answer
        given = answer(message) if callable(answer) else answer
        assert given is not None
        return given


class ScriptedAsking(Scripted):
    """The same, and can be asked: ``found`` are the answers to questions."""

    def __init__(self, name: str, answers: Sequence[Answer], found: Sequence[Result | None], **more: object) -> None:
        super().__init__(name, answers, **more)  # type: ignore[arg-type]
        self.questions: list[Message] = []
        self._found = list(found)

    def find(self, services: Services, message: Message) -> Result | None:
        """The next answer to a question."""
        self.questions.append(message)
        return self._found[min(len(self.questions), len(self._found)) - 1]


class Bench:
    """One bill, an engine over scripted channels, and time that passes when told to."""

    def __init__(self, app: Flask, his: His, serial: str, **changes: Any) -> None:
        self.services: Services = app.extensions["qupiao"].services
        self.his = his
        self.serial = serial
        assert his.call("invoiceEBillOutpatient", outpatient(serial, **changes)).ok
        with self.services.database.read() as connection:
            self.bill_id = connection.execute(select(BILL.c.id).where(BILL.c.serial == serial)).scalar_one()

    def open(self, order: str, purpose: Purpose = Purpose.ISSUED) -> int:
        """Begin a delivery of the bill by this order of channels."""
        with self.services.database.write() as connection:
            wanted = Wanted(1, "bill", self.bill_id, purpose, steps_of(order), "test")
            return open_delivery(self.services, connection, wanted)[0]

    def run(self, *channels: Scripted, passes: int = 12) -> None:
        """Work, then let what waits be due, ``passes`` times: the tail of every pause without the time."""
        engine = Engine(channels, titles=TITLES)
        worker = Worker(self.services, jobs.with_engine(engine), threads=1)
        for _ in range(passes):
            worker.drain()
            self.pass_time()
            for breaker in engine._breakers.values():
                breaker.succeeded()

    def pass_time(self) -> None:
        """Everything that waits for a time is due, but the wait for receipts."""
        moment = now()
        with self.services.database.write() as connection:
            connection.execute(
                update(OUTBOX_TASK)
                .where(OUTBOX_TASK.c.topic.startswith("delivery."), OUTBOX_TASK.c.state == "pending")
                .values(due_at=moment)
            )
            waiting = DELIVERY_ATTEMPT.c.state.in_(["queued", "asking", "sending"])
            connection.execute(
                update(DELIVERY_ATTEMPT).where(waiting, DELIVERY_ATTEMPT.c.next_at > moment).values(next_at=moment)
            )

    def attempts(self, delivery_id: int) -> list[Any]:
        """Channel, state, class, tries, blind of each attempt."""
        columns = (
            DELIVERY_ATTEMPT.c.channel,
            DELIVERY_ATTEMPT.c.state,
            DELIVERY_ATTEMPT.c.result_class,
            DELIVERY_ATTEMPT.c.tries,
            DELIVERY_ATTEMPT.c.blind,
        )
        found = (
            select(*columns)
            .where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
            .order_by(DELIVERY_ATTEMPT.c.step, DELIVERY_ATTEMPT.c.id)
        )
        with self.services.database.read() as connection:
            return [tuple(row) for row in connection.execute(found)]

    def state(self, delivery_id: int) -> str:
        """The delivery's state."""
        with self.services.database.read() as connection:
            return str(connection.scalar(select(DELIVERY.c.state).where(DELIVERY.c.id == delivery_id)))

    def attempt_id(self, delivery_id: int) -> int:
        """The id of a delivery's only attempt."""
        with self.services.database.read() as connection:
            return connection.execute(
                select(DELIVERY_ATTEMPT.c.id).where(DELIVERY_ATTEMPT.c.delivery_id == delivery_id)
            ).scalar_one()
