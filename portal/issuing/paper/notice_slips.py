"""Printing notice slips and voucher sheets: every print is counted, and a repeated one says 补打."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select

from portal.audit import entries
from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.settlement import CHANNELS
from portal.domain.errors import Refusal
from portal.domain.identity import mask_card, mask_name
from portal.domain.money import yuan
from portal.domain.states.bills import BillState, PaperState
from portal.issuing.paper import slip_codes
from portal.ledger import bill_lists, bills, vouchers
from portal.models.tables import AUDIT_ENTRY, BILL, PAPER_BILL, SLIP_PRINT, UNIT, VOUCHER
from portal.rendering.papers import slip
from portal.rendering.papers.slip import Desk, Paper, Slip

BILLS, VOUCHERS = "bill", "voucher"
MOST = 100
"""Slips of one job."""


_PRINTS = (
    select(SLIP_PRINT.c.object_id, func.max(SLIP_PRINT.c.line).label("prints"))
    .where(SLIP_PRINT.c.object_kind == BILLS)
    .group_by(SLIP_PRINT.c.object_id)
    .subquery()
)
_COUNT = func.coalesce(_PRINTS.c.prints, 0)


def printable(unit_id: int) -> Select[Any]:
    """Select the bills of a unit that a slip may be printed of, each with the number of its ``prints``."""
    rows = bill_lists.of_unit(unit_id).add_columns(_COUNT.label("prints"))
    rows = rows.outerjoin(_PRINTS, _PRINTS.c.object_id == BILL.c.id)
    return rows.where(BILL.c.red_of_id.is_(None), BILL.c.state != BillState.REVERSED.value)


def printed(already: bool) -> ColumnElement[bool]:
    """Filter bills whose slip was printed already, or those whose slip was not."""
    return _COUNT > 0 if already else _COUNT == 0


def start(services: Services, actor: Actor, kind: str, ids: Sequence[int], paper: Paper) -> int:
    """Count one print of each of these bills or vouchers and return the job whose PDF :func:`job_pdf` makes.

    Raises NOTICE_EMPTY for none or too many, BILL_NOT_FOUND when one is not the actor's unit's.
    """
    wanted = list(dict.fromkeys(ids))
    if not 1 <= len(wanted) <= MOST:
        raise Refusal("NOTICE_EMPTY", most=MOST)
    return services.database.act(lambda connection: _write(services, connection, actor, kind, wanted, paper))


def _write(
    services: Services, connection: Connection, actor: Actor, kind: str, ids: Sequence[int], paper: Paper
) -> int:
    table = BILL if kind == BILLS else VOUCHER
    own = set(connection.scalars(select(table.c.id).where(table.c.id.in_(ids), table.c.unit_id == actor.unit_id)))
    if own != set(ids):
        raise Refusal("BILL_NOT_FOUND")
    job, moment, before = new_id(), now(), counts(connection, kind, ids)
    rows: list[dict[str, Any]] = [
        {
            "object_kind": kind,
            "object_id": one,
            "line": before.get(one, 0) + 1,
            "job": job,
            "place": place,
            "paper": paper.value,
            "at": moment,
            "actor": actor.label,
        }
        for place, one in enumerate(ids)
    ]
    connection.execute(insert(SLIP_PRINT), rows)
    if kind == BILLS:
        for one in rows:
            slip_codes.write(services, connection, one["object_id"], one["line"])
    row = partial(entries.row, actor, "notice.printed", at=moment, unit_id=actor.unit_id)
    audit = [row((kind, one["object_id"]), {"print": one["line"]}) for one in rows]
    connection.execute(insert(AUDIT_ENTRY), audit)
    return job


def counts(connection: Connection, kind: str, ids: Iterable[int]) -> dict[int, int]:
    """How often each was printed so far; those never printed are left out."""
    found = connection.execute(
        select(SLIP_PRINT.c.object_id, func.max(SLIP_PRINT.c.line))
        .where(SLIP_PRINT.c.object_kind == kind, SLIP_PRINT.c.object_id.in_(list(ids)))
        .group_by(SLIP_PRINT.c.object_id)
    )
    return {one: int(line) for one, line in found}


@dataclass(frozen=True, slots=True)
class SlipPrinted:
    """One print of a notice slip. ``actor`` is the label of who printed it."""

    line: int
    paper: str
    at: datetime
    actor: str


def prints_of(connection: Connection, kind: str, object_id: int) -> list[SlipPrinted]:
    """Return every print of an object's slip in their order."""
    wanted = select(*(SLIP_PRINT.c[name] for name in SlipPrinted.__dataclass_fields__)).where(
        SLIP_PRINT.c.object_kind == kind, SLIP_PRINT.c.object_id == object_id
    )
    return [SlipPrinted(*row) for row in connection.execute(wanted.order_by(SLIP_PRINT.c.line))]


def job_pdf(services: Services, unit_id: int, job: int) -> bytes:
    """Return the PDF of a job; opening it again counts nothing. Raises PAGE_NOT_FOUND when it is not this unit's."""
    with services.database.read() as connection:
        rows = connection.execute(select(SLIP_PRINT).where(SLIP_PRINT.c.job == job).order_by(SLIP_PRINT.c.place)).all()
        unit = connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one()
        desk = Desk(unit.name, unit.desk_place, unit.desk_phone, unit.desk_hours)
        issuer = _Issuer(unit_id, unit.code, desk)
        slips = [
            (_bill_slip if row.object_kind == BILLS else _voucher_slip)(
                services, connection, issuer, row.object_id, row.line
            )
            for row in rows
        ]
    if not slips:
        raise Refusal("PAGE_NOT_FOUND")
    return slip.pdf(slips, Paper(rows[0].paper), services.settings.banner, rows[0].at)


@dataclass(frozen=True, slots=True)
class _Issuer:
    """The unit whose slips are printed."""

    unit_id: int
    code: str
    desk: Desk


def voucher_copy(services: Services, connection: Connection, unit_id: int, voucher_id: int) -> bytes:
    """Draw a voucher as its patient downloads it: a copy that says so, counted as no print."""
    unit = connection.execute(select(UNIT).where(UNIT.c.id == unit_id)).one()
    desk = Desk(unit.name, unit.desk_place, unit.desk_phone, unit.desk_hours)
    sheet = _voucher_slip(services, connection, _Issuer(unit_id, unit.code, desk), voucher_id, 1)
    return slip.pdf([replace(sheet, copy=True)], Paper.SHEET, services.settings.banner, now())


def _bill_slip(services: Services, connection: Connection, issuer: _Issuer, bill_id: int, printed: int) -> Slip:
    bill = bills.by_id(connection, bill_id)
    if bill is None or bill.unit_id != issuer.unit_id:
        raise Refusal("PAGE_NOT_FOUND")
    exchanged = connection.scalar(
        select(PAPER_BILL.c.id).where(PAPER_BILL.c.bill_id == bill_id, PAPER_BILL.c.state == PaperState.VALID.value)
    )
    state = "已冲红" if bill.state is BillState.REVERSED else "红票" if bill.total_fen < 0 else ""
    return Slip(
        desk=issuer.desk,
        name=bill.title,
        code=bill.code,
        number=bill.number,
        check_code=bill.check_code,
        payer=mask_name(bills.payer_name(services, connection, bill_id)),
        amount_fen=bill.total_fen,
        day=f"{business_day(bill.business_at):%Y-%m-%d}",
        link=bills.address_of(services, issuer.code, bill),
        printed=printed,
        state=state or ("已换开纸质" if exchanged else ""),
        fetch_code="" if state else slip_codes.of_print(services, bill_id, printed),
    )


def _voucher_slip(services: Services, connection: Connection, issuer: _Issuer, voucher_id: int, printed: int) -> Slip:
    voucher = vouchers.by_id(connection, issuer.unit_id, voucher_id)
    if voucher is None:
        raise Refusal("PAGE_NOT_FOUND")
    person = vouchers.identity(services, connection, voucher)
    paid = vouchers.payments(connection, voucher_id)
    facts = (
        ("住院号", mask_card(person.get("hospital_no", ""))),
        ("科室", voucher.department),
        ("缴费方式", "、".join(f"{CHANNELS.get(channel, channel)} {yuan(fen)}" for channel, fen in paid)),
        ("原因", voucher.reason),
        ("收款人", voucher.cashier),
    )
    return Slip(
        desk=issuer.desk,
        name=voucher.title,
        code=voucher.code,
        number=voucher.number,
        check_code=voucher.check_code,
        payer=vouchers.payer_name(services, connection, voucher),
        amount_fen=voucher.amount_fen,
        day=f"{business_day(voucher.business_at):%Y-%m-%d}",
        link=vouchers.address_of(services, issuer.code, voucher),
        printed=printed,
        state="已撤销" if voucher.cancelled else "",
        facts=tuple((label, value) for label, value in facts if value),
        voucher=True,
    )
