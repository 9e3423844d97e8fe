"""One-time codes as deliveries: a lane of their own, begun at once, since a person stands there and waits."""

from __future__ import annotations

from portal import audit
from portal.access import parameters
from portal.access.limits import Limits
from portal.core.services import Services
from portal.delivery.engine.channel import CODES
from portal.delivery.engine.deliveries import Wanted, add_delivery
from portal.delivery.engine.driver import Engine
from portal.domain.actor import Actor
from portal.domain.states.delivery import Purpose, Step
from portal.outbox.tasks import Done, Outcome, Retry, Task
from portal.retrieval.proof import codes

ACTOR = "worker:delivery"
_LIMITS = ((1, 60), (5, 3600), (10, 86_400))
"""How many codes one phone gets in so many seconds."""
MOST = ("codes.most-minute", "codes.most-daily")
SOON = 60.0
"""A message that may go out so soon still finds somebody who waits for it."""


class CodeMessages:
    """The handler of ``sms.code``."""

    def __init__(self, limits: Limits, engine: Engine) -> None:
        self._limits, self._engine = limits, engine

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Open the delivery of the code of ``task.payload["code"]`` to the phone on file, and begin it.

        For a code that is too old or used nothing is done; when nobody matches, or the phone has had enough codes,
        nothing is sent.
        """
        code_id = int(task.payload["code"])
        with services.database.read() as connection:
            message = codes.read(services, connection, code_id)
            if message is None:
                return Done()
            phone = codes.phone(services, connection, code_id)
            minute, day = (parameters.value(connection, message.unit_id, key) for key in MOST)
        sent = bool(phone) and (task.attempts > 1 or self._allowed(services, phone))
        if sent and (wait := self._too_many(services, message.unit_id, int(minute), int(day))):
            if wait < SOON:
                return Retry("more codes than usual", wait)
            sent = False
        order = Wanted(message.unit_id, "code", code_id, Purpose.CODE, (Step(CODES),), ACTOR, phone)
        with services.database.write() as connection:
            codes.note_phone(services, connection, code_id, phone)
            if not sent:
                codes.void(connection, code_id)
                return Done()
            delivery_id, new = add_delivery(services, connection, order)
            if new:
                self._engine.begin(services, connection, delivery_id)
        return Done()

    def _too_many(self, services: Services, unit_id: int, minute: int, day: int) -> float:
        """Count a message of the unit; return 0, or the seconds to wait because it sends more than is usual.

        Each costs the hospital money, and one browser can ask for thousands. The auditor is told.
        """
        if not self._limits.hit(f"sms.unit.day:{unit_id}", day, 86_400):
            wait = 86_400.0
        elif not self._limits.hit(f"sms.unit.minute:{unit_id}", minute, 60):
            wait = 10.0
        else:
            return 0.0
        if self._limits.hit(f"sms.unit.told:{unit_id}", 1, 3600):
            audit.note(services, Actor("system:limits", unit_id=unit_id), "codes.many", ("unit", unit_id))
        return wait

    def _allowed(self, services: Services, phone: str) -> bool:
        digest = services.index.digest("phone", phone).hex()[:24]
        return all(self._limits.hit(f"sms.phone.{seconds}:{digest}", most, seconds) for most, seconds in _LIMITS)
