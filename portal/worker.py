"""The background process: drains the outbox and the schedule, with the same wiring as the web application."""

from __future__ import annotations

import signal
import threading

from flask import Flask

from portal import background
from portal.app import create_app
from portal.core.settings import Settings
from portal.outbox.worker import Worker
from portal.runtime import Runtime


def build(app: Flask) -> Worker:
    """Build a worker on an application's services."""
    runtime: Runtime = app.extensions["qupiao"]
    periods = background.schedule(runtime.services.settings.demo)
    handlers = background.handlers(runtime.services, runtime.limits)
    return Worker(runtime.services, handlers, periods, threads=2, lanes=background.LANES)


def main() -> None:
    """Work until SIGTERM or SIGINT; tasks in hand are finished first."""
    settings = Settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = build(create_app(settings))
    worker.run(stop)


if __name__ == "__main__":
    main()
