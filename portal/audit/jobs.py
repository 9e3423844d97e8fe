"""Background work of the audit log: sealing its hash chain."""

from __future__ import annotations

from portal.audit import chain
from portal.core.services import Services
from portal.outbox.schedule import Every
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic

SEAL_TOPIC = topic("audit.seal")


def _seal(services: Services, _task: Task) -> Outcome:
    chain.seal(services)
    return Done()


HANDLERS = {SEAL_TOPIC: _seal}
SCHEDULE = {SEAL_TOPIC: Every(chain.EVERY)}
