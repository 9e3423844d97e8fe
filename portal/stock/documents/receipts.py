"""票据入库: segments from finance and opening stock: checked on arrival, in stock by confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.approvals import requests
from portal.core.clock import local, now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.numbers import NumberRun, ten_digits
from portal.domain.states.stock import PENDING, AlarmRule, ApplicationState, MovementKind, ReceiptSource, ReceiptState
from portal.models.tables import BILL_KIND, NUMBER_SEGMENT, STOCK_APPLICATION, STOCK_RECEIPT, UNIT
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.stock import alarms
from portal.stock.books import movements
from portal.stock.books.movements import Movement, Piece
from portal.stock.documents.facts import ReceiptFacts, document, move

TOPIC = topic("stock.receipt")
APPROVAL = "stock.opening"
"""The kind of the approval that opening stock waits for."""
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
    """Say in Chinese why a segment cannot come into stock; empty when it can.

    ``besides``: the receipt that is being looked at, which does not overlap itself.
    """
    reasons = []
    unit = connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one()
    if granted.agency != unit.credit_code:
        reasons.append(f"单位不符：号段属于 {granted.agency}，本单位是 {unit.credit_code}")
    if not 0 <= granted.first <= granted.last <= HIGHEST:
        reasons.append("起止号不正确")
    elif granted.count != granted.last - granted.first + 1:
        reasons.append(f"份数不符：号段有 {granted.last - granted.first + 1} 份，财政记 {granted.count} 份")
    if connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == granted.bill_code[:6])) is None:
        reasons.append(f"票据代码 {granted.bill_code} 不是本单位的票种")
    year = local(now()).year
    years = (year, year + 1) if granted.finance_id else (year - 1, year, year + 1)  # opening stock may be last year's
    if granted.bill_code[6:] not in {f"{each % 100:02d}" for each in years}:
        reasons.append(f"年度不符：票据代码 {granted.bill_code} 不是本年度或下一年度")
    reasons += _overlaps(connection, granted, besides)
    return reasons


def _overlaps(connection: Connection, granted: Granted, besides: int) -> list[str]:
    segment = connection.execute(
        select(NUMBER_SEGMENT.c.first, NUMBER_SEGMENT.c.last).where(
            NUMBER_SEGMENT.c.bill_code == granted.bill_code,
            NUMBER_SEGMENT.c.first <= granted.last,
            NUMBER_SEGMENT.c.last >= granted.first,
        )
    ).first()
    other = (
        segment
        or connection.execute(
            select(STOCK_RECEIPT.c.first, STOCK_RECEIPT.c.last).where(
                STOCK_RECEIPT.c.bill_code == granted.bill_code,
                STOCK_RECEIPT.c.first <= granted.last,
                STOCK_RECEIPT.c.last >= granted.first,
                STOCK_RECEIPT.c.state == ReceiptState.WAITING,
                STOCK_RECEIPT.c.id != besides,
            )
        ).first()
    )
    return [f"与已有号段 {ten_digits(other.first)}–{ten_digits(other.last)} 重叠"] if other else []


# --- arrival -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A receipt to be written: its segment, where it came from and through whom, what is wrong with it."""

    granted: Granted
    source: ReceiptSource
    made_by: str
    reasons: list[str]
    application_id: int | None = None


def arrive(services: Services, unit_id: int, granted: Granted) -> str | None:
    """Take in one segment from finance; returns the receipt's number, ``None`` when its id is known already.

    A segment with a problem is refused at once, with an alarm; a good one waits for its confirmation. Raises Refusal
    BUSY.
    """
    return services.database.act(lambda connection: arrive_on(connection, unit_id, granted))


def arrive_on(connection: Connection, unit_id: int, granted: Granted) -> str | None:
    """Do :func:`arrive` in the caller's transaction."""
    same = select(STOCK_RECEIPT.c.id).where(
        STOCK_RECEIPT.c.unit_id == unit_id, STOCK_RECEIPT.c.finance_id == granted.finance_id
    )
    if connection.scalar(same) is not None:
        return None
    application_id = _application_id(connection, unit_id, granted.apply_no)
    reasons = problems(connection, unit_id, granted)
    source = ReceiptSource.PUSH if application_id is None else ReceiptSource.APPLICATION
    no = _write(connection, unit_id, _Arrival(granted, source, "worker:stock", reasons, application_id))
    if reasons:
        ends = f"{ten_digits(granted.first)}–{ten_digits(granted.last)}"
        words = f"财政下发的号段 {granted.bill_code} {ends} 已拒收："
        alarms.raise_alarm(connection, unit_id, AlarmRule.SEGMENT, no, words + "；".join(reasons))
        _tell(connection, unit_id, no)
    elif application_id is not None:
        issued = update(STOCK_APPLICATION).where(
            STOCK_APPLICATION.c.id == application_id, STOCK_APPLICATION.c.state.in_(PENDING)
        )
        connection.execute(issued.values(state=ApplicationState.ISSUED))
    return no


def _application_id(connection: Connection, unit_id: int, apply_no: str) -> int | None:
    if not apply_no:
        return None
    return connection.scalar(
        select(STOCK_APPLICATION.c.id).where(
            STOCK_APPLICATION.c.unit_id == unit_id, STOCK_APPLICATION.c.no == apply_no.split("-", maxsplit=1)[0]
        )
    )


def enter_opening(services: Services, actor: Actor, run: NumberRun) -> str:
    """期初库存: enter unused numbers that the unit had before this platform, and ask a second person to agree.

    Returns the receipt's number. Raises Refusal SEGMENT_UNUSABLE, BUSY.
    """

    def work(connection: Connection) -> str:
        no = enter_opening_on(connection, actor, run)
        summary = f"期初库存入库 {run}，共 {run.count:,} 份"
        requests.request_on(
            connection, actor, requests.Request(APPROVAL, no, summary, "系统启用前未用完的号段", {"no": no})
        )
        return no

    return services.database.act(work)


def enter_opening_on(connection: Connection, actor: Actor, run: NumberRun) -> str:
    """Do :func:`enter_opening` in the caller's transaction."""
    agency = connection.scalar(select(UNIT.c.credit_code).where(UNIT.c.id == actor.unit_id)) or ""
    granted = Granted("", agency, run.bill_code, run.first, run.last, run.count, None)
    if reasons := problems(connection, actor.unit_id, granted):
        raise Refusal("SEGMENT_UNUSABLE", problems="；".join(reasons))
    no = _write(connection, actor.unit_id, _Arrival(granted, ReceiptSource.OPENING, actor.label, []))
    details = {"code": run.bill_code, "first": run.first, "last": run.last}
    audit.record(connection, actor, "stock.opening_entered", ("stock", no), details)
    return no


def _write(connection: Connection, unit_id: int, arrival: _Arrival) -> str:
    granted, reasons = arrival.granted, arrival.reasons
    no = movements.next_no(connection, "QC" if arrival.source is ReceiptSource.OPENING else "RK")
    arrived_at = now()
    connection.execute(
        insert(STOCK_RECEIPT),
        {
            "unit_id": unit_id,
            "no": no,
            "source": arrival.source,
            "application_id": arrival.application_id,
            "finance_id": granted.finance_id or None,
            "agency": granted.agency[:20],
            "bill_code": granted.bill_code[:8],
            "kind_id": connection.scalar(select(BILL_KIND.c.id).where(BILL_KIND.c.prefix == granted.bill_code[:6])),
            "first": granted.first,
            "last": granted.last,
            "count": granted.count,
            "issued_on": granted.issued_on,
            "state": ReceiptState.REFUSED if reasons else ReceiptState.WAITING,
            "problem": "；".join(reasons)[:300],
            "arrived_at": arrived_at,
            "made_by": arrival.made_by,
            "decided_name": "系统" if reasons else "",
            "decided_at": arrived_at if reasons else None,
        },
    )
    return no


# --- decision ----------------------------------------------------------------------------------------------------


def confirm(services: Services, actor: Actor, no: str) -> int:
    """确认入库: stock grows by exactly the segment; returns its id. Finance is told (9204).

    Everything is checked again; the database refuses an overlap whoever comes first. Raises Refusal
    DOCUMENT_UNKNOWN, DOCUMENT_STATE, SEGMENT_UNUSABLE, SECOND_PERSON (opening stock confirmed by who entered it),
    BUSY.
    """
    return services.database.act(lambda connection: confirm_on(connection, actor, no))


def confirm_on(connection: Connection, actor: Actor, no: str) -> int:
    """Do :func:`confirm` in the caller's transaction."""
    receipt = document(connection, ReceiptFacts, actor.unit_id, no, lock=True)
    if receipt.source == ReceiptSource.OPENING and receipt.made_by == actor.label:
        raise Refusal("SECOND_PERSON", no=no)
    if receipt.state is not ReceiptState.WAITING:
        raise Refusal("DOCUMENT_STATE", no=no, state=receipt.state.title)
    granted = Granted(
        receipt.finance_id or "",
        receipt.agency,
        receipt.bill_code,
        receipt.first,
        receipt.last,
        receipt.count,
        receipt.issued_on,
    )
    if reasons := problems(connection, actor.unit_id, granted, besides=receipt.id):
        raise Refusal("SEGMENT_UNUSABLE", problems="；".join(reasons))
    decided_at = now()
    segment_id = _add_segment(connection, receipt, decided_at)
    changes = {"segment_id": segment_id, "decided_name": actor.name, "decided_at": decided_at}
    move(connection, receipt, (ReceiptState.WAITING,), state=ReceiptState.CONFIRMED, **changes)
    piece = Piece(segment_id, receipt.first, receipt.last)
    movement = Movement(MovementKind.RECEIPT, receipt.bill_code, piece, no, at=decided_at)
    movements.record(connection, actor, movement)
    _close_application(connection, receipt)
    details = {"code": receipt.bill_code, "first": receipt.first, "last": receipt.last}
    audit.record(connection, actor, "stock.received", ("stock", no), details)
    if receipt.finance_id:
        _tell(connection, receipt.unit_id, no)
    return segment_id


def _add_segment(connection: Connection, receipt: ReceiptFacts, received_at: datetime) -> int:
    segment = {
        "unit_id": receipt.unit_id,
        "kind_id": receipt.kind_id,
        "bill_code": receipt.bill_code,
        "first": receipt.first,
        "last": receipt.last,
        "received_at": received_at,
    }
    try:
        with connection.begin_nested():
            adding = insert(NUMBER_SEGMENT).returning(NUMBER_SEGMENT.c.id)
            return int(connection.execute(adding, segment).scalar_one())
    except IntegrityError as error:  # an overlapping one was confirmed at the same moment
        raise Refusal("SEGMENT_UNUSABLE", problems="与已有号段重叠") from error


def _close_application(connection: Connection, receipt: ReceiptFacts) -> None:
    """Mark an application received when none of its segments waits any more."""
    if receipt.application_id is None:
        return
    waiting = select(STOCK_RECEIPT.c.id).where(
        STOCK_RECEIPT.c.application_id == receipt.application_id, STOCK_RECEIPT.c.state == ReceiptState.WAITING
    )
    if connection.scalar(waiting) is None:
        issued = update(STOCK_APPLICATION).where(
            STOCK_APPLICATION.c.id == receipt.application_id, STOCK_APPLICATION.c.state == ApplicationState.ISSUED
        )
        connection.execute(issued.values(state=ApplicationState.RECEIVED))


def refuse(services: Services, actor: Actor, no: str, reason: str) -> None:
    """拒收 by a person; finance is told (9204 with 0).

    Raises Refusal DOCUMENT_UNKNOWN, DOCUMENT_STATE, FIELD_INVALID, BUSY.
    """
    services.database.act(lambda connection: refuse_on(connection, actor, no, reason))


def refuse_on(connection: Connection, actor: Actor, no: str, reason: str) -> None:
    """Do :func:`refuse` in the caller's transaction."""
    if not reason.strip():
        raise Refusal("FIELD_INVALID", problems="拒收原因必填")
    receipt = document(connection, ReceiptFacts, actor.unit_id, no, lock=True)
    changes = {"problem": reason.strip()[:300], "decided_name": actor.name, "decided_at": now()}
    move(connection, receipt, (ReceiptState.WAITING,), state=ReceiptState.REFUSED, **changes)
    audit.record(connection, actor, "stock.receipt_refused", ("stock", no), {"reason": reason.strip()})
    if receipt.finance_id:
        _tell(connection, receipt.unit_id, no)


def note_told(services: Services, receipt_id: int) -> None:
    """Write down that finance knows of the confirmation or refusal. Raises Refusal BUSY."""
    noted = update(STOCK_RECEIPT).where(STOCK_RECEIPT.c.id == receipt_id)
    services.database.act(lambda connection: connection.execute(noted.values(told_at=now())))


def _tell(connection: Connection, unit_id: int, no: str) -> None:
    tasks.enqueue(connection, TOPIC, f"{TOPIC}:{no}", {"unit": unit_id, "no": no})
