"""Reading bills: named queries for every edge. Core statements, few columns, no lazy loading (design D3)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, literal, or_, select

from portal.core.services import Services
from portal.domain import link
from portal.domain.errors import Refusal
from portal.domain.states import BillState
from portal.models.tables import (
    BILL,
    BILL_DETAIL,
    BILL_DOCUMENT,
    BILL_ITEM,
    BILL_PARTY,
    FISCAL_EXCHANGE,
    HIS_ACCOUNT,
    POINT,
    SUPERVISION,
)
from portal.rendering import xml


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


_NAMES = tuple(BillFacts.__dataclass_fields__)
_NUMBER, _STATE = _NAMES.index("number"), _NAMES.index("state")
_ELSEWHERE = {"bill_id": BILL.c.id, "code": BILL.c.bill_code, "point_code": POINT.c.code, "appid": HIS_ACCOUNT.c.appid}

# Statements are built once: building and hashing one costs more than running it.
FACTS: Select[Any] = (
    select(*(_ELSEWHERE[name].label(name) if name in _ELSEWHERE else BILL.c[name] for name in _NAMES))
    .select_from(BILL)
    .join(POINT, POINT.c.id == BILL.c.point_id)
    .join(HIS_ACCOUNT, HIS_ACCOUNT.c.id == BILL.c.account_id)
)
"""The columns of :class:`BillFacts`, in its order. Narrow it with ``where`` at the top of a module."""
FACTS_AND_PAYER: Select[Any] = FACTS.add_columns(BILL_PARTY.c.name).join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
"""The same and the payer's sealed name."""

_BY_ID = FACTS.where(BILL.c.id == bindparam("bill"))
_BY_SERIAL = FACTS.where(BILL.c.account_id == bindparam("account"), BILL.c.serial == bindparam("sent"))
_BY_NUMBER = FACTS.where(
    BILL.c.unit_id == bindparam("unit"), BILL.c.bill_code == bindparam("kind"), BILL.c.number == bindparam("sent")
)
_BY_LINK = FACTS_AND_PAYER.where(
    or_(BILL.c.link_digest == bindparam("digest"), BILL.c.earlier_link_digest == bindparam("digest"))
)
_RED_OF = FACTS.where(BILL.c.red_of_id == bindparam("bill"))
_DOCUMENT = (
    select(
        BILL_DOCUMENT.c.signed,
        BILL_DOCUMENT.c.signature,
        BILL_DOCUMENT.c.signed_at,
        BILL_DOCUMENT.c.certificate_serial,
        SUPERVISION.c.element,
    )
    .select_from(BILL_DOCUMENT.outerjoin(SUPERVISION, SUPERVISION.c.bill_id == BILL_DOCUMENT.c.bill_id))
    .where(BILL_DOCUMENT.c.bill_id == bindparam("bill"))
)
_PAYER = select(BILL_PARTY.c.bill_id, BILL_PARTY.c.name).where(BILL_PARTY.c.bill_id == bindparam("bill"))
_AS_DETAILS = (
    select(
        BILL_ITEM.c.fiscal_name.label("charge_name"),
        BILL_ITEM.c.charge_code.label("code"),
        BILL_ITEM.c.charge_name.label("name"),
        literal("").label("spec"),
        BILL_ITEM.c.unit,
        BILL_ITEM.c.price_micro,
        BILL_ITEM.c.quantity_micro,
        (BILL_ITEM.c.amount_fen * 10_000).label("amount_micro"),
        (BILL_ITEM.c.self_fen * 10_000).label("self_micro"),
        literal("").label("insurance_class"),
        BILL_ITEM.c.remark,
    )
    .where(BILL_ITEM.c.bill_id == bindparam("bill"))
    .order_by(BILL_ITEM.c.line)
)
_ITEMS = (
    select(BILL_ITEM.c.fiscal_name, BILL_ITEM.c.amount_fen)
    .where(BILL_ITEM.c.bill_id == bindparam("bill"))
    .order_by(BILL_ITEM.c.line)
)


def read_facts(row: Any) -> BillFacts:
    """The facts in a row of :data:`FACTS` or :data:`FACTS_AND_PAYER`."""
    values = list(row[: len(_NAMES)])
    values[_NUMBER] = f"{values[_NUMBER]:010d}"
    values[_STATE] = BillState(values[_STATE])
    return BillFacts(*values)


def read_payer(services: Services, row: Any) -> str:
    """The payer's full name in a row of :data:`FACTS_AND_PAYER`, opened. The caller masks or audits."""
    return services.cipher.decrypt_text("bill_party.name", row.bill_id, row.name)


def _one(connection: Connection, statement: Select[Any], **wanted: Any) -> BillFacts | None:
    row = connection.execute(statement, wanted).one_or_none()
    return None if row is None else read_facts(row)


def by_id(connection: Connection, bill_id: int) -> BillFacts | None:
    """The bill with this row id."""
    return _one(connection, _BY_ID, bill=bill_id)


def by_serial(connection: Connection, account_id: int, serial: str) -> BillFacts | None:
    """The bill of a HIS account's serial."""
    return _one(connection, _BY_SERIAL, account=account_id, sent=serial)


def by_number(connection: Connection, unit_id: int, code: str, number: str) -> BillFacts | None:
    """The unit's bill with this code and number (leading zeros do not matter)."""
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        return None
    return _one(connection, _BY_NUMBER, unit=unit_id, kind=code, sent=int(number))


def by_link(services: Services, connection: Connection, link_digest: bytes) -> tuple[BillFacts, str] | None:
    """The bill whose link has this keyed hash, under the newest key or the one before it; its payer's full name.

    The caller masks or audits the name.
    """
    row = connection.execute(_BY_LINK, {"digest": link_digest}).one_or_none()
    return None if row is None else (read_facts(row), read_payer(services, row))


def red_of(connection: Connection, bill_id: int) -> BillFacts | None:
    """The red bill that reversed this one."""
    return _one(connection, _RED_OF, bill=bill_id)


def items(connection: Connection, bill_id: int) -> Sequence[Row[Any, Any]]:
    """The charge items of a bill in their order: ``fiscal_name``, ``amount_fen``."""
    return connection.execute(_ITEMS, {"bill": bill_id}).all()


def detail_lines(connection: Connection, bill_id: int) -> Sequence[Row[Any]]:
    """Return a bill's detail lines (清单) in order; none when it came without."""
    lines = select(BILL_DETAIL).where(BILL_DETAIL.c.bill_id == bill_id).order_by(BILL_DETAIL.c.line)
    return connection.execute(lines).all()


def details(connection: Connection, bill_id: int) -> Sequence[Row[Any]]:
    """Return a bill's detail lines (清单); its charge items in the same columns when it came without lines."""
    return detail_lines(connection, bill_id) or connection.execute(_AS_DETAILS, {"bill": bill_id}).all()


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
    row = connection.execute(_DOCUMENT, {"bill": bill_id}).one()
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
        sealed = connection.execute(select(BILL_DOCUMENT.c.sent).where(BILL_DOCUMENT.c.bill_id == bill_id)).scalar_one()
    return zlib.decompress(services.cipher.decrypt("bill_document.sent", bill_id, sealed)).decode()


def payer_name(services: Services, connection: Connection, bill_id: int) -> str:
    """The payer's full name, opened. The caller masks or audits."""
    return read_payer(services, connection.execute(_PAYER, {"bill": bill_id}).one())


def token_of(services: Services, unit_code: str, bill: BillFacts) -> str:
    """The token of a bill's link, computed again (only its keyed hash is stored)."""
    key = services.keyring.link_key(bill.link_key, bill.appid)
    return link.token(key, bill.link_key, unit_code, bill.serial, bill.link_generation)


def party(services: Services, connection: Connection, bill_id: int) -> dict[str, str]:
    """The payer opened: name, phone and the other identity fields by name. The caller audits."""
    row = connection.execute(select(BILL_PARTY).where(BILL_PARTY.c.bill_id == bill_id)).one()
    opened = {"name": services.cipher.decrypt_text("bill_party.name", bill_id, row.name)}
    if row.phone is not None:
        opened["phone"] = services.cipher.decrypt_text("bill_party.phone", bill_id, row.phone)
    identity = json.loads(services.cipher.decrypt("bill_party.identity", bill_id, row.identity))
    return opened | {key: str(value) for key, value in identity.items() if value}


def visit_no(services: Services, connection: Connection, bill_id: int) -> str:
    """The HIS's number of the visit: 住院就诊编号 where the HIS sent it, else 住院号 or 患者就诊编号, or ""."""
    row = connection.execute(
        select(BILL_DOCUMENT.c.signed, BILL_DOCUMENT.c.sent).where(BILL_DOCUMENT.c.bill_id == bill_id)
    ).one()
    sent = json.loads(zlib.decompress(services.cipher.decrypt("bill_document.sent", bill_id, row.sent)))
    ext = xml.extension(zlib.decompress(services.cipher.decrypt("bill_document.signed", bill_id, row.signed)))
    return str(sent.get("visitNo") or ext.hospitalization_number or ext.patient_number)


def exchanges(connection: Connection, bill_id: int) -> Sequence[Row[Any]]:
    """The messages to finance about a bill, oldest first."""
    found = select(FISCAL_EXCHANGE).where(FISCAL_EXCHANGE.c.bill_id == bill_id).order_by(FISCAL_EXCHANGE.c.sent_at)
    return connection.execute(found).all()


def lock_bill(connection: Connection, bill_id: int) -> Any:
    """The bill's row, locked to the commit: reversal and exchange of one bill pass here one after the other.

    Raises BILL_NOT_FOUND.
    """
    row = connection.execute(select(BILL).where(BILL.c.id == bill_id).with_for_update()).one_or_none()
    if row is None:
        raise Refusal("BILL_NOT_FOUND")
    return row
