"""Text messages about a person and no bill: a proxy has looked at the bills, a request was answered, a phone is new."""

from __future__ import annotations

from datetime import date

from portal.core.clock import business_day
from portal.core.services import Services
from portal.delivery.engine.deliveries import Wanted, open_delivery
from portal.domain.states.delivery import Purpose, Step
from portal.outbox.tasks import Done, Outcome, Task
from portal.retrieval import family, patient_requests
from portal.retrieval.proof import changed_phone, phones

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


def phone_changed(services: Services, task: Task) -> Outcome:
    """Tell the phone that a person had before that another one opens their bills; once.

    A cloud whose templates do not name the text yet sends nothing: an unknown one would stop its channel.
    """
    settings = services.settings
    if settings.sms_provider != "gateway" and changed_phone.TEMPLATE not in settings.sms_templates:
        return Done()
    with services.database.write() as connection:
        change = changed_phone.change(services, connection, int(task.payload["change"]))
        if change is None or change.state != changed_phone.OPEN:
            return Done()
        whose = (services, connection, change.unit_id, change.claim)
        older = changed_phone.good_phones(*whose, confirmed=True)
        address = phones.number_of(*whose, older[0]) if older else ""
        if address:
            order = Wanted(change.unit_id, "phone", change.change_id, Purpose.PHONE, _SMS, ACTOR, address)
            open_delivery(services, connection, order)
    return Done()
