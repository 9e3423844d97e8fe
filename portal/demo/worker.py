"""``python -m portal.demo.worker``: the background tasks of an invented installation."""

from __future__ import annotations

from portal import background, worker
from portal.demo.settings import DemoSettings
from portal.fiscal import bookings, stock
from portal.outbox.schedule import Every, Schedule
from portal.outbox.topics import Topic

QUICK: dict[Topic, Schedule] = {stock.POLL_TOPIC: Every(15), bookings.TOPIC: Every(15)}
"""Nobody waits ten minutes for the simulated finance office."""


def main() -> None:
    """Work until SIGTERM or SIGINT; tasks in hand are finished first."""
    worker.work(DemoSettings(), background.schedule() | QUICK)


if __name__ == "__main__":
    main()
