"""Upload of bills to finance and their supervision (监制): finance's part of the event ``bill.issued``.

One task drives a bill to the end, however often it is called: upload (9301/9303), and while finance has it queued, ask
(9302) on a schedule. No database connection is held while finance is spoken to. Repeating is safe because finance
answers the same bill with the same signature (4001), and seen because every message has its row in ``finance_message``.

A bill may be reversed before finance has seen it: its upload goes on all the same, and its red bill waits here until
the original is supervised, since finance knows no red bill of an unknown one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Connection, insert, select, update

from portal import audit
from portal.access import stopped_tasks as stopped
from portal.core.clock import now
from portal.core.crypto.cms import SignatureInvalid
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.bills import BillState, may_move
from portal.fiscal.supervision import Trust, VerifiedSupervision, verify
from portal.issuing.events import BILL_ISSUED
from portal.ledger.bills import StoredDocument, lock_bill, stored_document
from portal.models.tables import BILL, OUTBOX_TASK, SUPERVISION
from portal.outbox import tasks
from portal.outbox.events import event, publish
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.providers.finance import message_log
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.message_log import Attempt
from portal.providers.finance.messages import (
    FinanceAway,
    ResultQuery,
    SupervisionAnswer,
    SupervisionGiven,
    SupervisionQueued,
    SupervisionRefused,
    Upload,
    supervision,
)
from portal.providers.finance.result_codes import ResultCode
from portal.rendering import xml

TOPIC = BILL_ISSUED.to("finance")
BILL_SUPERVISED = event("bill.supervised")
ACTOR = "worker:fiscal"
POLLS = (60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds until an uploaded bill is asked for the first, second, … time; the last repeats."""
LONGEST_RETRY = 60.0

_HIDDEN = "＊＊"
_LONG_NUMBER = re.compile(r"[0-9]{11,}[Xx]?")
"""Identity and phone numbers; bill numbers are shorter."""

_log = structlog.get_logger("qupiao.fiscal")


@dataclass(frozen=True, slots=True)
class _BillToUpload:
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
        """Write the message that uploads the bill."""
        unit = xml.signature_fields(self.document.unit_element)
        whole = xml.assemble(self.document.signed, self.document.unit_element, None)
        return Upload(self.code, self.number, self.serial, whole, unit.value, unit.time, unit.serial_hex, self.related)

    def query(self) -> ResultQuery:
        """Ask whether the bill has been supervised."""
        return ResultQuery(self.code, self.number, self.check_code)


@dataclass(frozen=True, slots=True)
class Rules:
    """Whose supervision counts, and the seconds until an uploaded bill is asked for the first, second, … time."""

    trust: Trust
    polls: tuple[float, ...] = POLLS


def upload(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Bring the bill of ``task.payload["bill"]`` to its supervision by the rules of the installation."""
    return supervise(services, task, link, _rules(services.settings.data_dir / "keys"))


@lru_cache(maxsize=4)
def _rules(keys: Path) -> Rules:
    return Rules(Trust.load(keys))


def supervise(services: Services, task: Task, link: FinanceLink, rules: Rules) -> Outcome:
    """Do what is next for the bill of ``task.payload["bill"]``. Raises FinanceAway while finance is left alone."""
    bill = _read(services, int(task.payload["bill"]))
    if bill is None:
        return Dead("没有这张票据")
    if bill.supervised:
        return Done()
    if bill.related and not bill.related_supervised:
        return Retry("红票的原票尚未监制，等待原票")
    link.check()
    try:
        if bill.queued and (outcome := _ask(services, bill, link, rules)) is not None:
            return outcome
        attempt, reply = link.send(services.database, bill.upload(), bill.bill_id)
    except FinanceAway as away:
        usual = tasks.BACK_OFF[min(task.attempts, len(tasks.BACK_OFF)) - 1]
        return Retry(away.reason, min(float(usual), LONGEST_RETRY))
    return _conclude(services, bill, rules, attempt, supervision(reply), link)


def _ask(services: Services, bill: _BillToUpload, link: FinanceLink, rules: Rules) -> Outcome | None:
    """Ask for a bill that finance has queued; ``None`` when finance does not know it, so that it is uploaded again."""
    attempt, reply = link.send(services.database, bill.query(), bill.bill_id)
    answer = supervision(reply)
    if isinstance(answer, SupervisionRefused) and answer.code == ResultCode.BILL_UNKNOWN:
        with services.database.write() as connection:
            message_log.end(connection, attempt, "rejected", answer.code, answer.reason)
        return None
    return _conclude(services, bill, rules, attempt, answer, link)


def _conclude(
    services: Services,
    bill: _BillToUpload,
    rules: Rules,
    attempt: Attempt,
    answer: SupervisionAnswer,
    link: FinanceLink,
) -> Outcome:
    if isinstance(answer, SupervisionQueued):
        with services.database.write() as connection:
            message_log.end(connection, attempt, "queued", answer.code)
            _move(connection, bill.bill_id, BillState.UPLOADED)
            polls = message_log.count(connection, bill.bill_id, link.number(bill.query()))
        return Retry("财政已接收，等待监制", rules.polls[min(polls, len(rules.polls) - 1)])
    if isinstance(answer, SupervisionRefused):
        return _refuse(services, bill, attempt, answer)
    try:
        supervised = verify(rules.trust, bill.document.signed, bill.document.unit_element, bill.issued_at, answer)
    except SignatureInvalid as error:
        return _distrust(services, bill, attempt, answer, str(error))
    _accept(services, bill, attempt, answer, supervised)
    return Done()


def send_again(services: Services, actor: str) -> int:
    """Queue every given-up upload again after a cure (key, certificate, catalogue); returns how many.

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


def _tasks_of(bill_id: int) -> ColumnElement[bool]:
    """Return the condition that a task is the upload of a bill; those of an earlier version bear the event's name."""
    return OUTBOX_TASK.c.key.in_((f"{TOPIC}:{bill_id}", f"{BILL_ISSUED.name}:{bill_id}"))


def stopped_upload(connection: Connection, bill_id: int) -> str | None:
    """Return why the upload of a bill has stopped; None while it goes on or when it is done."""
    reason = select(OUTBOX_TASK.c.last_error).where(_tasks_of(bill_id), stopped.IS_STOPPED).limit(1)
    return connection.scalar(reason)


def upload_again(services: Services, actor: Actor, bill_id: int) -> None:
    """Upload a bill again whose upload has stopped, once its cause is cured. Raises BILL_NOT_FOUND, NOTHING_STOPPED."""

    def work(connection: Connection) -> None:
        bill = lock_bill(connection, bill_id)
        if bill.unit_id != actor.unit_id:
            raise Refusal("BILL_NOT_FOUND")
        if not stopped.again_on(connection, actor, _tasks_of(bill_id)):
            raise Refusal("NOTHING_STOPPED", bill=str(bill.pair))
        audit.record(connection, actor, "bill.sent_again", ("bill", bill_id))

    services.database.act(work)


def _read(services: Services, bill_id: int) -> _BillToUpload | None:
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
    return _BillToUpload(
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
    """Move the bill if that is a legal step; a bill reversed meanwhile stays so. Locks the bill's row to the commit."""
    old = BillState(connection.execute(select(BILL.c.state).where(BILL.c.id == bill_id).with_for_update()).scalar_one())
    if may_move(old, state):
        connection.execute(update(BILL).where(BILL.c.id == bill_id).values(state=state.value, state_at=now()))


def _accept(
    services: Services,
    bill: _BillToUpload,
    attempt: Attempt,
    answer: SupervisionGiven,
    supervised: VerifiedSupervision,
) -> None:
    with services.database.write() as connection:
        message_log.end(connection, attempt, "duplicate" if answer.duplicate else "supervised", answer.code)
        _move(connection, bill.bill_id, BillState.SUPERVISED)
        if _supervised_already(connection, bill.bill_id, supervised):  # another worker was quicker
            return
        connection.execute(
            insert(SUPERVISION).values(
                bill_id=bill.bill_id,
                element=supervised.element,
                certificate_serial=supervised.certificate_serial,
                supervised_at=supervised.at,
                facts={"seal": dict(answer.seal), "message_id": attempt.message_id},
            )
        )
        details: dict[str, object] = {"message_id": attempt.message_id, "duplicate": answer.duplicate}
        audit.record(connection, Actor(ACTOR), "bill.supervised", ("bill", bill.bill_id), details)
        publish(connection, BILL_SUPERVISED, bill.bill_id, {"bill": bill.bill_id})
        _call_red(connection, bill.bill_id)


def _call_red(connection: Connection, bill_id: int) -> None:
    """Let a red bill that waits for this original be uploaded now."""
    red_id = connection.scalar(select(BILL.c.id).where(BILL.c.red_of_id == bill_id))
    if red_id is not None:
        connection.execute(
            update(OUTBOX_TASK)
            .where(
                _tasks_of(red_id),
                OUTBOX_TASK.c.state == "pending",
                OUTBOX_TASK.c.leased_by == "",
            )
            .values(due_at=now())
        )


def _supervised_already(connection: Connection, bill_id: int, supervised: VerifiedSupervision) -> bool:
    """Say whether the bill has its supervision already; a different second supervision is audited."""
    stored = connection.scalar(select(SUPERVISION.c.element).where(SUPERVISION.c.bill_id == bill_id))
    if stored is None:
        return False
    if stored != supervised.element:  # finance has supervised one bill twice: somebody must know
        details = {"certificate": supervised.certificate_serial, "at": supervised.at.isoformat()}
        audit.record(connection, Actor(ACTOR), "bill.supervised_twice", ("bill", bill_id), details)
        _log.error("fiscal.supervised_twice", bill=bill_id)
    return True


def _refuse(services: Services, bill: _BillToUpload, attempt: Attempt, answer: SupervisionRefused) -> Outcome:
    """Refuse the bill for its data or a conflict, else only stop the upload. Both wait for a person."""
    about_content = answer.code.startswith("2") or answer.code == ResultCode.DUPLICATE_OTHER
    reason = _without_names(bill, answer.reason)
    with services.database.write() as connection:
        message_log.end(connection, attempt, "rejected", answer.code, reason)
        if about_content:
            _move(connection, bill.bill_id, BillState.REFUSED)
        action = "bill.refused" if about_content else "bill.upload_stopped"
        details = {"code": answer.code, "reason": reason, "message_id": attempt.message_id}
        audit.record(connection, Actor(ACTOR), action, ("bill", bill.bill_id), details)
    return Dead(f"{answer.code} {reason}")


def _distrust(
    services: Services, bill: _BillToUpload, attempt: Attempt, answer: SupervisionGiven, reason: str
) -> Outcome:
    """Keep a bill as uploaded whose supervision does not hold; it is never shown as supervised."""
    with services.database.write() as connection:
        message_log.end(connection, attempt, "unverified", answer.code, reason)
        _move(connection, bill.bill_id, BillState.UPLOADED)
        details = {"reason": reason, "message_id": attempt.message_id}
        audit.record(connection, Actor(ACTOR), "bill.supervision_invalid", ("bill", bill.bill_id), details)
    return Dead(f"监制签名无效：{reason}")


def _without_names(bill: _BillToUpload, reason: str) -> str:
    """Take the payer, whom finance may quote, and long numbers out of finance's text."""
    payer = xml.read(bill.document.signed).payer
    if payer.name:
        reason = reason.replace(payer.name, _HIDDEN)
    return _LONG_NUMBER.sub(_HIDDEN, reason)
