"""What a request for a second person is about: the object itself, its facts without personal data, its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import url_for

from admin.kit.security import may
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.approvals.requests import ApprovalFacts
from portal.audit import entries
from portal.core.database import Connection
from portal.domain.money import commas
from portal.domain.numbers import bill_number
from portal.issuing.bills import approvals as bill_approvals
from portal.issuing.vouchers import approvals as voucher_approvals
from portal.ledger import bill_lists, bills, vouchers
from portal.listing.values import moment
from portal.retrieval import parameter_changes
from portal.stock.documents import destructions, receipts, voids
from portal.web.edge import services

MOST_LOG = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """The object of a request in words. ``href`` is empty where the person may not open it; ``logged``: kind and id
    under which the log knows it."""

    words: str
    href: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    logged: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A subject with its history: other requests about it, and what the log says of it."""

    subject: Subject
    earlier: list[ApprovalFacts]
    log: list[Any]


def shown_of(row: ApprovalFacts) -> Shown:
    """Read the object of a request with its history, for who decides and who asked."""
    with services().database.read() as connection:
        read = _READERS.get(row.kind)
        subject = read(connection, row) if read is not None else Subject(row.object_id)
        others = requests.of_objects(connection, row.unit_id, [(row.kind, row.object_id)])
        log = entries.about(connection, *subject.logged, MOST_LOG) if subject.logged else []
    return Shown(subject, [one for one in others if one.id != row.id], log)


def _bill(connection: Connection, unit_id: int, bill_id: int) -> Subject:
    facts = bills.by_id(connection, bill_id)
    if facts is None or facts.unit_id != unit_id:
        return Subject("票据")
    payer = bill_lists.shown_payer(facts.payer_kind, bills.payer_name(services(), connection, bill_id))
    lines = [
        ("金额", f"{commas(facts.total_fen)} 元"),
        ("交款人", payer),
        ("科室", facts.department or "—"),
        ("状态", facts.state.title),
        ("开票", f"{moment(facts.issued_at)}　{facts.point_code}　{facts.cashier}"),
    ]
    href = url_for("billing.bill", bill_id=bill_id) if may(Permission.BILLS_VIEW) else ""
    words = f"{facts.title} {bill_number(facts.code, int(facts.number))}"
    return Subject(words, href, lines, ("bill", str(bill_id)))


def _reversal(connection: Connection, row: ApprovalFacts) -> Subject:
    return _bill(connection, row.unit_id, int(row.object_id)) if row.object_id.isdecimal() else Subject("票据")


def _lost_paper(connection: Connection, row: ApprovalFacts) -> Subject:
    lost = bill_approvals.lost_sheet(connection, row.unit_id, row.id)
    return Subject("纸质票据") if lost is None else _bill(connection, row.unit_id, lost.bill_id)


def _voucher(connection: Connection, row: ApprovalFacts) -> Subject:
    facts = vouchers.by_id(connection, row.unit_id, int(row.object_id))
    if facts is None:
        return Subject("预交金凭证")
    lines = [
        ("收款", f"{commas(facts.amount_fen)} 元"),
        ("余额", f"{commas(facts.balance_fen)} 元"),
        ("科室", facts.department or "—"),
        ("开票", f"{moment(facts.issued_at)}　{facts.point_code} {facts.point_name}　{facts.cashier}"),
    ]
    href = url_for("billing.voucher", voucher_id=facts.voucher_id) if may(Permission.VOUCHERS_VIEW) else ""
    return Subject(f"{facts.title} {facts.pair}", href, lines, ("voucher", row.object_id))


def _document(endpoint: str, words: str) -> Callable[[Connection, ApprovalFacts], Subject]:
    """Return the reader of a document of the stock, whose page tells the rest."""

    def read(_connection: Connection, row: ApprovalFacts) -> Subject:
        href = url_for(endpoint, no=row.object_id) if may(Permission.STOCK_VIEW) else ""
        return Subject(f"{words} {row.object_id}", href, logged=("stock", row.object_id))

    return read


def _parameter(_connection: Connection, row: ApprovalFacts) -> Subject:
    href = url_for("system.parameters_page") if may(Permission.PARAMETERS_VIEW) else ""
    return Subject("参数", href, logged=("parameter", row.object_id))


_READERS: Mapping[str, Callable[[Connection, ApprovalFacts], Subject]] = {
    bill_approvals.REVERSAL: _reversal,
    bill_approvals.LOST_PAPER: _lost_paper,
    voucher_approvals.TAKING: _voucher,
    voids.APPROVAL: _document("stock.void", "作废单"),
    destructions.APPROVAL: _document("stock.destruction", "销毁单"),
    receipts.APPROVAL: _document("stock.receipt", "入库单"),
    parameter_changes.APPROVAL: _parameter,
}
"""Kind of request → the reader of its object. A kind without one shows what its request says."""
