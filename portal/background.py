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
from portal.outbox import jobs as outbox
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Every, Schedule
from portal.outbox.tasks import Done, Handler, Outcome, Task
from portal.outbox.topics import Topic, topic
from portal.retrieval import jobs as retrieval
from portal.stock import jobs as stock

CLEAN_TOPIC = topic("clean")
PACKAGES = (outbox, access, audit, stock, issuing, retrieval, fiscal, delivery)
"""The packages with background work. Each says in its ``jobs.py`` what of it there is: ``HANDLERS`` (topic → work),
``SCHEDULE`` (topic → turn), ``LANES`` (topics that may wait for each other), ``CLEANERS`` (what forgets)."""
CLEANERS: tuple[Callable[[Connection], object], ...] = tuple(
    cleaner for package in PACKAGES for cleaner in getattr(package, "CLEANERS", ())
)
LANES: tuple[Lane, ...] = tuple(lane for package in PACKAGES for lane in getattr(package, "LANES", ()))
"""Topics not named here share one lane more."""


def clean(services: Services, _task: Task) -> Outcome:
    """Forget what every package keeps only for a time."""
    with services.database.write() as connection:
        for remove in CLEANERS:
            remove(connection)
    return Done()


_HANDLERS: dict[Topic, Handler] = {CLEAN_TOPIC: clean}
_SCHEDULE: dict[Topic, Schedule] = {CLEAN_TOPIC: Every(600)}
for _package in PACKAGES:
    _HANDLERS |= getattr(_package, "HANDLERS", {})
    _SCHEDULE |= getattr(_package, "SCHEDULE", {})


def connect_events() -> None:
    """Tell the outbox which package follows up which event; every process that publishes calls this at its start."""
    events.subscribe(topic for topic in _HANDLERS if events.is_subscription(topic))


def handlers(services: Services, limits: Limits) -> dict[Topic, Handler]:
    """Return the handler of every topic, among them those of tasks written before events had subscribers."""
    earlier = {Topic(event.name): events.split(event) for event in events.declared()}
    return earlier | _HANDLERS | delivery.build_handlers(services, limits)


def schedule() -> dict[Topic, Schedule]:
    """Return when each periodic topic has its turn."""
    return dict(_SCHEDULE)
