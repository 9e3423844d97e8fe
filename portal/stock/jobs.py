"""Background work of the number stock: watching its warning lines."""

from __future__ import annotations

from portal.outbox.schedule import Every
from portal.stock import balances

HANDLERS = {balances.WATCH_TOPIC: balances.watch_all}
SCHEDULE = {balances.WATCH_TOPIC: Every(60)}
