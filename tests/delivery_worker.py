"""A delivery worker as a process of its own, with short pauses: ``python -m tests.delivery_worker SCALE``."""

from __future__ import annotations

import signal
import sys
import threading

from portal.app import create_app
from portal.delivery import channels
from portal.delivery.engine import Engine
from portal.delivery.ledger import SEND_TOPIC
from portal.outbox.lanes import Lane
from portal.outbox.worker import Worker


def main() -> None:
    """Work until SIGTERM; killed without warning in the tests."""
    services = create_app().extensions["qupiao"]
    scale = float(sys.argv[1])
    lanes = [Lane(name, (f"{SEND_TOPIC}{name}",), 3) for name in ("sms", "mail")]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    handlers = Engine(channels.channels(services), scale).handlers()
    Worker(services, handlers, threads=1, lease=60.0 * scale, lanes=lanes).run(stop)


if __name__ == "__main__":
    main()
