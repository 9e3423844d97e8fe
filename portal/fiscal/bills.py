"""The upload of an issued bill to finance: each bill comes to one supervision, however often the task is done.

One task drives a bill to the end: upload (9301/9303), and while finance has it queued, ask (9302) on a schedule.
No database connection is held while finance is spoken to. Repeating is safe because finance answers the same bill
with the same signature (4001), and seen because every message has its row in ``fiscal_exchange``.

A bill may be reversed before finance has seen it: its upload goes on all the same, and its red bill waits here until
the original is supervised, since finance knows no red bill of an unknown one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.crypto.cms import SignatureInvalid
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.states import BillState, may_move
from portal.fiscal.supervision import Supervised, Trust, verify
from portal.issuing.events import BILL_ISSUED
from portal.ledger.bills import StoredDocument, stored_document
from portal.models.tables import BILL, OUTBOX_TASK, SUPERVISION
from portal.outbox import tasks
from portal.outbox.events import event, publish
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.providers.breaker import Breaker
from portal.providers.finance import message_log
from portal.providers.finance.bill_messages import RESULT, Accepted, Queued, Rejected, Upload
from portal.providers.finance.client import FinanceAway, FinanceClient
from portal.providers.finance.message_log import Attempt
from portal.providers.finance.result_codes import Result
from portal.rendering import xml

TOPIC = BILL_ISSUED.to("finance")
BILL_SUPERVISED = event("bill.supervised")
ACTOR = "worker:fiscal"
POLLS = (60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds until 9302 is asked for the first, second, … time; the last repeats."""
LONGEST_RETRY = 60.0
UNCONFIGURED_RETRY = 600.0

_HIDDEN = "＊＊"
_LONG_NUMBER = re.compile(r"[0-9]{11,}[Xx]?")
"""Identity and phone numbers; bill numbers are shorter."""

_log = structlog.get_logger("qupiao.fiscal")


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the messages about one bill need."""

    bill_id: int
    code: str
    number: str
    check_code: str
    serial: str
    issued_at: datetime
    supervised: bool
    queued: bool
    related: tuple[str, str] | None
    related_supervised: bool
    document: StoredDocument

    def upload(self) -> Upload:
        """The bill as a message."""
        unit = xml.signature_fields(self.document.unit_element)
        whole = xml.assemble(self.document.signed, self.document.unit_element, None)
        return Upload(self.code, self.number, self.serial, whole, unit.value, unit.time, unit.serial_hex, self.related)


class Exchange:
    """The exchange of one process with one finance account; safe for many threads."""

    def __init__(
        self, client: FinanceClient, trust: Trust, polls: Sequence[float] = POLLS, breaker: Breaker | None = None
    ) -> None:
        self._client = client
        self._trust = trust
        self._polls = tuple(polls)
        self._breaker = breaker or Breaker()

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Do what is next for the bill of ``task.payload["bill"]``."""
        facts = _read(services, int(task.payload["bill"]))
        if facts is None:
            return Dead("没有这张票据")
        if facts.supervised:
            return Done()
        if facts.related and not facts.related_supervised:
            return Retry("红票的原票尚未监制，等待原票")
        if pause := self._breaker.wait():
            return Retry("财政系统连续无应答，暂停联系", pause)
        if facts.queued:
            outcome = self._ask(services, task, facts)
            if outcome is not None:
                return outcome
        return self._upload(services, task, facts)

    def _upload(self, services: Services, task: Task, facts: _Facts) -> Outcome:
        bill = facts.upload()
        attempt = message_log.begin(services.database, facts.bill_id, bill.message_no, self._client.new_message_id)
        try:
            answer = self._client.upload(bill, attempt.message_id)
        except FinanceAway as away:
            return self._away(services, task, attempt, away)
        self._breaker.succeeded()
        return self._conclude(services, facts, attempt, answer)

    def _ask(self, services: Services, task: Task, facts: _Facts) -> Outcome | None:
        """9302; ``None`` when finance does not know the bill (any more), so that it is uploaded again."""
        attempt = message_log.begin(services.database, facts.bill_id, RESULT, self._client.new_message_id)
        try:
            answer = self._client.result(facts.code, facts.number, facts.check_code, attempt.message_id)
        except FinanceAway as away:
            return self._away(services, task, attempt, away)
        self._breaker.succeeded()
        if isinstance(answer, Rejected) and answer.code == Result.BILL_UNKNOWN:
            with services.database.write() as connection:
                message_log.end(connection, attempt, "rejected", answer.code, answer.reason)
            return None
        return self._conclude(services, facts, attempt, answer)

    def _conclude(
        self, services: Services, facts: _Facts, attempt: Attempt, answer: Accepted | Queued | Rejected
    ) -> Outcome:
        if isinstance(answer, Queued):
            with services.database.write() as connection:
                message_log.end(connection, attempt, "queued", answer.code)
                _move(connection, facts.bill_id, BillState.UPLOADED)
                polls = message_log.count(connection, facts.bill_id, RESULT)
            after = self._polls[min(polls, len(self._polls) - 1)]
            return Retry("财政已接收，等待监制", after)
        if isinstance(answer, Rejected):
            return _refuse(services, facts, attempt, answer)
        try:
            supervised = verify(
                self._trust, facts.document.signed, facts.document.unit_element, facts.issued_at, answer
            )
        except SignatureInvalid as error:
            return _distrust(services, facts, attempt, answer, str(error))
        _accept(services, facts, attempt, answer, supervised)
        return Done()

    def _away(self, services: Services, task: Task, attempt: Attempt, away: FinanceAway) -> Outcome:
        if self._breaker.failed():
            _log.error("fiscal.finance_away", code=away.code, reason=away.reason)
        with services.database.write() as connection:
            message_log.end(connection, attempt, "failed", away.code, away.reason)
        usual = tasks.BACK_OFF[min(task.attempts, len(tasks.BACK_OFF)) - 1]
        return Retry(away.reason, min(float(usual), LONGEST_RETRY))


def upload_bill(services: Services, task: Task) -> Outcome:
    """Do an upload task with the installation's settings; see :class:`Exchange`."""
    settings = services.settings
    if not settings.finance:
        return Retry("没有配置财政接口地址 QUPIAO_FINANCE_URL", UNCONFIGURED_RETRY)
    account = (settings.finance, settings.finance_app_id, settings.finance_app_key, settings.finance_timeout)
    return _exchange(*account, settings.data_dir / "keys")(services, task)


@lru_cache(maxsize=4)
def _exchange(url: str, app_id: str, app_key: str, timeout: float, keys: Path) -> Exchange:
    return Exchange(FinanceClient(url, app_id, app_key, timeout), Trust.load(keys))


def send_again(services: Services, actor: str) -> int:
    """Queue every given-up upload again (after a cure: key, certificate, catalogue); returns how many.

    Tasks that an earlier version wrote carry the plain name of the event.
    """
    with services.database.write() as connection:
        revived = connection.execute(
            update(OUTBOX_TASK)
            .where(OUTBOX_TASK.c.topic.in_((TOPIC, BILL_ISSUED.name)), OUTBOX_TASK.c.state == "dead")
            .values(state="pending", due_at=now(), finished_at=None, attempts=0)
        ).rowcount
        if revived:
            audit.record(connection, Actor(actor), "bill.sent_again", ("outbox", TOPIC), {"count": revived})
    return int(revived)


def _read(services: Services, bill_id: int) -> _Facts | None:
    original, of_original = BILL.alias("original"), SUPERVISION.alias("of_original")
    with services.database.read() as connection:
        row = connection.execute(
            select(
                BILL,
                original.c.bill_code.label("original_code"),
                original.c.number.label("original_number"),
                of_original.c.bill_id.label("original_supervised"),
                SUPERVISION.c.bill_id.label("supervised"),
            )
            .select_from(
                BILL.outerjoin(SUPERVISION, SUPERVISION.c.bill_id == BILL.c.id)
                .outerjoin(original, original.c.id == BILL.c.red_of_id)
                .outerjoin(of_original, of_original.c.bill_id == original.c.id)
            )
            .where(BILL.c.id == bill_id)
        ).one_or_none()
        if row is None:
            return None
        document = stored_document(services, connection, bill_id)
        state = BillState(row.state)
        queued = state is BillState.UPLOADED or (
            state is BillState.REVERSED and message_log.queued(connection, bill_id)
        )
    return _Facts(
        bill_id=bill_id,
        code=row.bill_code,
        number=f"{row.number:010d}",
        check_code=row.check_code,
        serial=row.serial,
        issued_at=row.issued_at,
        supervised=row.supervised is not None,
        queued=queued,
        related=(row.original_code, f"{row.original_number:010d}") if row.red_of_id else None,
        related_supervised=row.original_supervised is not None,
        document=document,
    )


def _move(connection: Connection, bill_id: int, state: BillState) -> None:
    """Move the bill if that is a legal step; one reversed meanwhile stays so. Holds the bill's row to the commit."""
    old = BillState(connection.execute(select(BILL.c.state).where(BILL.c.id == bill_id).with_for_update()).scalar_one())
    if may_move(old, state):
        connection.execute(update(BILL).where(BILL.c.id == bill_id).values(state=state.value, state_at=now()))


def _accept(services: Services, facts: _Facts, attempt: Attempt, answer: Accepted, supervised: Supervised) -> None:
    with services.database.write() as connection:
        message_log.end(connection, attempt, "duplicate" if answer.duplicate else "supervised", answer.code)
        _move(connection, facts.bill_id, BillState.SUPERVISED)
        if _known(connection, facts.bill_id, supervised):  # another worker was quicker
            return
        connection.execute(
            insert(SUPERVISION).values(
                bill_id=facts.bill_id,
                element=supervised.element,
                certificate_serial=supervised.certificate_serial,
                supervised_at=supervised.at,
                facts={"seal": dict(answer.seal), "message_id": attempt.message_id},
            )
        )
        details: dict[str, Any] = {"message_id": attempt.message_id, "duplicate": answer.duplicate}
        audit.record(connection, Actor(ACTOR), "bill.supervised", ("bill", facts.bill_id), details)
        publish(connection, BILL_SUPERVISED, facts.bill_id, {"bill": facts.bill_id})
        _call_red(connection, facts.bill_id)


def _call_red(connection: Connection, bill_id: int) -> None:
    """The red bill of this one, where it waits, may be uploaded now."""
    red_id = connection.scalar(select(BILL.c.id).where(BILL.c.red_of_id == bill_id))
    if red_id is not None:
        connection.execute(
            update(OUTBOX_TASK)
            .where(
                OUTBOX_TASK.c.key.in_((f"{TOPIC}:{red_id}", f"{BILL_ISSUED.name}:{red_id}")),
                OUTBOX_TASK.c.state == "pending",
                OUTBOX_TASK.c.leased_by == "",
            )
            .values(due_at=now())
        )


def _known(connection: Connection, bill_id: int, supervised: Supervised) -> bool:
    """Whether the bill has its supervision already; a different one is made known."""
    stored = connection.scalar(select(SUPERVISION.c.element).where(SUPERVISION.c.bill_id == bill_id))
    if stored is None:
        return False
    if stored != supervised.element:  # finance has supervised one bill twice: somebody must know
        details = {"certificate": supervised.certificate_serial, "at": supervised.at.isoformat()}
        audit.record(connection, Actor(ACTOR), "bill.supervised_twice", ("bill", bill_id), details)
        _log.error("fiscal.supervised_twice", bill=bill_id)
    return True


def _refuse(services: Services, facts: _Facts, attempt: Attempt, answer: Rejected) -> Outcome:
    """Data and conflict refuse the bill; identity and stock only stop the upload. Both wait for a person."""
    about_content = answer.code.startswith("2") or answer.code == Result.DUPLICATE_OTHER
    reason = _without_names(facts, answer.reason)
    with services.database.write() as connection:
        message_log.end(connection, attempt, "rejected", answer.code, reason)
        if about_content:
            _move(connection, facts.bill_id, BillState.REFUSED)
        action = "bill.refused" if about_content else "bill.upload_stopped"
        details = {"code": answer.code, "reason": reason, "message_id": attempt.message_id}
        audit.record(connection, Actor(ACTOR), action, ("bill", facts.bill_id), details)
    return Dead(f"{answer.code} {reason}")


def _distrust(services: Services, facts: _Facts, attempt: Attempt, answer: Accepted, reason: str) -> Outcome:
    """Finance has the bill, but its signature does not hold: kept as uploaded, never shown as supervised."""
    with services.database.write() as connection:
        message_log.end(connection, attempt, "unverified", answer.code, reason)
        _move(connection, facts.bill_id, BillState.UPLOADED)
        details = {"reason": reason, "message_id": attempt.message_id}
        audit.record(connection, Actor(ACTOR), "bill.supervision_invalid", ("bill", facts.bill_id), details)
    return Dead(f"监制签名无效：{reason}")


def _without_names(facts: _Facts, reason: str) -> str:
    """Remove the payer, whom finance may quote, and long numbers from its text: logs hold no personal data."""
    payer = xml.read(facts.document.signed).payer
    if payer.name:
        reason = reason.replace(payer.name, _HIDDEN)
    return _LONG_NUMBER.sub(_HIDDEN, reason)
