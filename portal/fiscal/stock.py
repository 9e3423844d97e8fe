"""The stock's exchange with finance: applications, segments, confirmations, returns, comparison (9201–9207).

Every function may be repeated: finance answers by our keys (ApplyNo, segment id, return number), and what it says is
taken in once. No database connection is held while finance is spoken to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert

from portal.core.clock import business_day, now
from portal.core.services import Services
from portal.domain.states.stock import AlarmRule, ReceiptState
from portal.fiscal.units import agencies, agency, worker
from portal.models.tables import STOCK_RECONCILE
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.outbox.topics import topic
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.messages import (
    ApplicationQuery,
    Content,
    NumberApplication,
    NumberReturn,
    Reply,
    ReturnDecision,
    SegmentConfirmation,
    SegmentsQuery,
    StockCheck,
    StockDifference,
    StockLine,
    Withdrawal,
)
from portal.providers.finance.result_codes import ResultCode
from portal.stock import alarms, balances
from portal.stock.documents import applications, receipts, returns
from portal.stock.documents.facts import ApplicationFacts, ReceiptFacts, ReturnFacts, document

POLL_TOPIC, CHECK_TOPIC = topic("stock.poll"), topic("stock.reconcile")
SINCE = timedelta(days=31)
"""How far back granted segments are asked for again."""
RETURN_POLL = 600.0
"""Seconds between two questions whether finance has decided on a return."""


def apply(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Bring an application to finance (9201)."""
    unit_id, no, revision = task.payload["unit"], task.payload["no"], task.payload["revision"]
    report = applications.Report(no, revision)
    row = applications.send(services, worker(unit_id), report)
    if row is None:
        return Done()
    with services.database.read() as connection:
        code = agency(connection, unit_id)
    application = NumberApplication(code, row.apply_no, row.bill_code, row.quantity, row.reason)
    reply = link.ask(services.database, application)
    words = refusal(reply)
    review = applications.Review("0" if reply.done else "2", None, "" if reply.done else words, "")
    applications.review(services, worker(unit_id), report, review)
    return Done() if reply.done else Dead(words)


def withdraw(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Take an application back, if finance has not acted (9207)."""
    unit_id, no, revision = task.payload["unit"], task.payload["no"], task.payload["revision"]
    with services.database.read() as connection:
        row = document(connection, ApplicationFacts, unit_id, no)
        code = agency(connection, unit_id)
    reply = link.ask(services.database, Withdrawal(code, row.apply_no))
    # Unknown there: the report never arrived, and an empty answer to a withdrawal is a withdrawal.
    withdrawn = reply.done or reply.code == ResultCode.APPLICATION_UNKNOWN
    applications.end_withdrawal(services, worker(unit_id), applications.Report(no, revision), withdrawn)
    return Done()


def confirm(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Tell finance of a confirmed or refused segment (9204)."""
    with services.database.read() as connection:
        row = document(connection, ReceiptFacts, task.payload["unit"], task.payload["no"])
    if row.told_at is not None or row.finance_id is None:
        return Done()
    count = row.count if row.state == ReceiptState.CONFIRMED else 0
    at = row.decided_at or now()
    reply = link.ask(services.database, SegmentConfirmation(row.finance_id, count, row.decided_name, at, row.problem))
    if not reply.done:
        return Dead(refusal(reply))
    receipts.note_told(services, row.id)
    return Done()


def give_back(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Return unused numbers; ask again until finance has decided (9205)."""
    unit_id, no = task.payload["unit"], task.payload["no"]
    with services.database.read() as connection:
        row = document(connection, ReturnFacts, unit_id, no)
        code = agency(connection, unit_id)
    reply = link.ask(services.database, NumberReturn(code, no, row.bill_code, row.first, row.last, row.reason))
    decision = reply.content or ReturnDecision("2", refusal(reply))
    if decision.status == "0":
        return Retry("等待财政审核申退", RETURN_POLL)
    returns.decide(services, worker(unit_id), returns.Answer(no, decision.status == "1", decision.opinion))
    return Done()


def poll(services: Services, _task: Task, link: FinanceLink) -> Outcome:
    """Ask for every open application (9202), then for what finance has granted meanwhile (9203)."""
    with services.database.read() as connection:
        waiting = applications.pending(connection)
        units = agencies(connection)
    for row in waiting:
        reply = link.ask(services.database, ApplicationQuery(units[row.unit_id], row.apply_no))
        if reply.content is not None:
            report = applications.Report(row.no, row.revision)
            applications.review(services, worker(row.unit_id), report, reply.content)
    for unit_id, code in units.items():
        if problem := _fetch(services, unit_id, code, link):
            return Dead(problem)
    return Done()


def _fetch(services: Services, unit_id: int, code: str, link: FinanceLink) -> str:
    """Take in the segments granted to a unit; why finance did not list them, when it did not."""
    page, seen, total = 1, 0, 1
    while seen < total:
        reply = link.ask(services.database, SegmentsQuery(code, business_day(now() - SINCE), page))
        if reply.content is None:
            return refusal(reply)
        total = reply.content.total
        for segment in reply.content.items:
            if segment.finance_id:
                receipts.arrive(services, unit_id, segment)
        if not reply.content.items:
            break
        seen, page = seen + len(reply.content.items), page + 1
    return ""


def compare(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Compare our counts with finance's (9206); a difference raises an alarm, only equality clears it."""
    if isinstance(task.payload.get("slot"), int):
        return Done()  # an earlier version asked every hour and did the work in one of them
    with services.database.read() as connection:
        units = agencies(connection)
    for unit_id, code in units.items():
        as_of = now()
        with services.database.read() as connection:
            lines = tuple(StockLine(**asdict(line)) for line in balances.for_finance(connection, unit_id))
        reply = link.ask(services.database, StockCheck(code, as_of, lines))
        if reply.content is None:
            return Dead(refusal(reply))
        with services.database.write() as connection:
            _note(connection, unit_id, as_of, reply.content)
    return Done()


def _note(connection: Connection, unit_id: int, as_of: datetime, differences: Sequence[StockDifference]) -> None:
    rows = [
        {"bill_code": each.bill_code, "item": each.item, "ours": each.ours, "theirs": each.theirs}
        for each in differences
    ]
    values = {"unit_id": unit_id, "as_of": as_of, "equal": not rows, "differences": rows}
    connection.execute(insert(STOCK_RECONCILE), values)
    if rows:
        words = f"与财政库存核对有 {len(rows)} 处不符：{rows[0]['bill_code']} {rows[0]['item']}"
        alarms.raise_alarm(connection, unit_id, AlarmRule.RECONCILE, "finance", words)
    else:
        alarms.clear(connection, unit_id, AlarmRule.RECONCILE, "finance", alarms.SYSTEM)


def refusal(reply: Reply[Content]) -> str:
    """Write why finance has refused a message, for operators."""
    return f"{reply.code} {reply.reason}"
