"""Files for patients: a bundle of chosen bills for reimbursement, the yearly self-pay statement, the poster."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from portal import audit
from portal.core.clock import business_day, local, now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.domain.states.bills import BillState
from portal.ledger.bills import BillFacts
from portal.ledger.files import File, bill_pdf, bill_xml
from portal.ledger.paper import valid_sheet
from portal.models.tables import UNIT
from portal.rendering.papers import patient_papers
from portal.rendering.papers.patient_papers import Line
from portal.rendering.papers.slip import Desk
from portal.rendering.pdf.face import FaceRenderer, merged

MOST = 50
"""Bills of one bundle."""


def counts(bill: BillFacts) -> bool:
    """Return whether a bill counts for reimbursement: neither red nor reversed."""
    return bill.total_fen >= 0 and bill.state is not BillState.REVERSED


@dataclass(frozen=True, slots=True)
class Span:
    """Days to choose bills from, both ends included, and how many there are that count."""

    title: str
    first: date
    last: date
    count: int


def spans(bills: Sequence[BillFacts], today: date) -> list[Span]:
    """List what people ask money back for: the last visit, the last month, each year; newest first."""
    days = [business_day(bill.business_at) for bill in bills if counts(bill)]
    if not days:
        return []
    found = [("最近一天", max(days), max(days)), ("最近一个月", today - timedelta(days=30), today)]
    found += [
        (f"{year} 年", date(year, 1, 1), date(year, 12, 31))
        for year in sorted({day.year for day in days}, reverse=True)
    ]
    return [Span(title, first, last, sum(first <= day <= last for day in days)) for title, first, last in found]


def within(bills: Sequence[BillFacts], first: date, last: date) -> list[BillFacts]:
    """Return the bills of these days."""
    return [bill for bill in bills if first <= business_day(bill.business_at) <= last]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle is to be: for which unit, in whose name (``payer``), a ZIP or a PDF, which part of :data:`MOST`
    bills; ``by``: action and actor of the log entry of each bill."""

    unit_code: str
    payer: str
    zipped: bool
    part: int = 1
    by: tuple[str, str] = ("bill.downloaded", "patient:bundle")


def bundle(
    services: Services, faces: FaceRenderer, order: Bundle, bills: Sequence[BillFacts], ticked: Collection[int]
) -> File:
    """Put the ticked bills behind a cover sheet: one PDF to print, or a ZIP with every original and its data file.

    Red and reversed ones are left out and named on the cover. Raises CHOICE_EMPTY when the part has none that counts.
    """
    counting = [bill for bill in bills if counts(bill) and bill.bill_id in ticked]
    counting.sort(key=lambda bill: (bill.business_at, bill.bill_id))
    parts = -(-len(counting) // MOST)
    if not 1 <= order.part <= parts:
        raise Refusal("CHOICE_EMPTY", most=MOST)
    chosen = counting[(order.part - 1) * MOST : order.part * MOST]
    with services.database.read() as connection:
        desk = desk_of(connection, order.unit_code)
        lines = [_line(bill, "已换开纸质" if valid_sheet(connection, bill.bill_id) else "") for bill in chosen]
        out = [_line(bill, "红票" if bill.total_fen < 0 else "已冲红") for bill in bills if not counts(bill)]
        made_at = f"{local(now()):%Y-%m-%d %H:%M}"
        front = patient_papers.cover(desk, order.payer, lines, out, made_at, services.settings.banner)
        files = [bill_pdf(services, connection, faces, bill) for bill in chosen]
        if order.zipped:
            files += [bill_xml(services, connection, bill) for bill in chosen]
    with services.database.write() as connection:
        for bill in chosen:
            audit.record(connection, Actor(order.by[1]), order.by[0], ("bill", bill.bill_id))
    name = f"报销包-{local(now()):%Y%m%d}" + (f"-第{order.part}包共{parts}包" if parts > 1 else "")
    if not order.zipped:
        return File(f"{name}.pdf", "application/pdf", merged([front, *(file.data for file in files)]))
    out_file = io.BytesIO()
    with zipfile.ZipFile(out_file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("00-cover.pdf", front)
        for file in files:
            archive.writestr(file.name, file.data)
    return File(f"{name}.zip", "application/zip", out_file.getvalue())


def statement(services: Services, unit_code: str, payer: str, year: int, bills: Sequence[BillFacts]) -> File:
    """List what the person paid themselves in ``year``, from the bills that count. Raises CHOICE_EMPTY without any."""
    chosen = of_year(bills, year)
    if not chosen:
        raise Refusal("CHOICE_EMPTY", most=MOST)
    with services.database.read() as connection:
        desk = desk_of(connection, unit_code)
    made_at = f"{local(now()):%Y-%m-%d %H:%M}"
    lines = [_line(bill) for bill in chosen]
    data = patient_papers.statement(desk, payer, year, lines, made_at, services.settings.banner)
    return File(f"self-pay-{year}.pdf", "application/pdf", data)


def of_year(bills: Sequence[BillFacts], year: int) -> list[BillFacts]:
    """Return the bills of one year that count, oldest first."""
    chosen = [bill for bill in bills if counts(bill) and business_day(bill.business_at).year == year]
    return sorted(chosen, key=lambda bill: (bill.business_at, bill.bill_id))


def poster(services: Services, unit_code: str, size: str) -> File:
    """Draw the hospital code as a poster of ``size``."""
    with services.database.read() as connection:
        desk = desk_of(connection, unit_code)
    base = services.settings.outside
    data = patient_papers.poster(desk, f"{base}/h/{unit_code}", f"{base}/", size, services.settings.banner)
    return File(f"poster-{unit_code}-{size}.pdf", "application/pdf", data)


def desk_of(connection: Connection, unit_code: str) -> Desk:
    """Return the unit's name and desk, as printed."""
    unit = connection.execute(UNIT.select().where(UNIT.c.code == unit_code)).one()
    return Desk(unit.name, unit.desk_place, unit.desk_phone, unit.desk_hours)


def _line(bill: BillFacts, note: str = "") -> Line:
    return Line(
        day=f"{business_day(bill.business_at):%Y-%m-%d}",
        title=Scene(bill.scene).charged,
        code=bill.code,
        number=bill.number,
        check_code=bill.check_code,
        total_fen=bill.total_fen,
        insured_fen=bill.insured_fen,
        self_pay_fen=bill.self_pay_fen,
        own_cost_fen=bill.own_cost_fen,
        own_cash_fen=bill.own_cash_fen,
        note=note,
    )
