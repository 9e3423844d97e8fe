"""Issuing a bill: number, document, lines, audit entry and outbox row in one transaction ."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from portal import audit
from portal.access.his.accounts import HisAccount
from portal.audit import entries
from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain import link
from portal.domain.actor import Actor
from portal.domain.characters import spelled
from portal.domain.documents.settlement import Settlement
from portal.domain.errors import Refusal
from portal.domain.numbers import BillNumber, CheckCode
from portal.domain.states.bills import BillState
from portal.hospital.references import ReferenceCache
from portal.issuing import numbering
from portal.issuing.bills import content, document, replacement
from portal.issuing.bills.rows import Lines, lines
from portal.issuing.events import BILL_ISSUED
from portal.issuing.numbering import Numbering
from portal.issuing.vouchers import movements
from portal.issuing.vouchers.movements import Consumption
from portal.models import (
    Bill,
    BillDetail,
    BillDocument,
    BillItem,
    BillParty,
    BillPayment,
    BillPurpose,
    PartyKey,
    VisitKey,
)
from portal.models.tables import AUDIT_ENTRY, BILL
from portal.outbox.events import publish
from portal.rendering import xml
from portal.rendering.pdf import fonts

# Built once: building and hashing a statement costs more than running it.
_LINES = tuple(insert(model) for model in (BillItem, BillDetail, BillPayment, PartyKey, BillPurpose, VisitKey))
_PARTY, _BILL, _DOCUMENT = (insert(model) for model in (BillParty, Bill, BillDocument))
_AUDIT = insert(AUDIT_ENTRY)
_BY_SERIAL = select(
    BILL.c.id,
    BILL.c.bill_code,
    BILL.c.number,
    BILL.c.check_code,
    BILL.c.issued_at,
    BILL.c.business_at,
    BILL.c.serial,
    BILL.c.content,
    BILL.c.state,
    BILL.c.link_generation,
    BILL.c.link_key,
).where(BILL.c.account_id == bindparam("account"), BILL.c.serial == bindparam("sent_serial"))


@dataclass(frozen=True, slots=True)
class Issued:
    """The answer to the sender. ``duplicate``: the serial had its bill already, and this is that bill."""

    bill_id: int
    code: str
    number: str
    check_code: str
    issued_at: datetime
    business_at: datetime
    serial: str
    token: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class _Ready:
    """The parts of a bill that are made before the transaction."""

    bill_id: int
    numbering: Numbering
    prepared: xml.Prepared
    lines: Lines
    content: dict[str, str]
    token: str
    earlier_token: str
    outside: tuple[str, ...]
    """Warnings of the bill: charge lines outside the bounds of their items."""


class IssuingService:
    """The issuing service of one process: holds the reference snapshots."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.references = ReferenceCache(services.database)

    def issue(
        self,
        account: HisAccount,
        settlement: Settlement,
        request_id: str = "",
        at: datetime | None = None,
        actor: str = "",
    ) -> Issued:
        """Issue the bill of ``settlement`` or return the one its serial already has.

        ``actor`` is the label of the person who issues it; without one it is the account's machine. ``at`` is the
        time of issue (demo data only; normally the present). Raises :class:`Refusal`: SERIAL_CONFLICT,
        SERIAL_REVERSED, KIND_MISSING, POINT_UNKNOWN, NAME_UNRENDERABLE, STOCK_EXHAUSTED, VOUCHER_USE, BUSY. A
        refusal leaves nothing behind but its audit entry.
        """
        sent = content.digests(self.services.index, settlement)
        by = Actor(actor or f"his:{account.appid}", settlement.cashier, account.unit_id, request_id)
        moment = at or now()

        def attempt() -> Issued:
            # Tried again when another push of this serial was quicker (or, once in millions, a row id met its twin).
            with self.services.database.read() as connection:
                known = _by_serial(connection, account.id, settlement.serial)
            if known is not None:
                return self._again(account, settlement, known, by)
            ready = self._ready(account, settlement, sent, moment)
            return self._write(account, settlement, ready, moment, by)

        return self.services.database.repeat(attempt)

    def _ready(self, account: HisAccount, settlement: Settlement, sent: dict[str, str], moment: datetime) -> _Ready:
        references = self.references.get(account.unit_id)
        numbering.point_id(references, settlement.point_code)  # an unknown point is told before an unrenderable name
        if missing := fonts.missing(settlement.payer.name):
            raise Refusal("NAME_UNRENDERABLE", characters=spelled(missing))
        scene = settlement.scene
        place = numbering.numbering(references, settlement.point_code, scene.form, scene.title, moment)
        earlier = self.services.settings.link_key_ids[1:]
        bill_id = new_id()
        return _Ready(
            bill_id=bill_id,
            numbering=place,
            prepared=xml.prepare(document.document(settlement, references, place.bill_code)),
            lines=lines(self.services, settlement, references, bill_id),
            content=sent,
            token=self.token(account, settlement.serial),
            earlier_token="".join(self.token(account, settlement.serial, key_id) for key_id in earlier),
            outside=tuple(references.outside(settlement.charges)),
        )

    def token(self, account: HisAccount, serial: str, key_id: str = "", generation: int = 0) -> str:
        """Compute the token of the link of a serial's bill, which need not exist yet; by the newest key by default."""
        key_id = key_id or self.services.settings.link_key_ids[0]
        key = self.services.keyring.link_key(key_id, account.appid)
        return link.token(key, key_id, account.unit_code, serial, generation)

    def _write(self, account: HisAccount, settlement: Settlement, ready: _Ready, moment: datetime, by: Actor) -> Issued:
        services, check_code = self.services, CheckCode.draw()
        with services.database.write() as connection:
            _insert_lines(connection, ready.lines)
            told = list(ready.outside)
            if settlement.vouchers:
                consumption = Consumption(account, settlement, ready.bill_id, moment)
                told = movements.consume(services, connection, by, consumption)
            entry = entries.row(by, "bill.issued", ("bill", ready.bill_id), at=moment, unit_id=account.unit_id)
            connection.execute(_AUDIT, entry)
            publish(connection, BILL_ISSUED, ready.bill_id, {"bill": ready.bill_id}, moment)
            taken = numbering.take(connection, ready.numbering)
            signed = ready.prepared.finish(taken.pair.digits, check_code, moment)
            bill = _bill_row(services, account, settlement, ready, moment)
            bill["warnings"] += told
            connection.execute(
                _BILL, bill | {"range_id": taken.range_id, "number": taken.pair.number, "check_code": check_code}
            )
            connection.execute(_DOCUMENT, _document_row(services, ready, signed, moment))
            if settlement.replaces:
                replacement.replace_serial_on(connection, account.id, settlement.replaces, ready.bill_id)
            if settlement.replaced_bill:
                replacement.replace_bill_on(connection, account.unit_id, settlement.replaced_bill, ready.bill_id)
        return Issued(
            ready.bill_id,
            taken.pair.code,
            taken.pair.digits,
            check_code,
            moment,
            settlement.business_at,
            settlement.serial,
            ready.token,
            duplicate=False,
        )

    def _again(self, account: HisAccount, settlement: Settlement, known: Any, by: Actor) -> Issued:
        pair = BillNumber(known.bill_code, known.number)
        differing = content.changed(self.services, account, settlement, known.id, known.content)
        if not differing and known.state != BillState.REVERSED:
            token = self.token(account, known.serial, known.link_key, known.link_generation)
            business_at, issued_at = known.business_at, known.issued_at
            return Issued(
                known.id, pair.code, pair.digits, known.check_code, issued_at, business_at, known.serial, token, True
            )
        with self.services.database.write() as connection:
            details = {"parts": differing, "total_fen": settlement.total_fen}
            audit.record(connection, by, "bill.conflict", ("bill", known.id), details)
        if known.state == BillState.REVERSED:
            raise Refusal("SERIAL_REVERSED", serial=known.serial, bill=str(pair))
        raise Refusal("SERIAL_CONFLICT", serial=known.serial, bill=str(pair), fields="、".join(differing))


def _by_serial(connection: Connection, account_id: int, serial: str) -> Any:
    return connection.execute(_BY_SERIAL, {"account": account_id, "sent_serial": serial}).one_or_none()


def _insert_lines(connection: Connection, made: Lines) -> None:
    made_rows = (made.items, made.details, made.payments, made.keys, made.purpose, made.visit)
    for statement, rows in zip(_LINES, made_rows, strict=True):
        if rows:
            connection.execute(statement, rows)
    connection.execute(_PARTY, made.party)


def _document_row(services: Services, ready: _Ready, signed: bytes, moment: datetime) -> dict[str, Any]:
    return {
        "bill_id": ready.bill_id,
        "signed": services.cipher.encrypt("bill_document.signed", ready.bill_id, zlib.compress(signed, 3)),
        "signature": services.signer.sign(signed),
        "signed_at": moment,
        "certificate_serial": services.signer.serial_hex,
        "sent": ready.lines.sent,
    }


def _bill_row(
    services: Services, account: HisAccount, settlement: Settlement, ready: _Ready, moment: datetime
) -> dict[str, Any]:
    split, visit = settlement.split, settlement.visit
    return {
        "id": ready.bill_id,
        "unit_id": account.unit_id,
        "account_id": account.id,
        "point_id": ready.numbering.point_id,
        "kind_id": ready.numbering.kind_id,
        "serial": settlement.serial,
        "scene": settlement.scene.value,
        "bill_code": ready.numbering.bill_code,
        "title": ready.numbering.kind_name,
        "payer_kind": settlement.payer.kind,
        "total_fen": settlement.total_fen,
        "fund_fen": split.fund_fen,
        "other_fund_fen": split.other_fund_fen,
        "account_fen": split.account_fen,
        "own_cash_fen": split.own_cash_fen,
        "own_cost_fen": split.own_cost_fen,
        "self_pay_fen": split.self_pay_fen,
        "business_at": settlement.business_at,
        "business_day": business_day(settlement.business_at),
        "issued_at": moment,
        "department": visit.department,
        "department_code": visit.department_code,
        "insurance_type": visit.insurance_type,
        "cashier": settlement.cashier,
        "checker": settlement.checker,
        "circulating": settlement.circulating,
        "red_of_id": None,
        "content": ready.content,
        "warnings": list(settlement.warnings),
        "state": BillState.ISSUED.value,
        "state_at": moment,
        "link_digest": services.index.digest("link", ready.token),
        "link_generation": 0,
        "link_key": ready.token[0],
        "earlier_link_digest": services.index.digest("link", ready.earlier_token) if ready.earlier_token else None,
    }
