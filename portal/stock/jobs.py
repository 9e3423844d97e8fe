"""Background work of the number stock: the watch over its warning lines and the turn of the year."""

from __future__ import annotations

from portal.outbox.schedule import Every
from portal.stock import watch

HANDLERS = {watch.TOPIC: watch.watch_all}
SCHEDULE = {watch.TOPIC: Every(60)}
