"""The rows of one bill, made before the transaction begins; sealed fields name the bill's id."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from portal.core.services import Services
from portal.domain.documents.settlement import Dealing, Donation, Payer, Settlement, Visit
from portal.domain.identity import normalise, normalise_name
from portal.hospital.references import References
from portal.ledger.persons import person_keys, visit_digests

IDENTITY_FIELDS = ("id_type", "id_no", "email", "card_type", "card_no", "insurance_no", "patient_id", "open_id")


@dataclass(frozen=True, slots=True)
class Lines:
    """Child rows of a bill by table."""

    items: list[dict[str, Any]]
    details: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    party: dict[str, Any]
    keys: list[dict[str, Any]]
    purpose: list[dict[str, Any]]
    visit: list[dict[str, Any]]
    sent: bytes


def lines(services: Services, settlement: Settlement, references: References, bill_id: int) -> Lines:
    """All child rows of ``bill_id``."""
    return Lines(
        items=_items(settlement, references, bill_id),
        details=_details(settlement, bill_id),
        payments=[
            {
                "bill_id": bill_id,
                "line": line,
                "channel": row.channel,
                "sent_code": row.sent_code[:20],
                "amount_fen": row.amount_fen,
            }
            for line, row in enumerate(settlement.payments, 1)
        ],
        party=_party(services, settlement.payer, bill_id),
        keys=_keys(services, settlement.payer, bill_id),
        purpose=_purpose(settlement.purpose, bill_id),
        visit=_visit(services, settlement.visit, bill_id),
        sent=services.cipher.encrypt("bill_document.sent", bill_id, zlib.compress(settlement.sent.encode(), 1)),
    )


def _items(settlement: Settlement, references: References, bill_id: int) -> list[dict[str, Any]]:
    rows = []
    for line, charge in enumerate(settlement.charges, 1):
        fiscal_code, fiscal_name = references.items.get(charge.code, (charge.code, charge.name))
        rows.append(
            {
                "bill_id": bill_id,
                "line": line,
                "fiscal_code": fiscal_code,
                "fiscal_name": fiscal_name,
                "charge_code": charge.code,
                "charge_name": charge.name,
                "amount_fen": charge.amount_fen,
                "self_fen": charge.self_fen,
                "unit": charge.unit,
                "price_micro": charge.price_micro,
                "quantity_micro": charge.quantity_micro,
                "remark": charge.remark,
            }
        )
    return rows


def _details(settlement: Settlement, bill_id: int) -> list[dict[str, Any]]:
    return [
        {
            "bill_id": bill_id,
            "line": line,
            "charge_code": row.charge_code,
            "charge_name": row.charge_name,
            "code": row.code,
            "name": row.name,
            "spec": " ".join(filter(None, (row.form, row.spec))),
            "unit": row.unit,
            "price_micro": row.price_micro,
            "quantity_micro": row.quantity_micro,
            "amount_micro": row.amount_micro,
            "self_micro": row.self_micro,
            "insurance_class": row.insurance_class,
            "remark": row.remark,
        }
        for line, row in enumerate(settlement.details, 1)
    ]


def _party(services: Services, payer: Payer, bill_id: int) -> dict[str, Any]:
    cipher = services.cipher
    identity = {name: value for name in IDENTITY_FIELDS if (value := getattr(payer, name))}
    return {
        "bill_id": bill_id,
        "name": cipher.encrypt("bill_party.name", bill_id, payer.name),
        "name_digest": services.index.digest("name", normalise_name(payer.name)),
        "phone": cipher.encrypt("bill_party.phone", bill_id, normalise(payer.phone)) if payer.phone else None,
        "identity": cipher.encrypt("bill_party.identity", bill_id, json.dumps(identity, ensure_ascii=False)),
    }


def _keys(services: Services, payer: Payer, bill_id: int) -> list[dict[str, Any]]:
    found = person_keys(services, payer).items()
    return [{"digest": digest, "bill_id": bill_id, "kind": kind} for digest, kind in found]


def _visit(services: Services, visit: Visit, bill_id: int) -> list[dict[str, Any]]:
    numbers = visit_digests(services.index, visit.hospital_no, visit.visit_no, visit.patient_no)
    return [{"digest": digest, "bill_id": bill_id} for digest in numbers]


def _purpose(purpose: Dealing | Donation | None, bill_id: int) -> list[dict[str, Any]]:
    if purpose is None:
        return []
    row: dict[str, Any] = {"bill_id": bill_id, "counterparty": "", "basis": "", "project": "", "currency": "CNY"}
    row |= {"original_micro": None, "rate_micro": None}
    if isinstance(purpose, Dealing):
        return [row | {"category": purpose.category, "counterparty": purpose.counterparty, "basis": purpose.basis}]
    return [
        row
        | {
            "category": "实物" if purpose.goods else "货币",
            "project": purpose.project,
            "currency": purpose.currency,
            "original_micro": purpose.original_micro,
            "rate_micro": purpose.rate_micro,
        }
    ]
