"""Counts and amounts of a business day, and its rows, for a HIS that reconciles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, func, select

from portal.domain.documents.voucher import VoucherForm
from portal.domain.numbers import Sheet
from portal.models.tables import BILL, PAPER_BILL, POINT, VOUCHER


@dataclass(frozen=True, slots=True)
class Total:
    """The count of documents and their amount in fen, by name because both are integers."""

    count: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bills of an account: business days ``first``…``last``, a point, a scene (of bills, or of vouchers when
    it begins with ``prepay_``); red ones, the others (False) or both; ``on_paper``: exchanged ones
    only, the others (False) or both."""

    account_id: int
    first: date
    last: date
    point_code: str = ""
    scene: str = ""
    red: bool | None = False
    on_paper: bool | None = None

    @property
    def vouchers(self) -> bool:
        """Whether vouchers are counted and not bills."""
        return self.scene.startswith("prepay_")


class Row(NamedTuple):
    """One bill or voucher of the day; ``amount_fen`` is positive for red ones too; ``of_serial``: of a red one, the
    serial that was reversed; ``bill_id``: None of a voucher; ``sheet``: its valid one."""

    serial: str
    of_serial: str
    code: str
    number: str
    check_code: str
    amount_fen: int
    point_code: str
    issued_at: datetime
    bill_id: int | None
    sheet: Sheet | None = None


def total(connection: Connection, wanted: Wanted) -> Total:
    """Count documents and add their amounts. Red ones count with a positive amount: the money given back."""
    table, amount = (VOUCHER, VOUCHER.c.amount_fen) if wanted.vouchers else (BILL, BILL.c.total_fen)
    joined = table.join(POINT, POINT.c.id == table.c.point_id)
    statement = select(func.count(), func.coalesce(func.sum(amount), 0)).select_from(joined).where(*_where(wanted))
    count, fen = connection.execute(statement).one()
    return Total(int(count), abs(int(fen)))


def rows(connection: Connection, wanted: Wanted, page: int, size: int) -> list[Row]:
    """Read one page of the rows, in the order of their issue; ``page`` counts from 1."""
    table = VOUCHER if wanted.vouchers else BILL
    origin = table.alias("origin")
    of, code = (VOUCHER.c.of_id, VOUCHER.c.code) if wanted.vouchers else (BILL.c.red_of_id, BILL.c.bill_code)
    amount = VOUCHER.c.amount_fen if wanted.vouchers else BILL.c.total_fen
    statement = (
        select(
            table.c.id,
            table.c.serial,
            origin.c.serial.label("of_serial"),
            code.label("code"),
            table.c.number,
            table.c.check_code,
            amount.label("amount_fen"),
            POINT.c.code.label("point_code"),
            table.c.issued_at,
        )
        .select_from(table.join(POINT, POINT.c.id == table.c.point_id).outerjoin(origin, origin.c.id == of))
        .where(*_where(wanted))
        .order_by(table.c.issued_at, table.c.id)
        .limit(size)
        .offset((page - 1) * size)
    )
    found = connection.execute(statement).all()
    sheets = {} if wanted.vouchers else _sheets(connection, [row.id for row in found])
    return [
        Row(
            row.serial,
            row.of_serial or "",
            row.code,
            f"{row.number:010d}",
            row.check_code,
            abs(row.amount_fen),
            row.point_code,
            row.issued_at,
            None if wanted.vouchers else row.id,
            sheets.get(row.id),
        )
        for row in found
    ]


def _sheets(connection: Connection, bill_ids: list[int]) -> dict[int, Sheet]:
    valid = select(PAPER_BILL.c.bill_id, PAPER_BILL.c.paper_code, PAPER_BILL.c.number).where(
        PAPER_BILL.c.bill_id.in_(bill_ids), PAPER_BILL.c.state == "valid"
    )
    return {row.bill_id: Sheet(row.paper_code, row.number) for row in connection.execute(valid)}


def _where(wanted: Wanted) -> list[ColumnElement[bool]]:
    table = VOUCHER if wanted.vouchers else BILL
    found: list[ColumnElement[bool]] = [
        table.c.account_id == wanted.account_id,
        table.c.business_day.between(wanted.first, wanted.last),
    ]
    if wanted.point_code:
        found.append(POINT.c.code == wanted.point_code)
    if wanted.scene:
        found.append(table.c.scene == wanted.scene)
    if wanted.vouchers:
        deposit = VOUCHER.c.form == VoucherForm.DEPOSIT.value
        return [*found, ~deposit if wanted.red else deposit]
    if wanted.red is not None:
        found.append(BILL.c.red_of_id.is_not(None) if wanted.red else BILL.c.red_of_id.is_(None))
    if wanted.on_paper is not None:
        # A red bill counts with its original's paper, whatever became of the sheet; others with a sheet in force.
        sheet = exists().where(PAPER_BILL.c.bill_id == (BILL.c.red_of_id if wanted.red else BILL.c.id))
        if not wanted.red:
            sheet = sheet.where(PAPER_BILL.c.state == "valid")
        found.append(sheet if wanted.on_paper else ~sheet)
    return found
