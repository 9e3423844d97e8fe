"""The background work of all packages, added up: handlers, schedule, lanes, cleaning, and who follows which event."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from portal.access import jobs as access
from portal.access.limits import Limits
from portal.audit import jobs as audit
from portal.core.services import Services
from portal.delivery import jobs as delivery
from portal.fiscal import jobs as fiscal
from portal.issuing import jobs as issuing
from portal.outbox import events
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Every, Schedule
from portal.outbox.tasks import Done, Handler, Outcome, Task
from portal.outbox.topics import Topic, topic
from portal.retrieval import jobs as retrieval
from portal.stock import jobs as stock

CLEAN_TOPIC = topic("clean")
CLEANERS: tuple[Callable[[Connection], object], ...] = (
    *access.CLEANERS,
    *retrieval.CLEANERS,
    *issuing.CLEANERS,
    *delivery.CLEANERS,
)
LANES: tuple[Lane, ...] = (*issuing.LANES, *fiscal.LANES, *delivery.LANES)
"""The topics that may wait for each other; topics not named here share one lane more."""


def clean(services: Services, _task: Task) -> Outcome:
    """Forget what every package keeps only for a time."""
    with services.database.write() as connection:
        for remove in CLEANERS:
            remove(connection)
    return Done()


_HANDLERS: dict[Topic, Handler] = (
    {CLEAN_TOPIC: clean} | audit.HANDLERS | stock.HANDLERS | issuing.HANDLERS | fiscal.HANDLERS | delivery.HANDLERS
)


def connect_events() -> None:
    """Tell the outbox which package follows up which event; every process that publishes calls this at its start."""
    events.subscribe(topic for topic in _HANDLERS if events.is_subscription(topic))


def handlers(services: Services, limits: Limits) -> dict[Topic, Handler]:
    """Return the handler of every topic, among them those of tasks written before events had subscribers."""
    earlier = {Topic(event.name): events.split(event) for event in events.declared()}
    return earlier | _HANDLERS | delivery.build_handlers(services, limits)


def schedule() -> dict[Topic, Schedule]:
    """Return when each periodic topic has its turn."""
    return {CLEAN_TOPIC: Every(600)} | audit.SCHEDULE | stock.SCHEDULE | fiscal.SCHEDULE | delivery.SCHEDULE
