"""Background work of issuing: batches, the nightly check of bills against their documents, and what is forgotten."""

from __future__ import annotations

from portal.core.services import Services
from portal.issuing.bills.issue import IssuingService
from portal.issuing.manual import batch, drafts, known_payers, master_import
from portal.ledger import document_check
from portal.outbox.lanes import Lane
from portal.outbox.schedule import Daily
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic


def _issue_batch(services: Services, task: Task) -> Outcome:
    return batch.BatchService(services, IssuingService(services)).work(services, task)


def _check_documents(services: Services, _task: Task) -> Outcome:
    document_check.check_night(services)
    return Done()


CHECK_TOPIC = topic("bills.check")
HANDLERS = {batch.TOPIC: _issue_batch, CHECK_TOPIC: _check_documents}
SCHEDULE = {CHECK_TOPIC: Daily("03:30")}
LANES = (Lane("batches", (batch.TOPIC,), 1),)  # thousands of bills at a time, in the order of their file
CLEANERS = (drafts.clean, known_payers.clean, batch.clean, master_import.clean)
