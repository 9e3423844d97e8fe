"""Rules of the simulated finance for bills: what it checks, signs and remembers."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import FileSigner, SignatureInvalid, verify_detached
from portal.demo.keys import KeyFiles
from portal.domain.documents.bill import BillDocument
from portal.domain.money import yuan
from portal.providers.finance.national.bill_messages import QUEUED, REFUSED, SUPERVISED, UPLOAD_RED, accepted_fields
from portal.providers.finance.national.envelope import decode_base64, parse14, stamp14, text_of
from portal.providers.finance.national.form import lines as list_fields
from portal.providers.finance.result_codes import ResultCode as Result
from portal.rendering import xml
from portal.simulators.finance.tables import SCHEMA
from portal.simulators.store import Store

Answer = dict[str, "str | Mapping[str, str]"]
REPLAY_SECONDS = 24 * 3600


class FinanceRefusal(Exception):
    """A refusal: the result code and the text of the answer."""

    def __init__(self, result: Result, text: str = "") -> None:
        super().__init__(text or result.title)
        self.result = result
        self.text = text or result.title


@dataclass(frozen=True, slots=True)
class Manner:
    """Treatment of one upload: ``delay`` in seconds until supervision; ``spoil``: sign other bytes."""

    delay: float = 0.0
    spoil: bool = False


class FinanceRules:
    """The bills of finance. One bill, one supervision: the same bill again gets the same signature."""

    def __init__(self, store: Store, keys: KeyFiles) -> None:
        self._store = store
        store.extend(SCHEMA)
        self._roots = [load_certificate(keys.ca_certificate)]
        self._signer = FileSigner.load(keys.finance_key, keys.finance_certificate)

    def remember(self, message_id: str) -> None:
        """Note a message id. Raises FinanceRefusal when it came within 24 hours."""
        moment = time.time()
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM finance_message WHERE at < ?", (moment - REPLAY_SECONDS,))
            try:
                connection.execute("INSERT INTO finance_message VALUES (?, ?)", (message_id, moment))
            except sqlite3.IntegrityError:
                raise FinanceRefusal(Result.REPLAYED) from None

    def grant(self, bill_code: str, first: int, last: int) -> None:
        """Note a granted segment; from then on numbers of this code outside of segments are refused."""
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO finance_segment VALUES (?, ?, ?)", (bill_code, first, last))

    def upload(self, message_no: str, fields: Mapping[str, str | dict[str, str]], manner: Manner) -> Answer:
        """Take a bill (message 9301) or a red bill (9303). Raises FinanceRefusal, EnvelopeError."""
        code, number = (text_of(fields, "EInvoiceCode"), text_of(fields, "EInvoiceNumber"))
        content = decode_base64(text_of(fields, "InvoiceData"), "InvoiceData")
        if self._repeated(code, number, content):
            return self._state(code, number, Result.DUPLICATE_SAME)
        parts, document = self._check(message_no, fields, content)
        moment = time.time()
        row = {
            "bill_code": code,
            "number": number,
            "serial": document.serial,
            "check_code": document.check_code,
            "message_no": message_no,
            "content": hashlib.sha256(content).digest(),
            "signed": parts.signed + (b" " if manner.spoil else b""),
            "unit_element": parts.unit_element,
            "seal": json.dumps(_seal(document), ensure_ascii=False),
            "state": QUEUED,
            "received_at": moment,
            "due_at": moment + manner.delay,
        }
        with self._store.transaction() as connection:
            if self._repeated(code, number, content):  # the same message came twice at once
                return self._state(code, number, Result.DUPLICATE_SAME)
            columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(f"INSERT INTO finance_bill ({columns}, attempts) VALUES ({marks}, 1)", row)
        return self._state(code, number, Result.OK)

    def _repeated(self, code: str, number: str, content: bytes) -> bool:
        """Tell whether finance has this very bill, and count the attempt. Raises FinanceRefusal for another bill."""
        with self._store.transaction() as connection:
            known = _find(connection, code, number)
            if known is None:
                return False
            connection.execute(
                "UPDATE finance_bill SET attempts = attempts + 1 WHERE bill_code = ? AND number = ?", (code, number)
            )
        if hashlib.sha256(content).digest() != known["content"]:
            raise FinanceRefusal(Result.DUPLICATE_OTHER)
        return True

    def result(self, fields: Mapping[str, str | dict[str, str]]) -> Answer:
        """Tell what became of a bill (9302). A wrong check code: unknown. Raises FinanceRefusal, EnvelopeError."""
        code, number = (text_of(fields, "EInvoiceCode"), text_of(fields, "EInvoiceNumber"))
        with self._store.transaction() as connection:
            known = _find(connection, code, number)
        if known is None or known["check_code"] != text_of(fields, "RandomNumber"):
            raise FinanceRefusal(Result.BILL_UNKNOWN)
        return self._state(code, number, Result.OK)

    def book(self, code: str, number: str, unit: str, accounted: bool, amount_fen: int | None = None) -> bool:
        """Book a supervised bill or a part of it for a unit (``None``: what nobody else has), or take its booking back
        (``unit`` empty: of every unit). False when there is no such bill, or less of it is left."""
        with self._store.transaction() as connection:
            known = _find(connection, code, number)
            if known is None or known["state"] != SUPERVISED:
                return False
            if not accounted:
                connection.execute(
                    "UPDATE finance_booked SET accounted = 0, at = ? WHERE bill_code = ? AND number = ?"
                    " AND (unit = ? OR ? = '')",
                    (time.time(), code, number, unit[:200], unit),
                )
                return True
            others = connection.execute(
                "SELECT coalesce(sum(fen), 0) FROM finance_booked"
                " WHERE bill_code = ? AND number = ? AND unit <> ? AND accounted",
                (code, number, unit[:200]),
            ).fetchone()[0]
            left = xml.read(bytes(known["signed"])).total_fen - others
            wanted = left if amount_fen is None else amount_fen
            if not 0 <= wanted <= left or (others and not wanted):
                return False
            row = (code, number, unit[:200], 1, wanted, time.time())
            connection.execute("INSERT OR REPLACE INTO finance_booked VALUES (?, ?, ?, ?, ?, ?)", row)
        return True

    def bookings(self, fields: Mapping[str, str | dict[str, str]]) -> Answer:
        """List what units booked (9601). Raises EnvelopeError."""
        since = parse14(text_of(fields, "SinceTime")).timestamp()
        page, size = int(text_of(fields, "PageNo")), int(text_of(fields, "PageSize"))
        with self._store.transaction() as connection:
            found = connection.execute(
                "SELECT * FROM finance_booked WHERE at >= ? ORDER BY at, bill_code, number, unit", (since,)
            ).fetchall()
        lines = [
            {
                "EInvoiceCode": row["bill_code"],
                "EInvoiceNumber": row["number"],
                "IsAccounted": str(row["accounted"]),
                "AccUnit": row["unit"],
                "AccDate": stamp14(datetime.fromtimestamp(row["at"], UTC))[:8],
                "AccAmount": yuan(row["fen"]),
            }
            for row in found[(page - 1) * size : page * size]
        ]
        answer: Answer = {"ResultCode": Result.OK.value, "ResultMsg": Result.OK.title, "Total": str(len(found))}
        return answer | list_fields(lines)

    def bills(self, most: int = 100_000) -> list[dict[str, Any]]:
        """List what finance has, newest first: no names, only elements, state and counts."""
        self._supervise_due()
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT b.bill_code, b.number, b.message_no, b.state, b.received_at, b.supervised_at, b.attempts,"
                " (SELECT count(*) FROM finance_effect e"
                " WHERE e.bill_code = b.bill_code AND e.number = b.number) AS effects,"
                " EXISTS (SELECT 1 FROM finance_booked k WHERE k.bill_code = b.bill_code AND k.number = b.number"
                " AND k.accounted) AS booked,"
                " (SELECT s.paper_code || ' ' || s.paper_number FROM finance_sheet s"
                " WHERE s.bill_code = b.bill_code AND s.number = b.number AND s.ended_at IS NULL) AS sheet"
                " FROM finance_bill b ORDER BY b.received_at DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [
            dict(row) | {name: _iso(row[name]) for name in ("received_at", "supervised_at") if row[name] is not None}
            for row in rows
        ]

    def counts(self) -> dict[str, int]:
        """Count bills by state, and all attempts."""
        self._supervise_due()
        with self._store.transaction() as connection:
            rows = connection.execute("SELECT state, count(*) n FROM finance_bill GROUP BY state").fetchall()
            attempts = connection.execute("SELECT coalesce(sum(attempts), 0) FROM finance_bill").fetchone()[0]
        found = {row["state"]: row["n"] for row in rows}
        return {state: found.get(state, 0) for state in (SUPERVISED, QUEUED, REFUSED)} | {"attempts": attempts}

    def refuse(self, code: str, number: str, opinion: str) -> bool:
        """Refuse a queued bill by hand, as a finance officer would; False when it is not queued."""
        with self._store.transaction() as connection:
            changed = connection.execute(
                "UPDATE finance_bill SET state = ?, seal = ? WHERE bill_code = ? AND number = ? AND state = ?",
                (REFUSED, json.dumps({"opinion": opinion[:200]}, ensure_ascii=False), code, number, QUEUED),
            )
        return changed.rowcount == 1

    def _check(
        self, message_no: str, fields: Mapping[str, str | dict[str, str]], content: bytes
    ) -> tuple[xml.Split, BillDocument]:
        try:
            parts = xml.split(content)
            document = xml.read(parts.signed)
        except ValueError:
            raise FinanceRefusal(Result.FIELD_INVALID, "InvoiceData 不是带单位签名的票据") from None
        claimed = tuple(text_of(fields, name) for name in ("EInvoiceCode", "EInvoiceNumber", "BusinessNumber"))
        if claimed != (document.code, document.number, document.serial):
            raise FinanceRefusal(Result.DOCUMENT_DISAGREES)
        info = fields.get("SignInfo")
        if not isinstance(info, dict):
            raise FinanceRefusal(Result.FIELD_INVALID, "缺少签名信息 SignInfo")
        if decode_base64(text_of(info, "SignatureValue"), "SignatureValue") != parts.unit.value:
            raise FinanceRefusal(Result.DOCUMENT_DISAGREES, "签名信息与票据内的单位签名不一致")
        try:
            verify_detached(parts.unit.value, parts.signed, self._roots, parts.unit.time)
        except SignatureInvalid as error:
            raise FinanceRefusal(Result.SIGNATURE_INVALID, f"单位签名无效：{error}") from None
        if document.total_fen != sum(item.amount_fen for item in document.items):
            raise FinanceRefusal(Result.FIELD_INVALID, "总金额与收费项目合计不一致")
        self._check_number(document)
        if message_no == UPLOAD_RED:
            self._check_original(fields, document)
        return parts, document

    def _check_number(self, document: BillDocument) -> None:
        with self._store.transaction() as connection:
            segments = connection.execute(
                "SELECT first, last FROM finance_segment WHERE bill_code = ?", (document.code,)
            ).fetchall()
        number = int(document.number)
        if segments and not any(row["first"] <= number <= row["last"] for row in segments):
            raise FinanceRefusal(Result.NUMBER_NOT_GRANTED)

    def _check_original(self, fields: Mapping[str, str | dict[str, str]], document: BillDocument) -> None:
        related = (text_of(fields, "RelatedInvoiceCode"), text_of(fields, "RelatedInvoiceNumber"))
        if related != (document.ext.related_code, document.ext.related_number):
            raise FinanceRefusal(Result.DOCUMENT_DISAGREES, "红票的原票信息与票据内容不一致")
        with self._store.transaction() as connection:
            original = _find(connection, *related)
        if original is None or original["state"] != SUPERVISED:
            raise FinanceRefusal(Result.RELATED_UNKNOWN)

    def _state(self, code: str, number: str, result: Result) -> Answer:
        self._supervise_due(code, number)
        with self._store.transaction() as connection:
            row = _find(connection, code, number)
        if row is None:
            raise FinanceRefusal(Result.BILL_UNKNOWN)
        answer: Answer = {"ResultCode": result.value, "ResultMsg": result.title}
        if row["state"] == SUPERVISED:
            moment = datetime.fromtimestamp(row["supervised_at"], UTC)
            return answer | accepted_fields(row["element"], json.loads(row["seal"]), moment)
        if row["state"] == REFUSED:
            opinion = json.loads(row["seal"])["opinion"]
            return answer | {"State": REFUSED, "RefusalCode": Result.FIELD_INVALID.value, "Opinion": opinion}
        return answer | {"State": QUEUED}

    def _supervise_due(self, code: str = "", number: str = "") -> None:
        """Sign what is due: the effect of an upload, counted each time it happens."""
        moment = datetime.now(UTC).replace(microsecond=0)
        where = "state = ? AND due_at <= ?" + (" AND bill_code = ? AND number = ?" if code else "")
        values = (QUEUED, time.time(), *((code, number) if code else ()))
        with self._store.transaction() as connection:
            for row in connection.execute(f"SELECT * FROM finance_bill WHERE {where}", values).fetchall():
                signature = self._signer.sign(xml.supervised_bytes(row["signed"], row["unit_element"]))
                element = xml.supervisor_signature_element("SM3withSM2", moment, self._signer.serial_hex, signature)
                key = (row["bill_code"], row["number"])
                connection.execute(
                    "UPDATE finance_bill SET state = ?, supervised_at = ?, element = ?"
                    " WHERE bill_code = ? AND number = ?",
                    (SUPERVISED, moment.timestamp(), element, *key),
                )
                connection.execute("INSERT INTO finance_effect VALUES (?, ?, ?)", (*key, moment.timestamp()))


def _find(connection: sqlite3.Connection, code: str, number: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "SELECT * FROM finance_bill WHERE bill_code = ? AND number = ?", (code, number)
    ).fetchone()
    return found


def _seal(document: BillDocument) -> dict[str, str]:
    seal = document.supervisor_seal
    if seal is None:
        raise FinanceRefusal(Result.FIELD_INVALID, "票据缺少财政监制章 SupervisorPartySeal")
    return {"SealId": seal.id, "SealName": seal.name, "SealHash": seal.hash}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
