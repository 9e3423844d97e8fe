"""Is finance there: what the console's home page says of the exchange, from the newest messages and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from portal.core.clock import now
from portal.domain.titled import Titled
from portal.ledger.bill_lists import WAITING, in_state
from portal.models.tables import BILL, FINANCE_MESSAGE

FAILED = "failed"
"""The outcome of a message that brought no answer of finance: no connection, an error of the server, no known text."""
NEWEST = 200
"""So many of the newest messages are looked at."""
SILENCE = timedelta(seconds=30)
"""Messages must have failed for so long before finance counts as away: one lost connection is no outage."""
SLOW = timedelta(minutes=5)
"""A bill that waits longer for its supervision makes finance slow."""


class FinanceState(Titled):
    """How the exchange with finance goes."""

    GOOD = "good", "正常"
    SLOW = "slow", "缓慢"
    AWAY = "away", "中断"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The exchange with finance: its state, how many bills wait and since when, when finance last answered, and since
    when every message has failed."""

    state: FinanceState
    waiting: int
    waiting_since: datetime | None
    answered_at: datetime | None
    failing_since: datetime | None


_LATELY = (
    select(FINANCE_MESSAGE.c.outcome, FINANCE_MESSAGE.c.answered_at, FINANCE_MESSAGE.c.sent_at)
    .where(FINANCE_MESSAGE.c.outcome != "sent")
    .order_by(FINANCE_MESSAGE.c.id.desc())
    .limit(NEWEST)
)


def exchange(connection: Connection, unit_id: int) -> Exchange:
    """Read how the exchange goes; messages are the installation's, waiting bills the unit's.

    An answer that was none does not count: neither an error of the server nor a connection that was lost.
    """
    answered_at = failing_since = None
    for row in connection.execute(_LATELY):
        if row.outcome != FAILED:
            answered_at = row.answered_at
            break
        failing_since = row.sent_at
    waits = select(func.count(), func.min(BILL.c.state_at)).where(BILL.c.unit_id == unit_id, in_state(WAITING))
    waiting, since = connection.execute(waits).one()
    moment = now()
    state = FinanceState.GOOD
    if failing_since is not None and moment - failing_since >= SILENCE:
        state = FinanceState.AWAY
    elif since is not None and moment - since >= SLOW:
        state = FinanceState.SLOW
    return Exchange(state, waiting, since, answered_at, failing_since)
