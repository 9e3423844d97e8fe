"""The paper of a voucher: a sheet is registered when it is printed and made void when it is spoilt or taken back.

Voucher paper is the hospital's own stationery, not a fiscal form: its numbers come from the sheet, not from the stock.
A sheet without a number of its own bears the voucher's.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.audit import entries
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.voucher_ledger import lock
from portal.issuing.voucher_queries import PAPER, VOUCHER, VoucherFacts, valid_paper


def register(
    services: Services, actor: Actor, voucher: VoucherFacts, paper_code: str = "", paper_number: str = ""
) -> None:
    """Note the sheet on which a voucher was printed; without a number of its own it bears the voucher's.

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
        row = {
            "voucher_id": voucher.voucher_id,
            "paper_code": sheet[0],
            "paper_number": sheet[1],
            "printed_at": now(),
            "printed_by": actor.name or actor.label,
        }
        try:
            with connection.begin_nested():
                connection.execute(insert(PAPER), row | {"void_by": "", "void_reason": ""})
        except IntegrityError as error:
            state, remedy = f"不能使用纸质凭证 {' '.join(sheet)}（已用过）", "请核对打印机中纸质凭证的号码"
            raise Refusal("VOUCHER_STATE", voucher=voucher.pair, state=state, next=remedy) from error
        _record(connection, actor, "voucher.paper_printed", voucher.voucher_id, " ".join(sheet))


def register_next(services: Services, actor: Actor, voucher: VoucherFacts) -> None:
    """Note a print on a sheet without a number of its own: the voucher's, then ``-2``, ``-3``."""
    with services.database.read() as connection:
        before = connection.scalar(
            select(func.count()).select_from(PAPER).where(PAPER.c.voucher_id == voucher.voucher_id)
        )
    register(services, actor, voucher, paper_number=f"{voucher.number}-{before + 1}" if before else "")


def void(services: Services, actor: Actor, paper_code: str, paper_number: str, reason: str) -> None:
    """Make a sheet void. Raises VOUCHER_PAPER for a sheet that is not there or is void already."""
    sheet = f"{paper_code} {paper_number}"
    with services.database.write() as connection:
        found = connection.execute(
            select(PAPER.c.id, PAPER.c.voucher_id, PAPER.c.void_at)
            .select_from(PAPER.join(VOUCHER, VOUCHER.c.id == PAPER.c.voucher_id))
            .where(
                VOUCHER.c.unit_id == actor.unit_id,
                PAPER.c.paper_code == paper_code,
                PAPER.c.paper_number == paper_number,
            )
            .with_for_update()
        ).one_or_none()
        if found is None:
            raise Refusal("VOUCHER_PAPER", paper=sheet, state="没有登记过")
        if found.void_at is not None:
            raise Refusal("VOUCHER_PAPER", paper=sheet, state="已经作废")
        connection.execute(
            update(PAPER)
            .where(PAPER.c.id == found.id)
            .values(void_at=now(), void_by=actor.name or actor.label, void_reason=reason)
        )
        _record(connection, actor, "voucher.paper_void", found.voucher_id, sheet, reason)


def _record(connection: Connection, actor: Actor, action: str, voucher_id: int, sheet: str, reason: str = "") -> None:
    details = {"paper": sheet} | ({"reason": reason} if reason else {})
    entries.record(connection, action, "voucher", voucher_id, actor.label, request_id=actor.request_id, details=details)
