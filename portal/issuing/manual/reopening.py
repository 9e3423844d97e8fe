"""冲红并重开: a reversed bill as a new draft of manual issue, with the refunded lines struck out.

The draft keeps which bill it is issued instead of (``Entry.replaces``); issuing states that in the new bill's
transaction. What a person typed for the old bill is taken as it was typed; a bill of the HIS is put into the same
fields, its lines by detail where they are whole, else by charge item.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.bill import MedicalExt
from portal.domain.documents.manual_input import ID_TYPES, KINDS, MOST_LINES, OUTPATIENT_SCENES, Entry, entry
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.errors import Refusal
from portal.domain.money import micro_text, yuan
from portal.domain.states.bills import BillState
from portal.issuing.manual import catalogue
from portal.issuing.manual.catalogue import Catalogue
from portal.issuing.manual.drafts import Draft, ManualIssueService
from portal.ledger import bill_content, bills
from portal.ledger.bills import BillFacts
from portal.rendering import xml

DAYS = ("visit_date", "in_date", "out_date")


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a reopening: the reversed bill, the places of the lines that were refunded, the point."""

    bill_id: int
    struck: Collection[int] = ()
    point_code: str = ""


@dataclass(frozen=True, slots=True)
class OldLine:
    """A line of the reversed bill, as the person chooses those that were refunded; ``amount`` in yuan as text."""

    code: str
    name: str
    quantity: str
    amount: str


def old_lines(services: Services, actor: Actor, bill_id: int) -> list[OldLine]:
    """Return the lines of a reversed bill in their order. Raises BILL_NOT_FOUND, NOT_REVERSED."""
    with services.database.read() as connection:
        content = _content(services, connection, _reversed(connection, actor, bill_id))
    return [OldLine(row["code"], row["name"], row["quantity"], row["amount"]) for row in content.lines]


def reopen(manual: ManualIssueService, actor: Actor, order: Order) -> Draft:
    """Return the draft of the bill that is issued instead of a reversed one; the person's open one if there is any.

    The draft holds the payer in full, so that opening it is written down as a look at personal data. Raises
    BILL_NOT_FOUND, NOT_REVERSED, NOTHING_LEFT when every line was struck out.
    """
    services = manual.services
    with services.database.read() as connection:
        old = _reversed(connection, actor, order.bill_id)
        content = _content(services, connection, old)
    for known in manual.open_drafts(actor):
        if known.entry.replaces == order.bill_id:
            return known
    left = [row for place, row in enumerate(content.lines) if place not in order.struck]
    if not left:
        raise Refusal("NOTHING_LEFT", bill=old.pair)
    if len(left) < len(content.lines):
        content = replace(content, lines=left, payments=_without_amounts(content.payments))
        content.fields.update({name: "" for name in ("own_cash",) if name in content.fields})
    draft = manual.start_from(actor, replace(content, replaces=order.bill_id), order.point_code)
    audit.note(services, actor, "bill.reopened", ("bill", order.bill_id), {"draft": draft.id})
    return draft


def _reversed(connection: Connection, actor: Actor, bill_id: int) -> BillFacts:
    """Return a reversed bill of the actor's unit. Raises BILL_NOT_FOUND, NOT_REVERSED."""
    facts = bills.by_id(connection, bill_id)
    if facts is None or facts.unit_id != actor.unit_id:
        raise Refusal("BILL_NOT_FOUND")
    if facts.state is not BillState.REVERSED:
        raise Refusal("NOT_REVERSED", bill=facts.pair, state=facts.state.title)
    return facts


def _content(services: Services, connection: Connection, old: BillFacts) -> Entry:
    typed = _typed(bills.sent_bodies(services, connection, [old.bill_id])[old.bill_id])
    known = catalogue.load(connection, old.unit_id)
    if typed is not None:
        head = typed.fields | {"serial": "", "business_day": "", "remember": ""}
        lines = [_filled(row, known) for row in typed.lines]
        return entry(typed.kind, head, lines, typed.payments)
    kind = _kind(old.scene)
    lines = _lines(connection, old, kind, known)
    payments = [
        {"channel": row.channel, "amount": yuan(row.amount_fen), "reference": ""}
        for row in bill_content.payments(connection, old.bill_id)
        if row.channel in CHANNELS
    ]
    return entry(kind, _head(services, connection, old), lines, payments)


def _typed(sent: str) -> Entry | None:
    """Return what a person typed for a bill; None when a HIS sent it."""
    try:
        return Entry.of_text(sent)
    except (KeyError, TypeError, ValueError, json.JSONDecodeError):
        return None


def _filled(row: dict[str, str], known: Catalogue) -> dict[str, str]:
    """Fill in what a typed line left to the catalogue, so that it can be recognised."""
    item = known.items.get(row["code"])
    return row if item is None or row["name"] else row | {"name": item.name}


def _kind(scene: str) -> Scene:
    found = Scene(scene)
    return found if found in KINDS else Scene.OUTPATIENT


def _head(services: Services, connection: Connection, old: BillFacts) -> dict[str, str]:
    party = bills.party(services, connection, old.bill_id)
    ext = xml.read(bills.stored_document(services, connection, old.bill_id).signed).ext
    id_type = party.get("id_type", "")
    head = {
        "payer_kind": old.payer_kind,
        "payer_name": party["name"],
        "id_type": id_type if id_type in dict(ID_TYPES) else "",
        "id_no": party.get("id_no", ""),
        "phone": party.get("phone", ""),
        "email": party.get("email", ""),
        "insurance_no": party.get("insurance_no", ""),
        "scene": old.scene if old.scene in dict(OUTPATIENT_SCENES) else Scene.OUTPATIENT.value,
        "fund": _money(old.fund_fen),
        "other_fund": _money(old.other_fund_fen),
        "account": _money(old.account_fen),
        "self_pay": _money(old.self_pay_fen),
        "own_cost": _money(old.own_cost_fen),
    }
    return head | _visit(ext, old)


def _visit(ext: MedicalExt, old: BillFacts) -> dict[str, str]:
    days = (ext.medical_date, ext.in_date, ext.out_date)
    return {
        "department": old.department,
        "org_type": ext.org_type,
        "insurance_type": old.insurance_type,
        "sex": ext.gender if ext.gender in ("男", "女") else "",
        "age": dict(ext.extras).get("年龄", ""),
        "patient_no": ext.patient_number,
        "hospital_no": ext.hospitalization_number,
        "case_no": ext.case_number,
        "days": ext.hospital_days,
        **{name: day.isoformat() if day else "" for name, day in zip(DAYS, days, strict=True)},
    }


def _money(fen: int) -> str:
    return yuan(fen) if fen else ""


def _lines(connection: Connection, old: BillFacts, kind: Scene, known: Catalogue) -> list[dict[str, str]]:
    details = bills.detail_lines(connection, old.bill_id)
    whole = all(row.amount_micro % 10_000 == 0 and row.amount_micro >= 0 for row in details)
    if details and len(details) <= MOST_LINES and whole:
        return [_line(_code(row, kind, known), row.name, row, row.amount_micro // 10_000) for row in details]
    items = bill_content.charge_items(connection, old.bill_id)
    return [_line(row.charge_code, row.charge_name, row, row.amount_fen) for row in items]


def _code(row: Any, kind: Scene, known: Catalogue) -> str:
    """Return a code that may be typed: the detail's own where the catalogue has it by this name, else its charge."""
    item = known.find(row.code, kind)
    return str(row.code if item is not None and item.name == row.name else row.charge_code)


def _line(code: str, name: str, row: Any, amount_fen: int) -> dict[str, str]:
    quantity, price = row.quantity_micro, row.price_micro
    if not quantity or price is None or quantity * price != amount_fen * 10**10:
        quantity, price = 10**6, amount_fen * 10**4
    figures = {"quantity": micro_text(quantity), "price": micro_text(price, 2), "amount": yuan(amount_fen)}
    return {"code": code, "name": name, "unit": row.unit, "remark": row.remark} | figures


def _without_amounts(payments: list[dict[str, str]]) -> list[dict[str, str]]:
    """Leave the amount to the rest of the lines where one channel paid all; of several a person says which paid."""
    if len(payments) != 1:
        return payments
    return [dict[str, str](payments[0]) | {"amount": ""}]
