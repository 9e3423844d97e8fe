"""Listening to PostgreSQL's notifications, so that a new task does not wait for the next look at the table."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from portal.outbox.tasks import CHANNEL

log = structlog.get_logger("qupiao.worker")

_LOOK = 0.5
"""Seconds between two looks at ``stop``."""


def listen(engine: Engine, ring: Callable[[str], None], stop: threading.Event) -> None:
    """Call ``ring(topic)`` for each notification until ``stop`` is set; a lost connection is made again.

    Notifications may be lost meanwhile, or be swallowed by a pooler: looking at the table stays the floor.
    """
    while not stop.is_set():
        try:
            _listen_once(engine, ring, stop)
        except (psycopg.Error, DBAPIError) as error:
            log.warning("outbox.not_listening", error=type(error).__name__)
            stop.wait(2.0)


def _listen_once(engine: Engine, ring: Callable[[str], None], stop: threading.Event) -> None:
    pooled = engine.raw_connection()
    driver = pooled.driver_connection
    pooled.detach()  # it listens for as long as the worker lives; the pool makes itself another
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("only PostgreSQL notifies")
    with driver:
        driver.rollback()
        driver.set_autocommit(True)
        driver.execute(f"LISTEN {CHANNEL}")
        while not stop.is_set():
            for notice in driver.notifies(timeout=_LOOK):
                ring(notice.payload)
