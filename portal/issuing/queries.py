"""Reading bills: named queries for every edge. Core statements, few columns, no lazy loading (design D3)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, or_, select

from portal.core.services import Services
from portal.domain import link
from portal.domain.states import BillState
from portal.models import Bill, BillDocument, BillParty, HisAccount, Point, Supervision, Unit
from portal.rendering import xml

BILL: Table = Bill.__table__  # type: ignore[assignment]
DOCUMENT: Table = BillDocument.__table__  # type: ignore[assignment]
PARTY: Table = BillParty.__table__  # type: ignore[assignment]
POINT: Table = Point.__table__  # type: ignore[assignment]
SUPERVISION: Table = Supervision.__table__  # type: ignore[assignment]
ACCOUNT: Table = HisAccount.__table__  # type: ignore[assignment]
UNIT: Table = Unit.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class BillFacts:
    """What lists and answers say of a bill; money in fen, ``number`` with its ten digits."""

    bill_id: int
    unit_id: int
    title: str
    code: str
    number: str
    check_code: str
    serial: str
    scene: str
    issued_at: datetime
    business_at: datetime
    total_fen: int
    fund_fen: int
    other_fund_fen: int
    account_fen: int
    own_cash_fen: int
    own_cost_fen: int
    self_pay_fen: int
    department: str
    department_code: str
    insurance_type: str
    cashier: str
    checker: str
    payer_kind: str
    state: BillState
    point_code: str
    appid: str
    link_generation: int
    link_key: str

    @property
    def insured_fen(self) -> int:
        """What insurance paid: funds and personal account."""
        return self.fund_fen + self.other_fund_fen + self.account_fen


def _facts() -> Select[Any]:
    columns = [
        BILL.c.id.label("bill_id"),
        BILL.c.bill_code.label("code"),
        POINT.c.code.label("point_code"),
        ACCOUNT.c.appid,
        *(
            BILL.c[name]
            for name in BillFacts.__dataclass_fields__
            if name not in ("bill_id", "code", "point_code", "appid")
        ),
    ]
    source = BILL.join(POINT, POINT.c.id == BILL.c.point_id).join(ACCOUNT, ACCOUNT.c.id == BILL.c.account_id)
    return select(*columns).select_from(source)


_FACTS = _facts()


def _read(row: Any) -> BillFacts:
    values = dict(row._mapping)
    values["number"] = f"{values['number']:010d}"
    values["state"] = BillState(values["state"])
    return BillFacts(**values)


def _one(connection: Connection, statement: Select[Any]) -> BillFacts | None:
    row = connection.execute(statement).one_or_none()
    return None if row is None else _read(row)


def by_id(connection: Connection, bill_id: int) -> BillFacts | None:
    """The bill with this row id."""
    return _one(connection, _FACTS.where(BILL.c.id == bill_id))


def by_serial(connection: Connection, account_id: int, serial: str) -> BillFacts | None:
    """The bill of a HIS account's serial."""
    return _one(connection, _FACTS.where(BILL.c.account_id == account_id, BILL.c.serial == serial))


def by_number(connection: Connection, unit_id: int, code: str, number: str) -> BillFacts | None:
    """The unit's bill with this code and number (leading zeros do not matter)."""
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        return None
    return _one(
        connection, _FACTS.where(BILL.c.unit_id == unit_id, BILL.c.bill_code == code, BILL.c.number == int(number))
    )


def by_link(connection: Connection, link_digest: bytes) -> BillFacts | None:
    """The bill whose link has this keyed hash, under the newest key or the one before it."""
    found = or_(BILL.c.link_digest == link_digest, BILL.c.earlier_link_digest == link_digest)
    return _one(connection, _FACTS.where(found))


def by_ids(connection: Connection, bill_ids: Sequence[int]) -> list[BillFacts]:
    """These bills, newest business first."""
    statement = _FACTS.where(BILL.c.id.in_(bill_ids)).order_by(BILL.c.business_at.desc(), BILL.c.id.desc())
    return [_read(row) for row in connection.execute(statement)]


def red_of(connection: Connection, bill_id: int) -> BillFacts | None:
    """The red bill that reversed this one."""
    return _one(connection, _FACTS.where(BILL.c.red_of_id == bill_id))


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """The stored parts of a bill's document, opened: ``signed`` are the exact bytes the unit signed."""

    signed: bytes
    unit_element: bytes
    supervisor_element: bytes | None

    @property
    def einvoice_xml(self) -> bytes:
        """The whole ``einvoice.xml``."""
        return xml.assemble(self.signed, self.unit_element, self.supervisor_element)


def stored_document(services: Services, connection: Connection, bill_id: int) -> StoredDocument:
    """Read and open a bill's document. Raises NoResultFound, SealBroken."""
    row = connection.execute(
        select(
            DOCUMENT.c.signed,
            DOCUMENT.c.signature,
            DOCUMENT.c.signed_at,
            DOCUMENT.c.certificate_serial,
            SUPERVISION.c.element,
        )
        .select_from(DOCUMENT.outerjoin(SUPERVISION, SUPERVISION.c.bill_id == DOCUMENT.c.bill_id))
        .where(DOCUMENT.c.bill_id == bill_id)
    ).one()
    signed = zlib.decompress(services.cipher.decrypt("bill_document.signed", bill_id, row.signed))
    unit = xml.unit_signature_element("SM3withSM2", row.signed_at, row.certificate_serial, row.signature)
    return StoredDocument(signed, unit, row.element)


def document_xml(services: Services, bill_id: int) -> bytes:
    """The whole ``einvoice.xml`` of a bill."""
    with services.database.read() as connection:
        return stored_document(services, connection, bill_id).einvoice_xml


def sent_body(services: Services, bill_id: int) -> str:
    """What the HIS sent for this bill: its business JSON text, opened."""
    with services.database.read() as connection:
        sealed = connection.execute(select(DOCUMENT.c.sent).where(DOCUMENT.c.bill_id == bill_id)).scalar_one()
    return zlib.decompress(services.cipher.decrypt("bill_document.sent", bill_id, sealed)).decode()


def payer_name(services: Services, connection: Connection, bill_id: int) -> str:
    """The payer's full name, opened. The caller masks or audits."""
    sealed = connection.execute(select(PARTY.c.name).where(PARTY.c.bill_id == bill_id)).scalar_one()
    return services.cipher.decrypt_text("bill_party.name", bill_id, sealed)


def token_of(services: Services, unit_code: str, bill: BillFacts) -> str:
    """The token of a bill's link, computed again (only its keyed hash is stored)."""
    key = services.keyring.link_key(bill.link_key, bill.appid)
    return link.token(key, bill.link_key, unit_code, bill.serial, bill.link_generation)
