"""Scan-first search of the console: one text of any kind → the unit's bills it may mean, newest first."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, or_, select

from portal.core.clock import now
from portal.core.services import Services
from portal.domain.identity import name_spellings, normalise
from portal.domain.link import TOKEN
from portal.ledger import bill_lists
from portal.ledger.persons import number_digests
from portal.models.tables import BILL, BILL_PARTY, PARTY_KEY, PATIENT_PASS

MOST = 20


@dataclass(frozen=True, slots=True)
class Found:
    """Rows as of :func:`portal.ledger.bill_lists.of_unit`. ``how`` for the log: shown (the QR of
    a patient's phone), link, bill, serial, number or name."""

    how: str
    rows: list[Row[Any]]

    @property
    def ids(self) -> list[int]:
        """The bills' row ids."""
        return [row.id for row in self.rows]

    @property
    def personal(self) -> bool:
        """Whether somebody was looked up by a name, a number or the QR on a phone."""
        return self.how in ("shown", "number", "name")


def find(services: Services, connection: Connection, unit_id: int, text: str) -> Found:
    """Find the bills that a text means. The first of its possible meanings that finds anything is the answer.

    These are the QR that a patient shows, a bill link, a bill's code and number, a serial, a number of the patient
    (ID, card, phone), a name.
    """
    text = text.strip()[:500]
    for how, condition in _meanings(services, connection, text):
        found = bill_lists.of_unit(unit_id).where(condition).order_by(BILL.c.issued_at.desc(), BILL.c.id.desc())
        rows = list(connection.execute(found.limit(MOST)))
        if rows:
            return Found(how, rows)
    return Found("nothing", [])


def _meanings(services: Services, connection: Connection, text: str) -> list[tuple[str, ColumnElement[bool]]]:
    meanings: list[tuple[str, ColumnElement[bool]]] = []
    shown = _shown(services, connection, text)
    if shown is not None:
        return [("shown", shown)]
    token = text.rstrip("/").rpartition("/")[2]
    if TOKEN.fullmatch(token):
        digest = services.index.digest("link", token)
        meanings.append(("link", or_(BILL.c.link_digest == digest, BILL.c.earlier_link_digest == digest)))
    number = normalise(text)
    # The fiscal QR of a face has code and number as neighbouring parts between commas.
    parts = [part.strip() for part in text.split(",")]
    pairs = [(a, b) for a, b in pairwise(parts) if _digits(a, 8) and _digits(b, 10)]
    if _digits(number, 18):
        pairs.append((number[:8], number[8:]))
    meanings += [("bill", (BILL.c.bill_code == code) & (BILL.c.number == int(last))) for code, last in pairs]
    if _digits(number, 10):
        meanings.append(("bill", BILL.c.number == int(number)))
    if text:
        meanings.append(("serial", BILL.c.serial == text[:50]))
    if number:
        by_key = select(PARTY_KEY.c.bill_id).where(PARTY_KEY.c.digest.in_(number_digests(services, number)))
        meanings.append(("number", BILL.c.id.in_(by_key)))
    if names := name_spellings(text):
        digests = [services.index.digest("name", name) for name in names]
        meanings.append(("name", BILL_PARTY.c.name_digest.in_(digests)))
    return meanings


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
