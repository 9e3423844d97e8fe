"""What must always hold of the ledger, read straight from the tables."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, select

from portal.models import (
    AuditEntry,
    Bill,
    BillDocument,
    BillItem,
    BillParty,
    NumberRange,
    OutboxTask,
    PaperBill,
    Voucher,
    VoucherPaper,
)


def numbers_by_range(connection: Connection) -> dict[int, list[int]]:
    """Issued numbers of every range, sorted."""
    found: dict[int, list[int]] = defaultdict(list)
    for table in (Bill, Voucher, PaperBill, VoucherPaper):
        drawn = select(table.range_id, table.number).where(table.range_id.is_not(None)).order_by(table.number)
        for range_id, number in connection.execute(drawn):
            found[range_id].append(number)
    return found


def check(connection: Connection) -> int:
    """Every range is dense up to its ``next``, every bill is whole; returns how many bills there are."""
    issued = numbers_by_range(connection)
    for row in connection.execute(select(NumberRange.id, NumberRange.first, NumberRange.next)):
        assert issued.get(row.id, []) == list(range(row.first, row.next)), f"range {row.id} has gaps or doubles"
    bills = set(connection.scalars(select(Bill.id)))
    for table, column in ((BillDocument, BillDocument.bill_id), (BillParty, BillParty.bill_id)):
        assert set(connection.scalars(select(column))) == bills, f"{table.__tablename__} differs from the bills"
    assert set(connection.scalars(select(BillItem.bill_id))) == bills
    keys = set(connection.scalars(select(OutboxTask.key).where(OutboxTask.topic.startswith("bill.issued"))))
    for bill in bills:  # one task for each subscriber; versions before wrote one for all
        own = {f"bill.issued/finance:{bill}", f"bill.issued/delivery:{bill}"}
        assert own <= keys or f"bill.issued:{bill}" in keys, f"bill {bill} has no task"
        keys -= own | {f"bill.issued:{bill}"}
    assert keys == set()
    audited = connection.scalars(select(AuditEntry.object_id).where(AuditEntry.action == "bill.issued"))
    assert set(audited) == {str(bill) for bill in bills}
    return len(bills)
