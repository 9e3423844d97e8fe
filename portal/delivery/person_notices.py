"""Text messages about a person and no bill: a proxy has looked at the bills, or a request was answered."""

from __future__ import annotations

from datetime import date

from portal.core.clock import business_day
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.domain.states.delivery import Purpose, Step
from portal.outbox.tasks import Done, Outcome, Task
from portal.retrieval import family, patient_requests

ACTOR = "worker:delivery"
_SMS = (Step("sms"),)
_FIRST_DAY = date(2020, 1, 1)


def proxy_looked(services: Services, task: Task) -> Outcome:
    """Tell a person that their guardian or proxy has looked: at most one message for each link and day."""
    link_id, day = int(task.payload["link"]), business_day(task.created_at)
    with services.database.write() as connection:
        notice = family.look_notice(services, connection, link_id)
        if notice is not None:
            version = (day - _FIRST_DAY).days  # a repeated task asks for the same message
            order = Wanted(notice.unit_id, "family", link_id, Purpose.FAMILY, _SMS, ACTOR, notice.phone, version)
            open_delivery(services, connection, order)
    return Done()


def request_answered(services: Services, task: Task) -> Outcome:
    """Tell a person that their request has an answer."""
    request_id = int(task.payload["request"])
    with services.database.write() as connection:
        notice = patient_requests.answer_notice(services, connection, request_id)
        if notice is not None:
            order = Wanted(notice.unit_id, "request", request_id, Purpose.ANSWER, _SMS, ACTOR, notice.phone)
            open_delivery(services, connection, order)
    return Done()
