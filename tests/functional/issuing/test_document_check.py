"""The nightly check names a bill whose rows no longer say what was signed, and no other."""

from __future__ import annotations

import random

import pytest
from flask import Flask
from sqlalchemy import Connection, select, text

from portal.ledger import document_check
from portal.models.tables import AUDIT_ENTRY
from tests.support.his import His, outpatient

BILLS = 5
OF_D3 = "(SELECT id FROM bill WHERE serial = 'D3')"


@pytest.fixture(autouse=True)
def _bills(his: His) -> None:
    assert all(his.call("invoiceEBillOutpatient", outpatient(f"D{number}")).ok for number in range(BILLS))


def as_owner(connection: Connection, statement: str) -> None:
    """What who owns the database can do: take the guards away, change, and nobody sees it."""
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in ("bill", "bill_item", "bill_party"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
    connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE bill SET total_fen = total_fen + 1 WHERE serial = 'D3'", ["total_fen"]),
        ("UPDATE bill SET serial = 'other' WHERE serial = 'D3'", ["serial"]),
        ("UPDATE bill SET check_code = 'abcdef' WHERE serial = 'D3'", ["check_code"]),
        ("UPDATE bill_item SET amount_fen = amount_fen + 100 WHERE line = 1 AND bill_id = " + OF_D3, ["bill_item"]),
    ],
)
def test_a_bill_that_was_changed_is_named(app: Flask, statement: str, named: list[str]) -> None:
    services = app.extensions["qupiao"].services
    assert document_check.check_night(services) == 0, "the control: none differs"
    with services.database.write() as connection:
        as_owner(connection, statement)
    assert document_check.check_night(services, random.Random(1)) == 1
    with services.database.read() as connection:
        found = connection.execute(select(AUDIT_ENTRY).where(AUDIT_ENTRY.c.action == "bill.differs")).one()
        bill_id = connection.scalar(text("SELECT id FROM bill WHERE serial IN ('D3', 'other')"))
    assert (found.object_kind, found.object_id, found.details) == ("bill", str(bill_id), {"columns": named})
