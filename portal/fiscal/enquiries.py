"""Enquiries at finance that staff start by hand, instead of waiting for the next interval."""

from __future__ import annotations

from portal.core.clock import now
from portal.core.services import Services
from portal.fiscal.stock import CHECK_TOPIC, POLL_TOPIC
from portal.outbox import tasks


def poll_now(services: Services) -> None:
    """Ask finance now what it has decided and granted. Raises Refusal BUSY."""
    key = f"{POLL_TOPIC}:asked:{now():%Y%m%d%H%M%S}"
    services.database.act(lambda connection: tasks.enqueue(connection, POLL_TOPIC, key, {"asked": True}))


def compare_now(services: Services) -> None:
    """Ask finance now to compare its stock with ours (9206). Raises Refusal BUSY."""
    key = f"{CHECK_TOPIC}:asked:{now():%Y%m%d%H%M%S}"
    services.database.act(lambda connection: tasks.enqueue(connection, CHECK_TOPIC, key, {"now": True}))
