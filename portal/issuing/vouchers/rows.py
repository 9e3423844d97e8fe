"""Child rows of a deposit: its parties sealed, its blind index, its channels; and the digests that tell its content."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.core.crypto.field_cipher import BlindIndex
from portal.core.services import Services
from portal.domain.documents.voucher import Deposit
from portal.domain.identity import normalise, normalise_name
from portal.ledger.persons import person_keys

PARTS = {
    "scene": "业务类型",
    "payer": "交款人",
    "amount": "金额",
    "payments": "缴费渠道",
    "admission": "住院号",
}


@dataclass(frozen=True, slots=True)
class Children:
    """Rows for ``voucher_party``, ``voucher_key``, ``voucher_payment``."""

    party: dict[str, Any]
    keys: list[dict[str, Any]]
    payments: list[dict[str, Any]]


def children(services: Services, deposit: Deposit, voucher_id: int) -> Children:
    """All child rows of the deposit ``voucher_id``."""
    payer, cipher = deposit.payer, services.cipher
    return Children(
        party={
            "voucher_id": voucher_id,
            "name": cipher.encrypt("voucher_party.name", voucher_id, payer.name),
            "name_digest": services.index.digest("name", normalise_name(payer.name)),
            "phone": cipher.encrypt("voucher_party.phone", voucher_id, normalise(payer.phone)) if payer.phone else None,
            "identity": cipher.encrypt("voucher_party.identity", voucher_id, json.dumps(_identity(deposit))),
            "sent": cipher.encrypt("voucher_party.sent", voucher_id, zlib.compress(deposit.sent.encode(), 1)),
        },
        keys=[
            {"digest": digest, "voucher_id": voucher_id, "kind": kind}
            for digest, kind in person_keys(services, payer).items()
        ],
        payments=[
            {
                "voucher_id": voucher_id,
                "line": line,
                "channel": row.channel,
                "sent_code": row.sent_code[:20],
                "amount_fen": row.amount_fen,
            }
            for line, row in enumerate(deposit.payments, 1)
        ],
    )


def _identity(deposit: Deposit) -> dict[str, str]:
    payer, admission = deposit.payer, deposit.admission
    names = ("id_type", "id_no", "email", "card_type", "card_no", "insurance_no", "patient_id", "open_id")
    values = {name: getattr(payer, name) for name in names}
    values |= {
        "hospital_no": admission.hospital_no,
        "visit_no": admission.visit_no,
        "patient_no": admission.patient_no,
        "case_no": admission.case_no,
        "in_date": admission.in_date.isoformat() if admission.in_date else "",
        "drawee": deposit.drawee,
        "work_unit": deposit.work_unit,
    }
    values |= dict(zip(("account_name", "account_no", "account_bank"), deposit.account, strict=True))
    return {name: value for name, value in values.items() if value}


def digests(index: BlindIndex, deposit: Deposit) -> dict[str, str]:
    """One short keyed digest per part of :data:`PARTS`, as ``content.digests`` for bills."""
    payer = deposit.payer
    parts = {
        "scene": deposit.scene.value,
        "payer": f"{normalise_name(payer.name)}|{normalise(payer.id_no)}",
        "amount": str(deposit.amount_fen),
        "payments": repr(sorted((row.channel, row.amount_fen) for row in deposit.payments)),
        "admission": normalise(deposit.admission.hospital_no),
    }
    return {name: index.digest(f"voucher.{name}", text).hex()[:16] for name, text in parts.items()}


def differing(stored: Mapping[str, str], sent: Mapping[str, str]) -> list[str]:
    """Return the Chinese names of the parts that differ."""
    return [title for name, title in PARTS.items() if stored.get(name) != sent.get(name)]
