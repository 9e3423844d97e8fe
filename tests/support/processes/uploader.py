"""A worker that uploads bills and does nothing else, for tests that count every message finance sees."""

from __future__ import annotations

from portal.app import create_app
from portal.demo.settings import DemoSettings
from portal.fiscal.bills import TOPIC
from portal.fiscal.jobs import upload_bill
from portal.outbox.worker import Worker


def main() -> None:
    """Work until killed."""
    worker = Worker(create_app(DemoSettings()).extensions["qupiao"].services, {TOPIC: upload_bill}, threads=2)
    while True:
        worker.run_once()
