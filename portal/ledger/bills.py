"""Reads of bills: named queries for every edge, of few columns each."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, exists, literal, or_, select

from portal.core.database import lock_row
from portal.core.services import Services
from portal.domain import link
from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber
from portal.domain.states.bills import BillState, PaperState, ReversalReason
from portal.domain.states.standing import Condition, Standing, standing
from portal.models.tables import (
    BILL,
    BILL_DETAIL,
    BILL_DOCUMENT,
    BILL_ITEM,
    BILL_PARTY,
    BOOKING,
    FINANCE_MESSAGE,
    HIS_ACCOUNT,
    PAPER_BILL,
    POINT,
    REVERSAL,
    SUPERVISION,
)
from portal.rendering import xml


@dataclass(frozen=True, slots=True)
class BillFacts:
    """The facts of a bill in lists and answers; money in fen, ``number`` with its ten digits."""

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
    exchanged: bool
    """A sheet of paper stands for it."""
    booked: bool
    """A unit has booked it, or a part of it."""

    @property
    def pair(self) -> str:
        """Code and number as people read them."""
        return f"{self.code} {self.number}"

    @property
    def standing(self) -> Standing:
        """What it is good for now."""
        return standing(Condition(self.state, self.total_fen < 0, self.exchanged, self.booked))

    @property
    def insured_fen(self) -> int:
        """The amount that insurance paid: funds and personal account."""
        return self.fund_fen + self.other_fund_fen + self.account_fen


_NAMES = tuple(BillFacts.__dataclass_fields__)
_NUMBER, _STATE = _NAMES.index("number"), _NAMES.index("state")
_SHEET, _BOOKING = PAPER_BILL.alias("standing_sheet"), BOOKING.alias("standing_booking")
_ELSEWHERE = {
    "bill_id": BILL.c.id,
    "code": BILL.c.bill_code,
    "point_code": POINT.c.code,
    "appid": HIS_ACCOUNT.c.appid,
    "exchanged": exists()
    .where(_SHEET.c.bill_id == BILL.c.id, _SHEET.c.state == PaperState.VALID.value)
    .correlate(BILL),
    "booked": exists().where(_BOOKING.c.bill_id == BILL.c.id).correlate(BILL),
}

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
    """Make the facts of a row of :data:`FACTS` or :data:`FACTS_AND_PAYER`."""
    values = list(row[: len(_NAMES)])
    values[_NUMBER] = f"{values[_NUMBER]:010d}"
    values[_STATE] = BillState(values[_STATE])
    return BillFacts(*values)


def read_payer(services: Services, row: Any) -> str:
    """Open the payer's full name in a row of :data:`FACTS_AND_PAYER`. The caller masks or audits it."""
    return services.cipher.decrypt_text("bill_party.name", row.bill_id, row.name)


def _one(connection: Connection, statement: Select[Any], **wanted: Any) -> BillFacts | None:
    row = connection.execute(statement, wanted).one_or_none()
    return None if row is None else read_facts(row)


def by_id(connection: Connection, bill_id: int) -> BillFacts | None:
    """Read the bill of a row id."""
    return _one(connection, _BY_ID, bill=bill_id)


def by_serial(connection: Connection, account_id: int, serial: str) -> BillFacts | None:
    """Read the bill of a serial of a HIS account."""
    return _one(connection, _BY_SERIAL, account=account_id, sent=serial)


def by_number(connection: Connection, unit_id: int, code: str, number: str) -> BillFacts | None:
    """Read the unit's bill of a code and number (leading zeros do not matter)."""
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        return None
    return _one(connection, _BY_NUMBER, unit=unit_id, kind=code, sent=int(number))


def by_link(services: Services, connection: Connection, link_digest: bytes) -> tuple[BillFacts, str] | None:
    """Read the bill of a link, and its payer's full name, which the caller masks or audits.

    The keyed hash of the link may be that of the newest key or of the one before it.
    """
    row = connection.execute(_BY_LINK, {"digest": link_digest}).one_or_none()
    return None if row is None else (read_facts(row), read_payer(services, row))


def red_of(connection: Connection, bill_id: int) -> BillFacts | None:
    """Read the red bill that reversed a bill."""
    return _one(connection, _RED_OF, bill=bill_id)


@dataclass(frozen=True, slots=True)
class ItemLine:
    """A charge item of a bill as it stands on its face."""

    fiscal_name: str
    amount_fen: int


def items(connection: Connection, bill_id: int) -> list[ItemLine]:
    """Read the charge items of a bill in their order."""
    return [ItemLine(*row) for row in connection.execute(_ITEMS, {"bill": bill_id})]


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
    """Assemble the whole ``einvoice.xml`` of a bill."""
    with services.database.read() as connection:
        return stored_document(services, connection, bill_id).einvoice_xml


def sent_body(services: Services, bill_id: int) -> str:
    """Open the business JSON text that the HIS sent for a bill."""
    with services.database.read() as connection:
        sealed = connection.execute(select(BILL_DOCUMENT.c.sent).where(BILL_DOCUMENT.c.bill_id == bill_id)).scalar_one()
    return zlib.decompress(services.cipher.decrypt("bill_document.sent", bill_id, sealed)).decode()


def sent_bodies(services: Services, connection: Connection, bill_ids: Iterable[int]) -> dict[int, str]:
    """Open the business JSON texts of some bills."""
    rows = connection.execute(
        select(BILL_DOCUMENT.c.bill_id, BILL_DOCUMENT.c.sent).where(BILL_DOCUMENT.c.bill_id.in_(list(bill_ids)))
    )
    opened = ((row.bill_id, services.cipher.decrypt("bill_document.sent", row.bill_id, row.sent)) for row in rows)
    return {bill_id: zlib.decompress(body).decode() for bill_id, body in opened}


def payer_name(services: Services, connection: Connection, bill_id: int) -> str:
    """Open the payer's full name. The caller masks or audits it."""
    return read_payer(services, connection.execute(_PAYER, {"bill": bill_id}).one())


def token_of(services: Services, unit_code: str, bill: BillFacts) -> str:
    """Compute the token of a bill's link again (only its keyed hash is stored)."""
    key = services.keyring.link_key(bill.link_key, bill.appid)
    return link.token(key, bill.link_key, unit_code, bill.serial, bill.link_generation)


def address_of(services: Services, unit_code: str, bill: BillFacts) -> str:
    """Return the one address of a bill's page, for slips, messages, answers and the code on its face."""
    return services.settings.bill_address(token_of(services, unit_code, bill))


def party(services: Services, connection: Connection, bill_id: int) -> dict[str, str]:
    """Open the payer: name, phone and the other identity fields by name. The caller audits."""
    row = connection.execute(select(BILL_PARTY).where(BILL_PARTY.c.bill_id == bill_id)).one()
    opened = {"name": services.cipher.decrypt_text("bill_party.name", bill_id, row.name)}
    if row.phone is not None:
        opened["phone"] = services.cipher.decrypt_text("bill_party.phone", bill_id, row.phone)
    identity = json.loads(services.cipher.decrypt("bill_party.identity", bill_id, row.identity))
    return opened | {key: str(value) for key, value in identity.items() if value}


def visit_no(services: Services, connection: Connection, bill_id: int) -> str:
    """Return the HIS's number of the visit: 住院就诊编号 if it was sent, else 住院号 or 患者就诊编号, else ""."""
    row = connection.execute(
        select(BILL_DOCUMENT.c.signed, BILL_DOCUMENT.c.sent).where(BILL_DOCUMENT.c.bill_id == bill_id)
    ).one()
    sent = json.loads(zlib.decompress(services.cipher.decrypt("bill_document.sent", bill_id, row.sent)))
    ext = xml.extension(zlib.decompress(services.cipher.decrypt("bill_document.signed", bill_id, row.signed)))
    return str(sent.get("visitNo") or ext.hospitalization_number or ext.patient_number)


@dataclass(frozen=True, slots=True)
class FinanceExchange:
    """A message to finance about a bill, with its answer."""

    message_no: str
    sent_at: datetime
    answered_at: datetime | None
    attempt: int
    outcome: str
    result_code: str
    reason: str


def exchanges(connection: Connection, bill_id: int) -> list[FinanceExchange]:
    """Read the messages to finance about a bill, the oldest first."""
    columns = (FINANCE_MESSAGE.c[name] for name in FinanceExchange.__dataclass_fields__)
    wanted = select(*columns).where(FINANCE_MESSAGE.c.bill_id == bill_id).order_by(FINANCE_MESSAGE.c.sent_at)
    return [FinanceExchange(*row) for row in connection.execute(wanted)]


@dataclass(frozen=True, slots=True)
class BillRecord:
    """The few columns of a bill that the acts on it judge by."""

    id: int
    unit_id: int
    kind_id: int
    bill_code: str
    number: int
    title: str
    total_fen: int
    state: BillState
    red_of_id: int | None

    @property
    def pair(self) -> BillNumber:
        """Code and number."""
        return BillNumber(self.bill_code, self.number)


_RECORD = select(*(BILL.c[name] for name in BillRecord.__dataclass_fields__)).where(BILL.c.id == bindparam("bill"))


def _record(row: Row[Any] | None) -> BillRecord:
    if row is None:
        raise Refusal("BILL_NOT_FOUND")
    return BillRecord(**dict(row._mapping) | {"state": BillState(row.state)})


def record(connection: Connection, bill_id: int) -> BillRecord:
    """Read what the acts on a bill judge by. Raises BILL_NOT_FOUND."""
    return _record(connection.execute(_RECORD, {"bill": bill_id}).one_or_none())


def lock_bill(connection: Connection, bill_id: int) -> BillRecord:
    """As :func:`record`, held to the commit: reversal and exchange of one bill pass here one after the other."""
    return _record(lock_row(connection, _RECORD.params(bill=bill_id)))


@dataclass(frozen=True, slots=True)
class Booking:
    """The booking of a bill, or of a part of it, by a unit."""

    booked_by: str
    booked_at: datetime
    amount_fen: int


def bookings(connection: Connection, bill_id: int) -> list[Booking]:
    """Read the bookings of a bill in the order of the units' names."""
    wanted = select(BOOKING.c.booked_by, BOOKING.c.booked_at, BOOKING.c.amount_fen).where(BOOKING.c.bill_id == bill_id)
    return [Booking(*row) for row in connection.execute(wanted.order_by(BOOKING.c.booked_by))]


@dataclass(frozen=True, slots=True)
class ReversalFacts:
    """Why and by whom a bill was reversed."""

    kind: ReversalReason
    reason: str
    operator: str
    approver: str
    at: datetime


def reversal_of(connection: Connection, bill_id: int) -> ReversalFacts | None:
    """Read the reversal in which a bill is the original or the red bill."""
    columns = (REVERSAL.c[name] for name in ReversalFacts.__dataclass_fields__)
    either = (REVERSAL.c.bill_id == bill_id) | (REVERSAL.c.red_id == bill_id)
    row = connection.execute(select(*columns).where(either)).one_or_none()
    return None if row is None else ReversalFacts(ReversalReason(row.kind), *row[1:])
