"""Reports to finance of paper forms, their end (9305, 9306), and of void numbers (9304).

The paper forms of a bill are reported in their order, and only when finance knows the bill: it cannot mark a bill that
it has not supervised, and a second form is right only after the first one's end.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.fiscal.stock import refusal
from portal.fiscal.units import agency
from portal.models.tables import BILL, PAPER_BILL, SUPERVISION
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.providers.finance.link import FinanceLink
from portal.providers.finance.messages import PaperEnd, PaperExchange, VoidNumbers
from portal.stock.documents.facts import VoidFacts, document

_PAPER = (
    select(
        PAPER_BILL,
        BILL.c.bill_code,
        BILL.c.number.label("bill_number"),
        SUPERVISION.c.bill_id.is_not(None).label("supervised"),
    )
    .select_from(
        PAPER_BILL.join(BILL, BILL.c.id == PAPER_BILL.c.bill_id).outerjoin(
            SUPERVISION, SUPERVISION.c.bill_id == BILL.c.id
        )
    )
    .order_by(PAPER_BILL.c.exchanged_at, PAPER_BILL.c.id)
)

Report = PaperExchange | PaperEnd


def report_paper(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Report the paper forms of the bill of ``task.payload["bill"]`` and their ends, one after the other."""
    with services.database.read() as connection:
        reports = due(connection, int(task.payload["bill"]))
    if reports is None:
        return Retry("票据尚未监制，换开情况待监制后上报")
    for report in reports:
        reply = link.ask(services.database, report)
        if not reply.done:
            return Dead(refusal(reply))
        with services.database.write() as connection:
            _mark_reported(connection, report)
    return Done()


def due(connection: Connection, bill_id: int) -> list[Report] | None:
    """List the reports that finance lacks about a bill's paper forms, in order; ``None`` while it does not know the
    bill."""
    rows = connection.execute(_PAPER.where(PAPER_BILL.c.bill_id == bill_id)).all()
    if rows and not rows[0].supervised:
        return None
    reports: list[Report] = []
    for row in rows:
        form = (row.id, row.bill_code, row.bill_number, row.paper_code, row.number)
        if row.told_at is None:
            reports.append(PaperExchange(*form, row.operator, row.exchanged_at))
        if row.ended_at is not None and row.end_told_at is None:
            reports.append(PaperEnd(*form, row.ended_by, row.ended_at, row.ended_reason))
    return reports


def _mark_reported(connection: Connection, report: Report) -> None:
    column = PAPER_BILL.c.told_at if isinstance(report, PaperExchange) else PAPER_BILL.c.end_told_at
    connection.execute(update(PAPER_BILL).where(PAPER_BILL.c.id == report.paper_id).values({column: now()}))


def report_void(services: Services, task: Task, link: FinanceLink) -> Outcome:
    """Report the numbers of a void document (库存作废, 空白票报损) that is done."""
    unit_id, no = task.payload["unit"], task.payload["no"]
    with services.database.read() as connection:
        row = document(connection, VoidFacts, unit_id, no)
        code = agency(connection, unit_id)
    operator, at = row.decided_name or row.made_name, row.decided_at or row.made_at
    numbers = VoidNumbers(code, row.no, row.bill_code, row.first, row.last, operator, at, row.reason)
    reply = link.ask(services.database, numbers)
    return Done() if reply.done else Dead(refusal(reply))
