"""Whether text messages leave at all: said on the page of a code to everybody, and the same to everybody.

The breaker that leaves a silent gateway alone lives in the worker; what it saw stands in the attempts. Several phones
must have gone without an answer, and none answered since, so that no one person's message shows.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from portal.core.clock import now
from portal.core.ids import first_of
from portal.delivery.engine.channel import CODES
from portal.domain.states.delivery import AttemptState
from portal.models.tables import DELIVERY_ATTEMPT

WITHIN = timedelta(minutes=15)
"""What is older says nothing about now."""
PHONES = 3
_LOOKED_AT = 40
_LANES = ("sms", CODES)
"""Both go through one gateway."""
_SILENT = ("retry", "unknown")


def text_messages_away(connection: Connection) -> bool:
    """Return whether the newest text messages, to at least :data:`PHONES` phones, have found no gateway."""
    recent = select(
        DELIVERY_ATTEMPT.c.state, DELIVERY_ATTEMPT.c.result_class, DELIVERY_ATTEMPT.c.recipient_digest
    ).where(
        DELIVERY_ATTEMPT.c.id >= first_of(now() - WITHIN),
        DELIVERY_ATTEMPT.c.channel.in_(_LANES),
        DELIVERY_ATTEMPT.c.tries > 0,
        DELIVERY_ATTEMPT.c.state != AttemptState.SENDING.value,
    )
    silent: set[bytes] = set()
    for row in connection.execute(recent.order_by(DELIVERY_ATTEMPT.c.id.desc()).limit(_LOOKED_AT)):
        if row.result_class not in _SILENT:
            break
        silent.add(row.recipient_digest)
    return len(silent) >= PHONES
