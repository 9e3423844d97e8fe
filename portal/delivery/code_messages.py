"""One-time codes as deliveries: a lane of their own, begun at once, since a person stands there and waits."""

from __future__ import annotations

from portal.access.limits import Limits
from portal.core.services import Services
from portal.delivery.engine.channel import CODES
from portal.delivery.engine.deliveries import Wanted, add_delivery
from portal.delivery.engine.driver import Engine
from portal.domain.states.delivery import Purpose, Step
from portal.outbox.tasks import Done, Outcome, Task
from portal.retrieval.proof import codes

ACTOR = "worker:delivery"
_LIMITS = ((1, 60), (5, 3600), (10, 86_400))
"""How many codes one phone gets in so many seconds."""


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
        sent = bool(phone) and (task.attempts > 1 or self._allowed(services, phone))
        order = Wanted(message.unit_id, "code", code_id, Purpose.CODE, (Step(CODES),), ACTOR, phone)
        with services.database.write() as connection:
            codes.note_phone(services, connection, code_id, phone)
            if not sent:
                codes.void(connection, code_id)
                return Done()
            codes.end_earlier(connection, code_id)
            delivery_id, new = add_delivery(services, connection, order)
            if new:
                self._engine.begin(services, connection, delivery_id)
        return Done()

    def _allowed(self, services: Services, phone: str) -> bool:
        digest = services.index.digest("phone", phone).hex()[:24]
        return all(self._limits.hit(f"sms.phone.{seconds}:{digest}", most, seconds) for most, seconds in _LIMITS)
