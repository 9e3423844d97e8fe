"""票据入库: segments from finance and opening stock: checked on arrival, in stock by confirmation (S3.1.1d–e)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.core.clock import local, now
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import ApplicationState, ReceiptState
from portal.models.tables import BILL_KIND, NUMBER_SEGMENT, STOCK_APPLICATION, STOCK_RECEIPT, UNIT
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock import alarms
from portal.stock.books import movements
from portal.stock.rows import audit, document, move, number

TOPIC = topic("stock.receipt")
HIGHEST = 9_999_999_999


@dataclass(frozen=True, slots=True)
class Granted:
    """A segment as finance says it. ``count`` is what finance counts; ``agency`` the unit it is meant for."""

    finance_id: str
    agency: str
    bill_code: str
    first: int
    last: int
    count: int
    issued_on: date | None
    apply_no: str = ""


def problems(connection: Connection, unit_id: int, granted: Granted, besides: int = 0) -> list[str]:
    """Why a segment cannot come into stock, in Chinese; empty when it can (features §3.2).

    ``besides``: the receipt that is being looked at, which does not overlap itself.
    """
    found = []
    unit = connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one()
    if granted.agency != unit.credit_code:
        found.append(f"单位不符：号段属于 {granted.agency}，本单位是 {unit.credit_code}")
    if not 0 <= granted.first <= granted.last <= HIGHEST:
        found.append("起止号不正确")
    elif granted.count != granted.last - granted.first + 1:
        found.append(f"份数不符：号段有 {granted.last - granted.first + 1} 份，财政记 {granted.count} 份")
    if connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == granted.bill_code[:6])) is None:
        found.append(f"票据代码 {granted.bill_code} 不是本单位的票种")
    year = local(now()).year
    years = (year, year + 1) if granted.finance_id else (year - 1, year, year + 1)  # opening stock may be last year's
    if granted.bill_code[6:] not in {f"{each % 100:02d}" for each in years}:
        found.append(f"年度不符：票据代码 {granted.bill_code} 不是本年度或下一年度")
    found += _overlaps(connection, granted, besides)
    return found


def _overlaps(connection: Connection, granted: Granted, besides: int) -> list[str]:
    mine, first, last = granted.bill_code, granted.first, granted.last
    over = connection.execute(
        select(NUMBER_SEGMENT.c.first, NUMBER_SEGMENT.c.last).where(
            NUMBER_SEGMENT.c.bill_code == mine, NUMBER_SEGMENT.c.first <= last, NUMBER_SEGMENT.c.last >= first
        )
    ).first()
    over = (
        over
        or connection.execute(
            select(STOCK_RECEIPT.c.first, STOCK_RECEIPT.c.last).where(
                STOCK_RECEIPT.c.bill_code == mine,
                STOCK_RECEIPT.c.first <= last,
                STOCK_RECEIPT.c.last >= first,
                STOCK_RECEIPT.c.state == ReceiptState.WAITING,
                STOCK_RECEIPT.c.id != besides,
            )
        ).first()
    )
    return [f"与已有号段 {number(over.first)}–{number(over.last)} 重叠"] if over else []


def arrive(connection: Connection, unit_id: int, granted: Granted) -> str | None:
    """Take in one segment from finance; the receipt's number, or ``None`` when it is known already (by its id).

    A segment with a problem is refused at once, with an alarm; a good one waits for its confirmation.
    """
    known = select(STOCK_RECEIPT.c.id).where(
        STOCK_RECEIPT.c.unit_id == unit_id, STOCK_RECEIPT.c.finance_id == granted.finance_id
    )
    if connection.scalar(known) is not None:
        return None
    application = _application(connection, unit_id, granted.apply_no)
    found = problems(connection, unit_id, granted)
    no = _write(
        connection, unit_id, granted, "application" if application else "push", found, "worker:stock", application
    )
    if found:
        words = f"财政下发的号段 {granted.bill_code} {number(granted.first)}–{number(granted.last)} 已拒收："
        alarms.raise_alarm(connection, unit_id, "segment", no, words + "；".join(found))
        _tell(connection, unit_id, no)
    elif application is not None:
        issuable = (ApplicationState.REPORTED, ApplicationState.REVIEWING, ApplicationState.WITHDRAWING,
                    ApplicationState.APPROVED)  # fmt: skip
        connection.execute(
            update(STOCK_APPLICATION)
            .where(STOCK_APPLICATION.c.id == application.id, STOCK_APPLICATION.c.state.in_(issuable))
            .values(state=ApplicationState.ISSUED)
        )
    return no


def _application(connection: Connection, unit_id: int, apply_no: str) -> Any:
    if not apply_no:
        return None
    return connection.execute(
        select(STOCK_APPLICATION).where(
            STOCK_APPLICATION.c.unit_id == unit_id, STOCK_APPLICATION.c.no == apply_no.split("-")[0]
        )
    ).one_or_none()


def opening(connection: Connection, actor: Actor, bill_code: str, first: int, last: int) -> str:
    """期初库存: unused numbers that the unit had before this platform; another person confirms them.

    Raises Refusal SEGMENT_UNUSABLE.
    """
    agency = connection.scalar(select(UNIT.c.credit_code).where(UNIT.c.id == actor.unit_id)) or ""
    granted = Granted("", agency, bill_code, first, last, last - first + 1, None)
    if found := problems(connection, actor.unit_id, granted):
        raise Refusal("SEGMENT_UNUSABLE", problems="；".join(found))
    no = _write(connection, actor.unit_id, granted, "opening", [], actor.label, None)
    details = {"code": bill_code, "first": first, "last": last}
    audit(connection, actor, "stock.opening_entered", no, details)
    return no


def _write(
    connection: Connection,
    unit_id: int,
    granted: Granted,
    source: str,
    found: list[str],
    made_by: str,
    application: Any,
) -> str:
    no = movements.next_no(connection, "QC" if source == "opening" else "RK")
    moment = now()
    connection.execute(
        insert(STOCK_RECEIPT),
        {
            "unit_id": unit_id,
            "no": no,
            "source": source,
            "application_id": application.id if application is not None else None,
            "finance_id": granted.finance_id or None,
            "agency": granted.agency[:20],
            "bill_code": granted.bill_code[:8],
            "kind_id": connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == granted.bill_code[:6])),
            "first": granted.first,
            "last": granted.last,
            "count": granted.count,
            "issued_on": granted.issued_on,
            "state": ReceiptState.REFUSED if found else ReceiptState.WAITING,
            "problem": "；".join(found)[:300],
            "arrived_at": moment,
            "made_by": made_by,
            "decided_name": "系统" if found else "",
            "decided_at": moment if found else None,
        },
    )
    return no


def confirm(connection: Connection, actor: Actor, no: str) -> int:
    """确认入库: stock grows by exactly the segment; returns its id. Finance is told (9204).

    Everything is checked again; the database refuses an overlap whoever comes first. Raises Refusal
    DOCUMENT_UNKNOWN, DOCUMENT_STATE, SEGMENT_UNUSABLE, SECOND_PERSON (opening stock confirmed by who entered it).
    """
    row = document(connection, STOCK_RECEIPT, actor.unit_id, no, lock=True)
    if row.source == "opening" and row.made_by == actor.label:
        raise Refusal("SECOND_PERSON", no=no)
    if row.state != ReceiptState.WAITING:
        raise Refusal("DOCUMENT_STATE", no=no, state=ReceiptState(row.state).title)
    granted = Granted(row.finance_id or "", row.agency, row.bill_code, row.first, row.last, row.count, row.issued_on)
    if found := problems(connection, actor.unit_id, granted, besides=row.id):
        raise Refusal("SEGMENT_UNUSABLE", problems="；".join(found))
    moment = now()
    segment = {
        "unit_id": row.unit_id,
        "kind_id": row.kind_id,
        "bill_code": row.bill_code,
        "first": row.first,
        "last": row.last,
        "received_at": moment,
    }
    try:
        with connection.begin_nested():
            segment_id = int(
                connection.execute(insert(NUMBER_SEGMENT).returning(NUMBER_SEGMENT.c.id), segment).scalar_one()
            )
    except IntegrityError as error:  # an overlapping one was confirmed at the same moment
        raise Refusal("SEGMENT_UNUSABLE", problems="与已有号段重叠") from error
    move(
        connection, STOCK_RECEIPT, row, ReceiptState, (ReceiptState.WAITING,),
        state=ReceiptState.CONFIRMED, segment_id=segment_id, decided_name=actor.name, decided_at=moment,
    )  # fmt: skip
    movements.record(connection, "receipt", segment_id, row.bill_code, row.first, row.last, no, actor, at=moment)
    _close_application(connection, row)
    audit(connection, actor, "stock.received", no, {"code": row.bill_code, "first": row.first, "last": row.last})
    if row.finance_id:
        _tell(connection, row.unit_id, no)
    return segment_id


def _close_application(connection: Connection, row: Any) -> None:
    """An application is received when none of its segments waits any more."""
    if row.application_id is None:
        return
    waiting = select(STOCK_RECEIPT.c.id).where(
        STOCK_RECEIPT.c.application_id == row.application_id, STOCK_RECEIPT.c.state == ReceiptState.WAITING
    )
    if connection.scalar(waiting) is None:
        connection.execute(
            update(STOCK_APPLICATION)
            .where(STOCK_APPLICATION.c.id == row.application_id, STOCK_APPLICATION.c.state == ApplicationState.ISSUED)
            .values(state=ApplicationState.RECEIVED)
        )


def refuse(connection: Connection, actor: Actor, no: str, reason: str) -> None:
    """拒收 by a person; finance is told (9204 with 0).

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, FIELD_INVALID.
    """
    if not reason.strip():
        raise Refusal("FIELD_INVALID", problems="拒收原因必填")
    row = document(connection, STOCK_RECEIPT, actor.unit_id, no, lock=True)
    move(
        connection, STOCK_RECEIPT, row, ReceiptState, (ReceiptState.WAITING,),
        state=ReceiptState.REFUSED, problem=reason.strip()[:300], decided_name=actor.name, decided_at=now(),
    )  # fmt: skip
    audit(connection, actor, "stock.receipt_refused", no, {"reason": reason.strip()})
    if row.finance_id:
        _tell(connection, row.unit_id, no)


def told(connection: Connection, receipt_id: int) -> None:
    """Finance knows of the confirmation or refusal."""
    connection.execute(update(STOCK_RECEIPT).where(STOCK_RECEIPT.c.id == receipt_id).values(told_at=now()))


def _tell(connection: Connection, unit_id: int, no: str) -> None:
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": unit_id, "no": no})
