"""``python -m portal.demo.worker``: the background tasks of an invented installation."""

from __future__ import annotations

from portal import worker
from portal.demo.settings import DemoSettings
from portal.fiscal import stock

QUICK = {stock.POLL_TOPIC: 15, stock.BOOKINGS_TOPIC: 15}
"""Nobody waits ten minutes for the simulated finance office."""


def main() -> None:
    """Work until SIGTERM or SIGINT; tasks in hand are finished first."""
    worker.work(DemoSettings(), worker.JOBS | QUICK)


if __name__ == "__main__":
    main()
