"""The stock's exchange with finance (9201–9207: applications, segments, confirmations, returns, comparison), what
finance hears of void numbers and sheets (9304–9306), and 9601.

Every handler may be repeated: finance answers by our keys (ApplyNo, segment id, return no.), and what it says is
taken in once. No database connection is held while finance is spoken to.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.stock import AlarmRule, ReceiptState
from portal.fiscal import bookings
from portal.fiscal import paper as sheets
from portal.issuing.paper import exchange
from portal.models.tables import (
    OUTBOX_TASK,
    STOCK_EXCHANGE,
    STOCK_RECONCILE,
    UNIT,
)
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.outbox.topics import topic
from portal.providers.breaker import Breaker
from portal.providers.finance import stock_messages as messages
from portal.providers.finance.bill_messages import Reply
from portal.providers.finance.client import FinanceAway, FinanceClient
from portal.providers.finance.envelope import EnvelopeError
from portal.providers.finance.result_codes import Result
from portal.stock import alarms, balances
from portal.stock.documents import applications, receipts, returns, voids
from portal.stock.documents.facts import ApplicationFacts, ReceiptFacts, ReturnFacts, VoidFacts, document

POLL_TOPIC, CHECK_TOPIC = topic("stock.poll"), topic("stock.reconcile")
BOOKINGS_TOPIC = topic("bill.bookings")
SINCE = timedelta(days=31)
BOOKED_AGAIN, YEARS = timedelta(days=3), timedelta(days=3650)
"""What 9601 asks for again although it was answered; what the first run asks for."""
UNCONFIGURED_RETRY = 600.0
RETURN_POLL = 600.0

_log = structlog.get_logger("qupiao.fiscal")


class Unusable(Exception):
    """Finance cannot be asked now; ``outcome`` is what becomes of the task."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class StockDesk:
    """The stock's exchange of one process with one finance account; safe for many threads."""

    def __init__(self, client: FinanceClient, breaker: Breaker | None = None) -> None:
        self._client = client
        self._breaker = breaker or Breaker()

    def apply(self, services: Services, task: Task) -> Outcome:
        """9201: bring an application to finance."""
        unit_id, no, revision = task.payload["unit"], task.payload["no"], task.payload["revision"]
        report = applications.Report(no, revision)
        row = applications.send(services, _worker(unit_id), report)
        if row is None:
            return Done()
        with services.database.read() as connection:
            agency = _agency(connection, unit_id)
        voucher = messages.application(agency, row.apply_no, row.bill_code, row.quantity, row.reason)
        reply = self._ask(services, messages.APPLY, voucher, row.apply_no)
        taken = messages.done(reply)
        review = applications.Review("0" if taken else "2", None, "" if taken else _words(reply), "")
        applications.review(services, _worker(unit_id), report, review)
        return Done() if taken else Dead(_words(reply))

    def withdraw(self, services: Services, task: Task) -> Outcome:
        """9207: take an application back, if finance has not acted."""
        unit_id, no, revision = task.payload["unit"], task.payload["no"], task.payload["revision"]
        with services.database.read() as connection:
            row = document(connection, ApplicationFacts, unit_id, no)
            agency = _agency(connection, unit_id)
        key = row.apply_no
        reply = self._ask(services, messages.APPLY_WITHDRAW, messages.application_status(agency, key), key)
        # Unknown there: the report never arrived, and an empty answer to a withdrawal is a withdrawal.
        done = messages.done(reply) or reply.code == Result.APPLICATION_UNKNOWN
        applications.end_withdrawal(services, _worker(unit_id), applications.Report(no, revision), done)
        return Done()

    def confirm(self, services: Services, task: Task) -> Outcome:
        """9204: tell finance of a confirmed or refused segment."""
        with services.database.read() as connection:
            row = document(connection, ReceiptFacts, task.payload["unit"], task.payload["no"])
        if row.told_at is not None or row.finance_id is None:
            return Done()
        count = row.count if row.state == ReceiptState.CONFIRMED else 0
        at = row.decided_at or now()
        voucher = messages.stock_in(row.finance_id, count, row.decided_name, at, row.problem)
        reply = self._ask(services, messages.STOCK_IN, voucher, row.finance_id)
        if not messages.done(reply):
            return Dead(_words(reply))
        receipts.note_told(services, row.id)
        return Done()

    def give_back(self, services: Services, task: Task) -> Outcome:
        """9205: return unused numbers; asked again until finance has decided."""
        unit_id, no = task.payload["unit"], task.payload["no"]
        with services.database.read() as connection:
            row = document(connection, ReturnFacts, unit_id, no)
            agency = _agency(connection, unit_id)
        voucher = messages.give_back(agency, no, row.bill_code, row.first, row.last, row.reason)
        reply = self._ask(services, messages.GIVE_BACK, voucher, no)
        status, opinion = "2", _words(reply)
        if messages.done(reply):
            status, opinion = _read(reply, messages.read_return)
        if status == "0":
            return Retry("等待财政审核申退", RETURN_POLL)
        returns.decide(services, _worker(unit_id), returns.Answer(no, status == "1", opinion))
        return Done()

    def voided(self, services: Services, task: Task) -> Outcome:
        """9304: numbers that will never be used."""
        unit_id, no = task.payload["unit"], task.payload["no"]
        with services.database.read() as connection:
            row = document(connection, VoidFacts, unit_id, no)
            agency = _agency(connection, unit_id)
        reply = self._ask(services, sheets.VOIDED, sheets.voided(agency, row), no)
        return Done() if messages.done(reply) else Dead(_words(reply))

    def sheets(self, services: Services, task: Task) -> Outcome:
        """9305, 9306: the sheets of a bill and their ends, one after the other."""
        with services.database.read() as connection:
            due = sheets.due(connection, int(task.payload["bill"]))
        if due is None:
            return Retry("票据尚未监制，换开情况待监制后上报")
        for step in due:
            reply = self._ask(services, step.message_no, step.voucher, f"sheet:{step.sheet_id}")
            if not messages.done(reply):
                return Dead(_words(reply))
            with services.database.write() as connection:
                sheets.told(connection, step)
        return Done()

    def poll(self, services: Services, _task: Task) -> Outcome:
        """9202 for every open application, then 9203: what finance has decided and granted meanwhile."""
        with services.database.read() as connection:
            waiting = applications.pending(connection)
            units = dict(connection.execute(select(UNIT.c.id, UNIT.c.credit_code)).all())
        for row in waiting:
            key = row.apply_no
            voucher = messages.application_status(units[row.unit_id], key)
            reply = self._ask(services, messages.APPLY_STATUS, voucher, key)
            if messages.done(reply):
                report = applications.Report(row.no, row.revision)
                applications.review(services, _worker(row.unit_id), report, _read(reply, messages.read_review))
        for unit_id, agency in units.items():
            self._fetch(services, unit_id, agency)
        return Done()

    def _fetch(self, services: Services, unit_id: int, agency: str) -> None:
        page, seen, total = 1, 0, 1
        while seen < total:
            voucher = messages.segments(agency, business_day(now() - SINCE), page)
            reply = self._ask(services, messages.SEGMENTS, voucher, f"since:{page}")
            if not messages.done(reply):
                raise Unusable(Dead(_words(reply)))
            granted, total = _read(reply, messages.read_segments)
            for each in granted:
                if each.finance_id:
                    receipts.arrive(services, unit_id, each)
            if not granted:
                return
            seen, page = seen + len(granted), page + 1

    def compare(self, services: Services, task: Task) -> Outcome:
        """Compare our counts with finance's (9206); a difference raises an alarm, none clears it."""
        if isinstance(task.payload.get("slot"), int):
            return Done()  # an earlier version asked every hour and did the work in one of them
        with services.database.read() as connection:
            units = connection.execute(select(UNIT.c.id, UNIT.c.credit_code)).all()
        for unit_id, agency in units:
            moment = now()
            with services.database.read() as connection:
                lines = balances.for_finance(connection, unit_id)
            voucher = messages.stock_check(agency, moment, [messages.StockLine(**asdict(line)) for line in lines])
            reply = self._ask(services, messages.STOCK_CHECK, voucher, f"asof:{moment:%Y%m%d%H%M%S}")
            if not messages.done(reply):
                return Dead(_words(reply))
            found = _read(reply, messages.read_differences)
            with services.database.write() as connection:
                _note(connection, unit_id, moment, found)
        return Done()

    def bookings(self, services: Services, _task: Task) -> Outcome:
        """9601: which bills the payers' units have booked, or no longer have."""
        with services.database.read() as connection:
            units = connection.execute(select(UNIT.c.id, UNIT.c.credit_code)).all()
            # A run that stopped between two pages is not done, and is asked for again from where it began.
            whole = (OUTBOX_TASK.c.topic == BOOKINGS_TOPIC) & (OUTBOX_TASK.c.state == "done")
            last = connection.scalar(select(func.max(OUTBOX_TASK.c.created_at)).where(whole))
        since = (last or now() - YEARS) - BOOKED_AGAIN

        for unit_id, agency in units:

            def page(number: int, agency: str = agency) -> tuple[list[bookings.Booked], int]:
                reply = self._ask(services, bookings.PULL, bookings.voucher(agency, since, number), f"booked:{number}")
                if not messages.done(reply):
                    raise Unusable(Dead(_words(reply)))
                found: tuple[list[bookings.Booked], int] = _read(reply, bookings.read)
                return found

            bookings.take_in(services, unit_id, page)
        return Done()

    def _ask(self, services: Services, message_no: str, voucher: bytes, subject: str) -> Reply:
        """One logged message. Raises Unusable while finance is away."""
        if pause := self._breaker.wait():
            raise Unusable(Retry("财政系统连续无应答，暂停联系", pause))
        attempt = self._begin(services, message_no, subject)
        try:
            reply = self._client.ask(message_no, voucher, attempt[1])
        except FinanceAway as away:
            if self._breaker.failed():
                _log.error("fiscal.finance_away", code=away.code, reason=away.reason)
            _end(services, attempt[0], "failed", away.code, away.reason)
            raise Unusable(Retry(away.reason)) from away
        self._breaker.succeeded()
        outcome = "accepted" if reply.code == Result.OK else "duplicate" if messages.done(reply) else "rejected"
        _end(services, attempt[0], outcome, reply.code, reply.reason)
        return reply

    def _begin(self, services: Services, message_no: str, subject: str) -> tuple[int, str]:
        for _ in range(20):
            attempt = (new_id(), self._client.new_message_id())
            values = {
                "id": attempt[0],
                "message_no": message_no,
                "message_id": attempt[1],
                "subject": subject[:40],
                "sent_at": now(),
                "outcome": "sent",
                "result_code": "",
                "reason": "",
            }
            try:
                with services.database.write() as connection:
                    connection.execute(insert(STOCK_EXCHANGE), values)
            except IntegrityError:  # another process has this millisecond
                continue
            return attempt
        raise RuntimeError("no free message id")


def _end(services: Services, attempt_id: int, outcome: str, code: str, reason: str) -> None:
    values = {"answered_at": now(), "outcome": outcome, "result_code": code[:8], "reason": reason[:500]}
    with services.database.write() as connection:
        connection.execute(update(STOCK_EXCHANGE).where(STOCK_EXCHANGE.c.id == attempt_id).values(**values))


def _note(connection: Connection, unit_id: int, moment: Any, found: list[messages.StockDifference]) -> None:
    rows = [
        {"bill_code": each.bill_code, "item": each.item, "ours": each.ours, "theirs": each.theirs} for each in found
    ]
    values = {"unit_id": unit_id, "as_of": moment, "equal": not rows, "differences": rows}
    connection.execute(insert(STOCK_RECONCILE), values)
    if rows:
        words = f"与财政库存核对有 {len(rows)} 处不符：{rows[0]['bill_code']} {rows[0]['item']}"
        alarms.raise_alarm(connection, unit_id, AlarmRule.RECONCILE, "finance", words)
    else:
        alarms.clear(connection, unit_id, AlarmRule.RECONCILE, "finance", "系统")


def _agency(connection: Connection, unit_id: int) -> str:
    return str(connection.execute(select(UNIT.c.credit_code).where(UNIT.c.id == unit_id)).scalar_one())


def _worker(unit_id: int) -> Actor:
    return Actor("worker:fiscal", "财政接口", unit_id)


def _words(reply: Reply) -> str:
    return f"{reply.code} {reply.reason}"


def _read(reply: Reply, reader: Any) -> Any:
    try:
        return reader(reply.fields)
    except EnvelopeError as error:
        raise Unusable(Retry(f"财政应答无法采信：{error}")) from error


def handle(act: str) -> Any:
    """The outbox handler for one act of :class:`StockDesk`, with the installation's settings."""

    def handler(services: Services, task: Task) -> Outcome:
        settings = services.settings
        if not settings.finance:
            return Retry("没有配置财政接口地址 QUPIAO_FINANCE_URL", UNCONFIGURED_RETRY)
        desk = _desk(settings.finance, settings.finance_app_id, settings.finance_app_key, settings.finance_timeout)
        return run(desk, act, services, task)

    return handler


def run(desk: StockDesk, act: str, services: Services, task: Task) -> Outcome:
    """Do one act; finance being away is an outcome, not an error."""
    try:
        outcome: Outcome = getattr(desk, act)(services, task)
    except Unusable as unusable:
        return unusable.outcome
    return outcome


@lru_cache(maxsize=4)
def _desk(url: str, app_id: str, app_key: str, timeout: float) -> StockDesk:
    return StockDesk(FinanceClient(url, app_id, app_key, timeout))


HANDLERS = {
    applications.TOPIC: "apply",
    applications.WITHDRAW_TOPIC: "withdraw",
    receipts.TOPIC: "confirm",
    returns.TOPIC: "give_back",
    voids.TOPIC: "voided",
    exchange.TOPIC: "sheets",
    POLL_TOPIC: "poll",
    CHECK_TOPIC: "compare",
    BOOKINGS_TOPIC: "bookings",
}
"""Which act serves which topic."""
