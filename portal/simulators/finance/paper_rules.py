"""Rules of the simulated finance for paper sheets and void numbers (messages 9304, 9305, 9306)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from portal.providers.finance.national import paper_messages as paper
from portal.providers.finance.national.bill_messages import SUPERVISED
from portal.providers.finance.national.envelope import parse14, text_of
from portal.providers.finance.result_codes import ResultCode as Result
from portal.simulators.finance.rules import Answer, FinanceRefusal
from portal.simulators.store import Store

WORK = (paper.VOIDED, paper.EXCHANGED, paper.ENDED)
"""The messages that :class:`PaperRules` answers."""
Fields = Mapping[str, "str | dict[str, str]"]


class PaperRules:
    """The sheets that stand for bills. The same message again is the same success."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, message_no: str, fields: Fields) -> Answer:
        """Answer one message. Raises FinanceRefusal, EnvelopeError."""
        work = {paper.VOIDED: self._voided, paper.EXCHANGED: self._exchanged, paper.ENDED: self._ended}[message_no]
        with self._store.transaction() as connection:
            result = work(connection, fields)
        return {"ResultCode": result.value, "ResultMsg": result.title}

    def _exchanged(self, connection: sqlite3.Connection, fields: Fields) -> Result:
        sheet, bill = _named(fields)
        at = text_of(fields, "ExchangeTime")
        parse14(at)
        known = _sheet(connection, sheet)
        if known is not None:
            return _again(connection, sheet, (known["bill_code"], known["number"]) == bill)
        found = connection.execute("SELECT state FROM finance_bill WHERE bill_code = ? AND number = ?", bill).fetchone()
        if found is None or found["state"] != SUPERVISED:
            raise FinanceRefusal(Result.BILL_UNKNOWN)
        other = "SELECT 1 FROM finance_sheet WHERE bill_code = ? AND number = ? AND ended_at IS NULL"
        if connection.execute(other, bill).fetchone():
            raise FinanceRefusal(Result.SHEET_IN_FORCE)
        row = (*sheet, *bill, text_of(fields, "Operator", required=False), at)
        connection.execute("INSERT INTO finance_sheet VALUES (?, ?, ?, ?, ?, ?, NULL, '', 1)", row)
        return Result.OK

    def _ended(self, connection: sqlite3.Connection, fields: Fields) -> Result:
        sheet, bill = _named(fields)
        at, reason = text_of(fields, "VoidTime"), text_of(fields, "Reason")
        parse14(at)
        known = _sheet(connection, sheet)
        if known is None or (known["bill_code"], known["number"]) != bill:
            raise FinanceRefusal(Result.SHEET_UNKNOWN)
        if known["ended_at"] is not None:
            return _again(connection, sheet, known["ended_at"] == at)
        mine = "WHERE paper_code = ? AND paper_number = ?"
        connection.execute(f"UPDATE finance_sheet SET ended_at = ?, reason = ? {mine}", (at, reason, *sheet))
        return Result.OK

    def _voided(self, connection: sqlite3.Connection, fields: Fields) -> Result:
        no, agency, code = (text_of(fields, name) for name in ("VoidNo", "AgencyCode", "BillCode"))
        first, last, count = (int(text_of(fields, name)) for name in ("StartNo", "EndNo", "Count"))
        if last - first + 1 != count or count < 1:
            raise FinanceRefusal(Result.FIELD_INVALID, "起止号与份数不符")
        known = connection.execute("SELECT * FROM finance_void WHERE void_no = ?", (no,)).fetchone()
        if known is not None:
            connection.execute("UPDATE finance_void SET attempts = attempts + 1 WHERE void_no = ?", (no,))
            same = (known["bill_code"], known["first"], known["last"]) == (code, first, last)
            return Result.DUPLICATE_SAME if same else Result.DUPLICATE_OTHER
        row = (no, agency, code, first, last, text_of(fields, "Reason"))
        connection.execute("INSERT INTO finance_void VALUES (?, ?, ?, ?, ?, ?, 1)", row)
        return Result.OK

    def listing(self) -> dict[str, list[dict[str, Any]]]:
        """List sheets and void numbers as finance has them."""
        with self._store.transaction() as connection:
            return {
                name: [dict(row) for row in connection.execute(f"SELECT * FROM finance_{name} ORDER BY rowid")]
                for name in ("sheet", "void")
            }


def _named(fields: Fields) -> tuple[tuple[str, str], tuple[str, str]]:
    sheet = (text_of(fields, "PaperInvoiceCode"), text_of(fields, "PaperInvoiceNumber"))
    return sheet, (text_of(fields, "EInvoiceCode"), text_of(fields, "EInvoiceNumber"))


def _sheet(connection: sqlite3.Connection, sheet: tuple[str, str]) -> sqlite3.Row | None:
    wanted = "SELECT * FROM finance_sheet WHERE paper_code = ? AND paper_number = ?"
    found: sqlite3.Row | None = connection.execute(wanted, sheet).fetchone()
    return found


def _again(connection: sqlite3.Connection, sheet: tuple[str, str], same: bool) -> Result:
    mine = "WHERE paper_code = ? AND paper_number = ?"
    connection.execute(f"UPDATE finance_sheet SET attempts = attempts + 1 {mine}", sheet)
    return Result.DUPLICATE_SAME if same else Result.DUPLICATE_OTHER
