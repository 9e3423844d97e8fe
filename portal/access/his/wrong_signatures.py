"""Many wrong signatures in a short time are an alarm and an entry in the log of acts.

Counted in the process alone: a flood of them must cost the database nothing, and a right signature is served whatever
comes beside it. A key has 104 bits, so what is guessed at is not it but somebody who does not notice.
"""

from __future__ import annotations

import threading
import time

import structlog

from portal import audit
from portal.access.his.accounts import HisAccount
from portal.core.services import Services
from portal.domain.actor import Actor

MANY, SECONDS = 30, 600
"""So many within such a time; told once in it by each process."""
log = structlog.get_logger("qupiao.his")


class WrongSignatures:
    """The count of one process, for each account; ``0`` stands for application accounts that do not exist."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[int, tuple[float, int]] = {}

    def note(self, services: Services, account: HisAccount | None) -> None:
        """Count one; the one that makes it many is told."""
        account_id = 0 if account is None else account.id
        moment = time.monotonic()
        with self._lock:
            begun, count = self._counts.get(account_id, (moment, 0))
            if moment - begun >= SECONDS:
                begun, count = moment, 0
            self._counts[account_id] = (begun, count + 1)
        if count + 1 == MANY:
            log.error("his.wrong_signatures", account=account_id, count=MANY, seconds=SECONDS)
            details = {"count": MANY, "seconds": SECONDS}
            audit.note(services, Actor("system:limits"), "his.wrong_signatures", ("his_account", account_id), details)
