"""Background work of issuing: batches of bills, and forgetting drafts, known payers and the files of old batches."""

from __future__ import annotations

from portal.core.services import Services
from portal.issuing.bills.issue import IssuingService
from portal.issuing.manual import batch, drafts, known_payers
from portal.outbox.lanes import Lane
from portal.outbox.tasks import Outcome, Task


def _issue_batch(services: Services, task: Task) -> Outcome:
    return batch.BatchService(services, IssuingService(services)).work(services, task)


HANDLERS = {batch.TOPIC: _issue_batch}
LANES = (Lane("batches", (batch.TOPIC,), 1),)  # thousands of bills at a time, in the order of their file
CLEANERS = (drafts.clean, known_payers.clean, batch.clean)
