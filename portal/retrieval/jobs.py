"""Background work of retrieval: sending one-time codes, and forgetting sessions and passes that are over."""

from __future__ import annotations

from portal.access.limits import Limits
from portal.core.services import Services
from portal.outbox.lanes import Lane
from portal.outbox.tasks import Handler
from portal.outbox.topics import Topic
from portal.providers.sms import gateway
from portal.retrieval import family, passes, patient_requests, sessions
from portal.retrieval.code_sender import CodeSender
from portal.retrieval.identify import SMS_TOPIC

LANES = (Lane("codes", (SMS_TOPIC,), 2),)  # a patient stands there and waits
CLEANERS = (sessions.clean, passes.clean)


def build_handlers(services: Services, limits: Limits) -> dict[Topic, Handler]:
    """Build the handlers that keep a client for the life of the process."""
    client = gateway.client(services.settings)
    return {
        SMS_TOPIC: CodeSender(limits, client),
        family.TOLD_TOPIC: family.Teller(client),
        patient_requests.ANSWERED_TOPIC: patient_requests.Teller(client),
    }
