"""冲红: the reversal of a whole bill by a red bill of its own (docs/reversal.md).

The order of the guards is the order of a clerk's next steps: a red bill, one already reversed, one that its payer has
booked, one that is out on paper. All are asked again inside the transaction, under the lock of the original's row,
which exchange and every other reversal of it must take as well.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from portal.audit import entries
from portal.core.clock import business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain import link
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import commas
from portal.domain.numbers import CheckCode
from portal.domain.states.bills import BillState, ReversalReason
from portal.issuing.bills import red_lines as red
from portal.issuing.events import BILL_ISSUED, BILL_REVERSED
from portal.issuing.numbering import Numbering, take
from portal.issuing.vouchers import movements
from portal.ledger import bills
from portal.ledger.bills import BillRecord, Booking, lock_bill, stored_document
from portal.ledger.paper import valid_sheet
from portal.models import OutboxTask
from portal.models.tables import (
    AUDIT_ENTRY,
    BILL,
    BILL_DOCUMENT,
    BILL_KIND,
    HIS_ACCOUNT,
    POINT,
    REVERSAL,
    UNIT,
)
from portal.outbox import events
from portal.rendering import xml
from portal.stock.years import code_at


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a reversal: the bill, the point, the reason. ``business_at`` is the time of the refund.

    ``limit_fen``: from this amount on somebody else must have approved (大额冲红金额), whose name is ``approver``;
    ``None``: no limit, as for a HIS, whose own desk has approved. ``at``: the time of the red bill (demo data only;
    normally the present).
    """

    bill_id: int
    point_code: str
    kind: ReversalReason
    reason: str
    business_at: datetime | None = None
    limit_fen: int | None = None
    approver: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Red:
    """The red bill in the answer to the sender."""

    bill_id: int
    code: str
    number: str
    check_code: str
    issued_at: datetime
    business_at: datetime
    token: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that stand between a bill and its reversal, read in one moment.

    ``red``: code and number of its red bill, ``paper``: those of its valid sheet; each empty when there is none.
    """

    bill: BillRecord
    red: str
    paper: str
    bookings: list[Booking]

    @property
    def booked_fen(self) -> int | None:
        """The part of the bill that is booked, in fen; None when nobody has booked."""
        return sum(booking.amount_fen for booking in self.bookings) if self.bookings else None

    @property
    def booked(self) -> str:
        """The units that have booked the bill, with amounts and days; empty when none has."""
        if not self.bookings:
            return ""
        parts = [
            f"{booking.booked_by}已于 {business_day(booking.booked_at):%Y-%m-%d} 入账 {commas(booking.amount_fen)} 元"
            for booking in self.bookings
        ]
        total = self.bill.total_fen
        whole = f"（票据金额 {commas(total)} 元）" if self.booked_fen != total else ""
        return f"交款单位{'、'.join(parts)}{whole}"

    def check(self) -> None:
        """Check that the bill may be reversed.

        Raises RED_NOT_REVERSIBLE, ALREADY_REVERSED, BILL_BOOKED, PAPER_STILL_VALID.
        """
        bill = str(self.bill.pair)
        if self.bill.red_of_id is not None:
            raise Refusal("RED_NOT_REVERSIBLE", bill=bill)
        if self.bill.state is BillState.REVERSED:
            raise Refusal("ALREADY_REVERSED", bill=bill, red=self.red)
        if self.bookings:
            raise Refusal("BILL_BOOKED", booked=self.booked)
        if self.paper:
            raise Refusal("PAPER_STILL_VALID", paper=self.paper)


def standing(connection: Connection, bill: BillRecord) -> Standing:
    """Read the facts about a bill that :meth:`Standing.check` judges."""
    red = bills.red_of(connection, bill.id)
    sheet = valid_sheet(connection, bill.id)
    return Standing(
        bill,
        red.pair if red is not None else "",
        str(sheet.sheet) if sheet is not None else "",
        bills.bookings(connection, bill.id),
    )


@dataclass(frozen=True, slots=True)
class _Ready:
    """The parts of a red bill that are made before the transaction; ``moment`` is its time of issue."""

    moment: datetime
    reason: str
    red_id: int
    numbering: Numbering
    bill: dict[str, Any]
    prepared: xml.Prepared
    lines: list[tuple[Table, list[dict[str, Any]]]]
    token: str


def reverse(services: Services, actor: Actor, order: Order) -> Red:
    """Reverse a bill of the actor's unit: its red bill, its new state, audit entries and upload in one transaction.

    Raises :class:`Refusal`: BILL_NOT_FOUND, POINT_UNKNOWN, FIELD_INVALID (no reason), those of
    :meth:`Standing.check`, REVERSAL_NEEDS_APPROVAL, STOCK_EXHAUSTED, BUSY. A refusal changes nothing.
    """
    reason = _reason(order)

    def attempt() -> Red:
        moment = order.at or now()
        ready = _prepare(services, actor, order, reason, moment)
        with services.database.write() as connection:
            return _write(services, connection, actor, order, ready)

    return services.database.repeat(attempt)


def reverse_on(services: Services, connection: Connection, actor: Actor, order: Order) -> Red:
    """As :func:`reverse`, in the caller's transaction (an approval's decision)."""
    ready = _prepare_on(services, connection, actor, order, _reason(order), now())
    return _write(services, connection, actor, order, ready)


def _reason(order: Order) -> str:
    reason = order.reason.strip() or ("" if order.kind is ReversalReason.OTHER else order.kind.title)
    if not reason:
        raise Refusal("FIELD_INVALID", problems="reason（冲红原因）不能为空，请填写冲红原因")
    return reason[:200]


def _prepare(services: Services, actor: Actor, order: Order, reason: str, moment: datetime) -> _Ready:
    with services.database.read() as connection:
        return _prepare_on(services, connection, actor, order, reason, moment)


def _prepare_on(
    services: Services, connection: Connection, actor: Actor, order: Order, reason: str, moment: datetime
) -> _Ready:
    red_id, at = new_id(), order.business_at or moment
    original, kind, point_id = _facts(connection, actor, order)
    standing(connection, bills.record(connection, original.id)).check()
    if order.limit_fen is not None and not order.approver and original.total_fen >= order.limit_fen:
        raise Refusal("REVERSAL_NEEDS_APPROVAL", total=commas(original.total_fen), limit=commas(order.limit_fen))
    signed = stored_document(services, connection, original.id).signed
    made = list(red.lines(services, connection, original.id, red_id))
    place = Numbering(point_id, order.point_code, kind.id, kind.name, code_at(kind.prefix, moment))
    heading = red.Heading(place.bill_code, kind.name, kind.specimen_code, actor.name, order.approver)
    document = red.document(xml.read(signed), heading, reason)
    key_id = services.settings.link_key_ids[0]
    token = link.token(services.keyring.link_key(key_id, original.appid), key_id, original.unit_code, document.serial)
    columns = {name: original._mapping[name] for name in BILL.c.keys()}  # noqa: SIM118 - a column collection
    bill = red.turned(columns) | {
        "id": red_id,
        "point_id": point_id,
        "serial": document.serial,
        "bill_code": place.bill_code,
        "title": kind.name,
        "business_at": at,
        "business_day": business_day(at),
        "issued_at": moment,
        "cashier": document.cashier,
        "checker": document.checker,
        "red_of_id": original.id,
        "content": {},
        "warnings": [],
        "state": BillState.ISSUED.value,
        "state_at": moment,
        "link_digest": services.index.digest("link", token),
        "link_generation": 0,
        "link_key": key_id,
        "earlier_link_digest": None,
    }
    return _Ready(moment, reason, red_id, place, bill, xml.prepare(document), made, token)


def _facts(connection: Connection, actor: Actor, order: Order) -> tuple[Any, Any, int]:
    """Return the original with its account and unit, its kind, the reversing point."""
    original = connection.execute(
        select(BILL, HIS_ACCOUNT.c.appid, UNIT.c.code.label("unit_code"))
        .select_from(
            BILL.join(HIS_ACCOUNT, HIS_ACCOUNT.c.id == BILL.c.account_id).join(UNIT, UNIT.c.id == BILL.c.unit_id)
        )
        .where(BILL.c.id == order.bill_id, BILL.c.unit_id == actor.unit_id)
    ).one_or_none()
    if original is None:
        raise Refusal("BILL_NOT_FOUND")
    point_id = connection.scalar(
        select(POINT.c.id).where(POINT.c.unit_id == actor.unit_id, POINT.c.code == order.point_code, POINT.c.active)
    )
    if point_id is None:
        raise Refusal("POINT_UNKNOWN", place=order.point_code)
    return original, connection.execute(select(BILL_KIND).where(BILL_KIND.c.id == original.kind_id)).one(), point_id


def _write(services: Services, connection: Connection, actor: Actor, order: Order, ready: _Ready) -> Red:
    check_code, original_id, moment = CheckCode.draw(), order.bill_id, ready.moment
    standing(connection, lock_bill(connection, original_id)).check()
    movements.release(connection, original_id, actor, moment)
    for table, rows in ready.lines:
        if rows:
            connection.execute(insert(table), rows)
    _record(connection, actor, order, ready)
    taken = take(connection, ready.numbering)
    signed = ready.prepared.finish(taken.pair.digits, check_code, moment)
    numbered = {"range_id": taken.range_id, "number": taken.pair.number, "check_code": check_code}
    connection.execute(insert(BILL), ready.bill | numbered)
    connection.execute(insert(BILL_DOCUMENT), _document(services, actor, ready, signed))
    connection.execute(insert(REVERSAL), _reversal(actor, order, ready))
    connection.execute(
        update(BILL).where(BILL.c.id == original_id).values(state=BillState.REVERSED.value, state_at=moment)
    )
    return Red(
        ready.red_id,
        taken.pair.code,
        taken.pair.digits,
        check_code,
        moment,
        ready.bill["business_at"],
        ready.token,
    )


def _record(connection: Connection, actor: Actor, order: Order, ready: _Ready) -> None:
    """Write the audit entries of both bills and publish them; the red one waits for its original's supervision."""
    moment = ready.moment
    told = {"red": ready.red_id, "kind": order.kind.value, "approver": order.approver}
    row = partial(entries.row, actor, at=moment, unit_id=actor.unit_id)
    audit = [
        row("bill.reversed", ("bill", order.bill_id), told),
        row("bill.issued", ("bill", ready.red_id), {"red_of": order.bill_id}),
    ]
    connection.execute(insert(AUDIT_ENTRY), audit)
    connection.execute(
        insert(OutboxTask),
        [
            *events.rows(BILL_ISSUED, ready.red_id, {"bill": ready.red_id}, moment),
            *events.rows(BILL_REVERSED, order.bill_id, {"bill": order.bill_id}, moment),
        ],
    )


def _document(services: Services, actor: Actor, ready: _Ready, signed: bytes) -> dict[str, Any]:
    cipher, red_id = services.cipher, ready.red_id
    sent = json.dumps({"reason": ready.reason, "operator": actor.name}, ensure_ascii=False).encode()
    return {
        "bill_id": red_id,
        "signed": cipher.encrypt("bill_document.signed", red_id, zlib.compress(signed, 3)),
        "signature": services.signer.sign(signed),
        "signed_at": ready.moment,
        "certificate_serial": services.signer.serial_hex,
        "sent": cipher.encrypt("bill_document.sent", red_id, zlib.compress(sent, 1)),
    }


def _reversal(actor: Actor, order: Order, ready: _Ready) -> dict[str, Any]:
    return {
        "bill_id": order.bill_id,
        "red_id": ready.red_id,
        "point_id": ready.numbering.point_id,
        "kind": order.kind.value,
        "reason": ready.reason,
        "actor": actor.label,
        "operator": actor.name,
        "approver": order.approver,
        "at": ready.moment,
    }
