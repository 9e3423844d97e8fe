"""Scan-first search of the console: one text of any kind → the unit's bills it may mean, newest first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, Connection, and_, false, literal, or_, select, union_all

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.identity import name_spellings, normalise
from portal.domain.link import TOKEN
from portal.ledger import bill_lists, vouchers
from portal.ledger.persons import number_digests, visit_digests
from portal.ledger.vouchers import VoucherFacts
from portal.models.tables import (
    BILL,
    BILL_PARTY,
    NUMBER_SEGMENT,
    PAPER_BILL,
    PARTY_KEY,
    PATIENT_PASS,
    STOCK_APPLICATION,
    STOCK_DESTRUCTION,
    STOCK_RECEIPT,
    STOCK_RETURN,
    STOCK_SLIP,
    STOCK_VOID,
    VISIT_KEY,
)

STOCK_DOCUMENTS = (STOCK_APPLICATION, STOCK_RECEIPT, STOCK_SLIP, STOCK_RETURN, STOCK_VOID, STOCK_DESTRUCTION)

PAGE = 20
"""Bills on one page of a result."""
MOST_ELSEWHERE = 50
_DOCUMENT = re.compile(r"[A-Z]{2}\d{8,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """What a text means. ``how`` for the log: shown (the QR of a patient's phone), link, bill (or its paper), serial,
    check (a check code), visit, number, name or payer (the filter of a list); ``ids``: the newest bills, at most
    a page of them."""

    how: str
    condition: ColumnElement[bool]
    ids: list[int]

    @property
    def personal(self) -> bool:
        """Whether somebody was looked up by a name, a number or the QR on a phone."""
        return self.how in ("shown", "visit", "number", "name", "payer")


def find(services: Services, connection: Connection, unit_id: int, text: str) -> Found:
    """Find the bills that a text means. The first of its possible meanings that finds anything is the answer.

    These are the QR that a patient shows, a bill link, code and number of a bill or of the paper it was exchanged to,
    a serial, a check code, a number of the visit, a number of the patient (ID, card, phone), a name.
    """
    for how, condition in _meanings(services, connection, unit_id, text.strip()[:500]):
        if ids := newest(connection, unit_id, condition):
            return Found(how, condition, ids)
    return Found("nothing", false(), [])


def newest(connection: Connection, unit_id: int, condition: ColumnElement[bool]) -> list[int]:
    """Return the newest bills of a condition, at most a page of them."""
    wanted = bill_lists.of_unit(unit_id).where(condition).order_by(BILL.c.issued_at.desc(), BILL.c.id.desc())
    return list(connection.scalars(wanted.with_only_columns(BILL.c.id).limit(PAGE)))


def of_payer(services: Services, text: str) -> ColumnElement[bool]:
    """Return the condition that a bill's payer has this name or number."""
    names = [services.index.digest("name", name) for name in name_spellings(text)]
    by_key = select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest.in_(number_digests(services, text)))
    return or_(BILL_PARTY.c.name_digest.in_(names), BILL.c.id.in_(by_key))


@dataclass(frozen=True, slots=True)
class StockDocument:
    """A document of the stock that a number names; ``kind``: the name of its table."""

    kind: str
    no: str
    state: str


def stock_documents(connection: Connection, unit_id: int, text: str) -> list[StockDocument]:
    """Find the stock's documents with this number (SL…, RK…, FF…): one, as numbers are used once."""
    no = normalise(text)
    if not _DOCUMENT.fullmatch(no):
        return []
    wanted = union_all(
        *(
            select(literal(table.name).label("kind"), table.c.no, table.c.state).where(
                table.c.unit_id == unit_id, table.c.no == no
            )
            for table in STOCK_DOCUMENTS
        )
    )
    return [StockDocument(*row) for row in connection.execute(wanted)]


def vouchers_of(services: Services, connection: Connection, unit_id: int, text: str) -> list[VoucherFacts]:
    """Find the deposits that a text means, newest first: by number of the voucher, of the stay or of the person."""
    return vouchers.deposits_of(services, connection, unit_id, text[:60])[:MOST_ELSEWHERE] if normalise(text) else []


def _meanings(
    services: Services, connection: Connection, unit_id: int, text: str
) -> Iterator[tuple[str, ColumnElement[bool]]]:
    shown = _shown(services, connection, text)
    if shown is not None:
        yield "shown", shown
        return
    token = text.rstrip("/").rpartition("/")[2]
    if TOKEN.fullmatch(token):
        digest = services.index.digest("link", token)
        yield "link", or_(BILL.c.link_digest == digest, BILL.c.earlier_link_digest == digest)
    number = normalise(text)
    # The fiscal QR of a face has code and number as neighbouring parts between commas.
    parts = [part.strip() for part in text.split(",")]
    pairs = [([a], int(b)) for a, b in pairwise(parts) if _digits(a, 8) and _digits(b, 10)]
    if _digits(number, 18):
        pairs.append(([number[:8]], int(number[8:])))
    if _digits(number, 10):
        pairs.append((_codes(connection, unit_id), int(number)))
    for codes, last in pairs:
        yield "bill", _numbered(codes, last)
    if text:
        yield "serial", BILL.c.serial == text[:50]
    if re.fullmatch(r"[0-9A-Za-z]{6}", text):
        yield "check", BILL.c.check_code.in_({text, text.lower(), text.upper()})
    if number:
        of_visit = select(VISIT_KEY.c.bill_id).where(VISIT_KEY.c.digest.in_(visit_digests(services.index, number)))
        by_key = select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest.in_(number_digests(services, number)))
        yield "visit", BILL.c.id.in_(of_visit)
        yield "number", BILL.c.id.in_(by_key)
    if names := name_spellings(text):
        yield "name", BILL_PARTY.c.name_digest.in_([services.index.digest("name", name) for name in names])


def _codes(connection: Connection, unit_id: int) -> list[str]:
    """Return the codes of the unit's numbers: with them an index finds a number that is typed without its code."""
    owned = select(NUMBER_SEGMENT.c.bill_code).where(NUMBER_SEGMENT.c.unit_id == unit_id).distinct()
    return list(connection.scalars(owned))


def _numbered(codes: list[str], number: int) -> ColumnElement[bool]:
    """Return the condition that a bill, or paper that it was exchanged to, has this number."""
    on_paper = select(PAPER_BILL.c.bill_id).where(PAPER_BILL.c.paper_code.in_(codes), PAPER_BILL.c.number == number)
    return or_(and_(BILL.c.bill_code.in_(codes), BILL.c.number == number), BILL.c.id.in_(on_paper))


def _shown(services: Services, connection: Connection, text: str) -> ColumnElement[bool] | None:
    """Return the condition of the bills behind the QR on a patient's phone; ``None`` for any other text."""
    code = text.upper()
    if not re.fullmatch(r"QPW[2-9A-HJ-NP-Z]{26}", code):
        return None
    digest = services.index.digest("pass", code)
    wanted = select(PATIENT_PASS.c.claim).where(
        PATIENT_PASS.c.digest == digest,
        PATIENT_PASS.c.purpose == "window",
        PATIENT_PASS.c.expires_at > now(),
        PATIENT_PASS.c.revoked_at.is_(None),
    )
    sealed = connection.scalar(wanted)
    if sealed is None:
        return false()
    claim = json.loads(services.cipher.decrypt("patient_pass.claim", digest.hex(), sealed))
    opened = BILL.c.id.in_(claim["bills"])
    if not claim["number"]:
        return opened
    by_key = select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest == bytes.fromhex(claim["number"]))
    return or_(opened, and_(BILL.c.id.in_(by_key), BILL_PARTY.c.name_digest == bytes.fromhex(claim["name"])))


def _digits(text: str, count: int) -> bool:
    return re.fullmatch(rf"\d{{{count}}}", text, re.ASCII) is not None
