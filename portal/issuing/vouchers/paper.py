"""The paper of a voucher: a sheet is drawn or registered when it is printed, and made void when it is spoilt.

A kind of voucher with a paper form draws its sheets from the point's stock, by the rules of ``paper``. Without one the
hospital prints on its own stationery, whose numbers come from the sheet; one without a number bears the voucher's.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.core.clock import now
from portal.core.database import lock_row
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.voucher import VoucherForm
from portal.domain.errors import Refusal
from portal.issuing.paper import exchange as paper_exchange
from portal.issuing.paper.exchange import Exchange
from portal.issuing.vouchers.movements import lock
from portal.ledger.vouchers import (
    SHEETS,
    VoucherFacts,
    VoucherRecord,
    VoucherSheet,
    cancellation,
    record,
    sheet_in_force,
    valid_paper,
)
from portal.models.tables import BILL_KIND, VOUCHER, VOUCHER_PAPER
from portal.stock.ranges import open_ranges


def form_of(connection: Connection, voucher_id: int) -> str:
    """Return the prefix of the paper form of a voucher's kind, ``""`` when it is printed on stationery."""
    joined = VOUCHER.join(BILL_KIND, BILL_KIND.c.id == VOUCHER.c.kind_id)
    return (
        connection.scalar(select(BILL_KIND.c.paper_prefix).select_from(joined).where(VOUCHER.c.id == voucher_id)) or ""
    )


def code_for(connection: Connection, voucher_id: int, point_id: int) -> str:
    """Return the paper code to which a voucher would be exchanged at a point now, ``""`` when there is none."""
    prefix = form_of(connection, voucher_id)
    codes = [found.bill_code for found in open_ranges(connection, point_id) if found.bill_code[:6] == prefix]
    return codes[0] if codes else ""


def exchange(services: Services, actor: Actor, order: Exchange) -> int:
    """换开 of a deposit, as :func:`portal.issuing.paper.exchange.exchange_in`.

    Raises VOUCHER_NOT_FOUND, VOUCHER_STATE (no deposit, cancelled) and as an exchange of a bill.
    """
    return paper_exchange.exchange_in(_Vouchers(), services, actor, order)


def re_exchange(services: Services, actor: Actor, order: Exchange) -> int:
    """重新换开 of a deposit, as :func:`portal.issuing.paper.exchange.re_exchange_in`."""
    return paper_exchange.re_exchange_in(_Vouchers(), services, actor, order)


class _Vouchers:
    """Vouchers on sheets of the stock: a book of the exchange."""

    first_action = later_action = "voucher.paper_printed"
    in_force = staticmethod(sheet_in_force)

    @staticmethod
    def hold(connection: Connection, actor: Actor, document_id: int) -> VoucherRecord:
        """Hold a deposit. Raises VOUCHER_NOT_FOUND, VOUCHER_STATE."""
        lock(connection, document_id)
        voucher = record(connection, document_id)
        if voucher is None or voucher.unit_id != actor.unit_id:
            raise Refusal("VOUCHER_NOT_FOUND", voucher=str(document_id))
        pair = str(voucher.pair)
        if voucher.form is not VoucherForm.DEPOSIT:
            state = f"是{voucher.form.title}"
            raise Refusal("VOUCHER_STATE", voucher=pair, state=state, next="只有预交金凭证换开纸质凭证")
        if cancellation(connection, voucher.id) is not None:
            raise Refusal("VOUCHER_STATE", voucher=pair, state="已撤销", next="已撤销的凭证不能换开纸质凭证")
        return voucher

    @staticmethod
    def take(connection: Connection, actor: Actor, document: VoucherRecord, order: Exchange, action: str) -> int:
        """Draw a sheet for a deposit."""
        sheet = order.sheet
        paper_exchange.check_form(connection, document.kind_id, document.title, sheet)
        _, range_id, skipped = paper_exchange.draw(connection, actor, order, now())
        row = {"paper_code": sheet.code, "paper_number": sheet.digits, "range_id": range_id, "number": sheet.number}
        row_id = _insert(connection, actor, document.id, row)
        _record(connection, actor, action, document.id, str(sheet), skipped=skipped)
        return row_id

    @staticmethod
    def end(connection: Connection, actor: Actor, sheet: VoucherSheet, reason: str) -> None:
        """Make a sheet void that was taken back."""
        _end(connection, actor, sheet, reason)


def _insert(connection: Connection, actor: Actor, voucher_id: int, row: dict[str, Any]) -> int:
    values = {"voucher_id": voucher_id, "printed_at": now(), "printed_by": actor.name or actor.label}
    values |= {"range_id": None, "number": None, "void_by": "", "void_reason": ""} | row
    return int(connection.execute(insert(VOUCHER_PAPER).values(values).returning(VOUCHER_PAPER.c.id)).scalar_one())


def register(
    services: Services, actor: Actor, voucher: VoucherFacts, paper_code: str = "", paper_number: str = ""
) -> None:
    """Note the stationery on which a voucher was printed; without a number of its own it bears the voucher's.

    The same sheet again is a no-op. Raises VOUCHER_STATE while another sheet is valid or the number was used.
    """
    sheet = (paper_code or voucher.code, paper_number or voucher.number)
    with services.database.write() as connection:
        lock(connection, voucher.voucher_id)
        valid = valid_paper(connection, voucher.voucher_id)
        if valid == " ".join(sheet):
            return
        if valid:
            state, remedy = f"已打印纸质凭证 {valid}", "请先收回并作废原纸质凭证，再打印新的"
            raise Refusal("VOUCHER_STATE", voucher=voucher.pair, state=state, next=remedy)
        try:
            with connection.begin_nested():
                row = {"paper_code": sheet[0], "paper_number": sheet[1]}
                _insert(connection, actor, voucher.voucher_id, row)
        except IntegrityError as error:
            state, remedy = f"不能使用纸质凭证 {' '.join(sheet)}（已用过）", "请核对打印机中纸质凭证的号码"
            raise Refusal("VOUCHER_STATE", voucher=voucher.pair, state=state, next=remedy) from error
        _record(connection, actor, "voucher.paper_printed", voucher.voucher_id, " ".join(sheet))


def register_next(services: Services, actor: Actor, voucher: VoucherFacts) -> None:
    """Note a print on stationery without a number of its own: the voucher's, then ``-2``, ``-3``."""
    with services.database.read() as connection:
        before = connection.scalar(
            select(func.count()).select_from(VOUCHER_PAPER).where(VOUCHER_PAPER.c.voucher_id == voucher.voucher_id)
        )
    register(services, actor, voucher, paper_number=f"{voucher.number}-{before + 1}" if before else "")


def void(services: Services, actor: Actor, paper_code: str, paper_number: str, reason: str) -> None:
    """Make a sheet void; of one from the stock leading zeros may be left out. Raises VOUCHER_PAPER for a sheet that is
    not there or is void already."""
    sheet = f"{paper_code} {paper_number}"
    digits = paper_number if paper_number.isascii() and paper_number.isdigit() else "0"
    with services.database.write() as connection:
        row = lock_row(
            connection,
            SHEETS.select_from(VOUCHER_PAPER.join(VOUCHER, VOUCHER.c.id == VOUCHER_PAPER.c.voucher_id)).where(
                VOUCHER.c.unit_id == actor.unit_id,
                VOUCHER_PAPER.c.paper_code == paper_code,
                (VOUCHER_PAPER.c.paper_number == paper_number) | (VOUCHER_PAPER.c.number == int(digits)),
            ),
        )
        if row is None:
            raise Refusal("VOUCHER_PAPER", paper=sheet, state="没有登记过")
        registered = VoucherSheet(**row._mapping)
        if registered.void_at is not None:
            raise Refusal("VOUCHER_PAPER", paper=sheet, state="已经作废")
        _end(connection, actor, registered, reason)


def _end(connection: Connection, actor: Actor, registered: VoucherSheet, reason: str) -> None:
    ended = {"void_at": now(), "void_by": actor.name or actor.label, "void_reason": reason}
    connection.execute(update(VOUCHER_PAPER).where(VOUCHER_PAPER.c.id == registered.id).values(ended))
    _record(connection, actor, "voucher.paper_void", registered.voucher_id, registered.printed, reason=reason)


def _record(connection: Connection, actor: Actor, action: str, voucher_id: int, sheet: str, **told: str) -> None:
    details = {"paper": sheet} | {name: value for name, value in told.items() if value}
    audit.record(connection, actor, action, ("voucher", voucher_id), details)
