"""Keyed hashes under which persons and admissions are found."""

from __future__ import annotations

from portal.core.crypto.field_cipher import BlindIndex
from portal.core.services import Services
from portal.domain.documents.settlement import Payer
from portal.domain.identity import is_id_card, is_phone, normalise, spellings


def number_digest(services: Services, text: str) -> bytes:
    """Under which keyed hash a typed number is looked up: phones apart from all other numbers."""
    number = normalise(text)
    return services.index.digest("phone" if is_phone(number) else "number", number)


def number_digests(services: Services, text: str) -> list[bytes]:
    """Return the keyed hashes of a typed number in all its spellings; the first is the same however it is typed."""
    return list(dict.fromkeys(number_digest(services, number) for number in spellings(text)))


def person_keys(services: Services, payer: Payer) -> dict[bytes, str]:
    """Keyed hash of every number of a person → its kind. A phone may be a family's; the others are one person's."""
    numbers = {
        "document": payer.id_no,
        "phone": payer.phone,
        "card": payer.card_no,
        "insurance": payer.insurance_no,
        "patient": payer.patient_id,
    }
    return {
        digest: kind for kind, text in numbers.items() if normalise(text) for digest in _kept_digests(services, text)
    }


def _kept_digests(services: Services, text: str) -> list[bytes]:
    """Return under what a number is kept: as it is sent, and otherwise spelled where that is not the ordinary form."""
    number = normalise(text)
    if is_id_card(number) and len(number) == 18:
        return [number_digest(services, number)]  # who has the old form looks up the new one as well
    return number_digests(services, text)


def visit_digests(index: BlindIndex, *numbers: str) -> list[bytes]:
    """Keyed hashes under which the staff finds the bills of a visit, by 住院号, 就诊编号; empty numbers have none."""
    return list(dict.fromkeys(index.digest("visit", text) for text in map(normalise, numbers) if text))


def admission_digest(index: BlindIndex, unit_id: int, kind: str, number: str) -> bytes | None:
    """Keyed hash of hospitalNo (``kind`` ``hospital``) or visitNo (``visit``) within a unit; ``None`` when absent."""
    text = normalise(number)
    return index.digest(f"admission.{kind}", f"{unit_id}|{text}") if text else None
