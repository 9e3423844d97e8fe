"""The background process: drains the outbox and the schedule, with the same wiring as the web application."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping

from flask import Flask

from portal import background
from portal.app import create_app
from portal.core.settings import Settings
from portal.outbox.schedule import Schedule
from portal.outbox.topics import Topic
from portal.outbox.worker import Worker
from portal.runtime import Runtime


def build(app: Flask, periods: Mapping[Topic, Schedule] | None = None) -> Worker:
    """Build a worker on an application's services; ``periods``: when each periodic topic has its turn."""
    runtime: Runtime = app.extensions["qupiao"]
    handlers = background.handlers(runtime.services, runtime.limits)
    turns = background.schedule() if periods is None else periods
    return Worker(runtime.services, handlers, turns, threads=2, lanes=background.LANES)


def main() -> None:
    """Work until SIGTERM or SIGINT; tasks in hand are finished first."""
    work(Settings())


def work(settings: Settings, periods: Mapping[Topic, Schedule] | None = None) -> None:
    """Work with these settings and periods until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = build(create_app(settings), periods)
    worker.run(stop)


if __name__ == "__main__":
    main()
