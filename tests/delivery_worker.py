"""A delivery worker as a process of its own, with short pauses; tests fork it and kill it without warning."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from portal.app import create_app
from portal.delivery import channels
from portal.delivery.engine import Engine
from portal.delivery.ledger import SEND_TOPIC
from portal.outbox.lanes import Lane
from portal.outbox.worker import Worker


def work(environment: Mapping[str, str], lanes: tuple[str, ...], scale: float) -> None:
    """Deliver over the channels ``lanes`` until killed; every pause is shortened to ``scale``."""
    os.environ.update(environment)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1), os.dup2(null, 2)
    services = create_app().extensions["qupiao"]
    made = [Lane(name, (f"{SEND_TOPIC}{name}",), 3) for name in lanes]
    providers = channels.channels(services)
    for one in providers:
        one.pauses = (5.0,) * len(one.pauses)  # a provider that fails six times would be waited for half an hour
    handlers = Engine(providers, scale).handlers()
    Worker(services, handlers, threads=1, lease=60.0 * scale, lanes=made).run(threading.Event())
