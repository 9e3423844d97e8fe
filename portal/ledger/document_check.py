"""Whether bills in the tables still say what was signed: who owns the database can change rows, not sealed documents.

Every night the bills of the day before are compared, and a stretch of the archive that begins anywhere, so that the
cost stays the same however many bills there are, and a changed one is found in the end.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from portal import audit
from portal.core.clock import now
from portal.core.crypto.field_cipher import SealBroken
from portal.core.ids import first_of
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.identity import normalise_name
from portal.ledger import bills
from portal.models.tables import BILL, BILL_DOCUMENT, BILL_ITEM, BILL_PARTY
from portal.rendering import xml

A_NIGHT = 2_000
"""Bills of each of the two parts; one takes about a millisecond."""
AT_ONCE = 100
_BILLS = select(BILL, BILL_PARTY.c.name_digest).join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)


def check_night(services: Services, chance: random.Random | None = None) -> int:
    """Compare one night's bills; write each that differs into the log of acts; return how many do."""
    with services.database.read() as connection:
        first, last = connection.execute(select(func.min(BILL.c.id), func.max(BILL.c.id))).one()
    if first is None:
        return 0
    yesterday = first_of(now() - timedelta(days=1, hours=1))
    anywhere = (chance or random.SystemRandom()).randint(first, last)
    found = _check_from(services, yesterday) | _check_from(services, anywhere)
    for bill_id, columns in found.items():
        details = {"columns": sorted(columns)}
        audit.note(services, Actor("system:document-check"), "bill.differs", ("bill", bill_id), details)
    return len(found)


def _check_from(services: Services, first: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for _ in range(A_NIGHT // AT_ONCE):
        with services.database.read() as connection:
            rows = connection.execute(_BILLS.where(BILL.c.id >= first).order_by(BILL.c.id).limit(AT_ONCE)).all()
            found |= {row.id: columns for row in rows if (columns := differences(services, connection, row))}
        if len(rows) < AT_ONCE:
            break
        first = rows[-1].id + 1
    return found


def differences(services: Services, connection: Connection, row: Row[Any]) -> list[str]:
    """Return the names of what differs between a bill's row, its payer, its items and its signed document."""
    try:
        signed = xml.read(bills.stored_document(services, connection, row.id).signed)
    except (SealBroken, ValueError):
        return [BILL_DOCUMENT.name]
    stated = {
        "bill_code": signed.code,
        "number": int(signed.number),
        "check_code": signed.check_code,
        "total_fen": signed.total_fen,
        "serial": signed.serial,
        "cashier": signed.cashier,
        "checker": signed.checker,
        "name_digest": services.index.digest("name", normalise_name(signed.payer.name)),
    }
    different = [name for name, value in stated.items() if getattr(row, name) != value]
    if abs((row.issued_at - signed.issued_at).total_seconds()) >= 1:
        different.append("issued_at")
    amounts = select(BILL_ITEM.c.amount_fen).where(BILL_ITEM.c.bill_id == row.id)
    if sorted(connection.scalars(amounts)) != sorted(item.amount_fen for item in signed.items):
        different.append(BILL_ITEM.name)
    return different
