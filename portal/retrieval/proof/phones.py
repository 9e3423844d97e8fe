"""Phones on file: those of bills and deposits, and those that the desk noted for guardians and proxies."""

from __future__ import annotations

import json

from sqlalchemy import Connection, bindparam, select

from portal.core.clock import now
from portal.core.services import Services
from portal.models.tables import (
    BILL,
    BILL_PARTY,
    FAMILY_KEY,
    FAMILY_LINK,
    PARTY_KEY,
    VOUCHER,
    VOUCHER_KEY,
    VOUCHER_PARTY,
)
from portal.retrieval.proof import changed_phone, sessions
from portal.retrieval.proof.spellings import resolved


def phone_on_file(services: Services, connection: Connection, session: sessions.Session) -> str:
    """Read the phone of the person that the session claims to be; ``""`` when there is none."""
    return phone_of(services, connection, session.unit_id, session.claim)


def phone_of(
    services: Services, connection: Connection, unit_id: int, claim: sessions.Claim, *, confirmed: bool = False
) -> str:
    """Read the newest phone of the bills and deposits that match the claim's number and name.

    With ``confirmed`` only one that was there first or has been confirmed, for what concerns the whole person. Without
    any, the phone that the desk noted for a guardian or proxy; ``""`` when there is none either.
    """
    claim = resolved(services, connection, unit_id, claim)
    good = changed_phone.good_phones(services, connection, unit_id, claim, confirmed=confirmed)
    return (
        number_of(services, connection, unit_id, claim, good[0])
        if good
        else _noted(services, connection, unit_id, claim)
    )


_BILL = (
    select(BILL_PARTY.c.bill_id.label("id"), BILL_PARTY.c.phone)
    .join(PARTY_KEY, PARTY_KEY.c.bill_id == BILL_PARTY.c.bill_id)
    .join(BILL, BILL.c.id == BILL_PARTY.c.bill_id)
    .where(PARTY_KEY.c.digest == bindparam("phone"), BILL_PARTY.c.name_digest == bindparam("name"))
    .where(BILL.c.unit_id == bindparam("unit"), BILL_PARTY.c.phone.is_not(None))
    .limit(1)
)
_DEPOSIT = (
    select(VOUCHER_PARTY.c.voucher_id.label("id"), VOUCHER_PARTY.c.phone)
    .join(VOUCHER_KEY, VOUCHER_KEY.c.voucher_id == VOUCHER_PARTY.c.voucher_id)
    .join(VOUCHER, VOUCHER.c.id == VOUCHER_PARTY.c.voucher_id)
    .where(VOUCHER_KEY.c.digest == bindparam("phone"), VOUCHER_PARTY.c.name_digest == bindparam("name"))
    .where(VOUCHER.c.unit_id == bindparam("unit"), VOUCHER_PARTY.c.phone.is_not(None))
    .limit(1)
)


def number_of(services: Services, connection: Connection, unit_id: int, claim: sessions.Claim, phone: bytes) -> str:
    """Open a phone of a person that is known by its keyed hash; ``""`` when none of their bills or deposits has it."""
    wanted = {"phone": phone, "name": bytes.fromhex(claim.name), "unit": unit_id}
    for statement, field in ((_BILL, "bill_party.phone"), (_DEPOSIT, "voucher_party.phone")):
        row = connection.execute(statement, wanted).first()
        if row is not None:
            return services.cipher.decrypt_text(field, row.id, row.phone)
    return ""


def _noted(services: Services, connection: Connection, unit_id: int, claim: sessions.Claim) -> str:
    """Read the phone that the desk noted for a guardian or proxy."""
    number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
    link = connection.execute(
        select(FAMILY_LINK.c.id, FAMILY_LINK.c.people)
        .join(FAMILY_KEY, FAMILY_KEY.c.link_id == FAMILY_LINK.c.id)
        .where(
            FAMILY_KEY.c.digest == number,
            FAMILY_KEY.c.side == "holder",
            FAMILY_LINK.c.holder_name == name,
            FAMILY_LINK.c.unit_id == unit_id,
            FAMILY_LINK.c.revoked_at.is_(None),
            FAMILY_LINK.c.valid_until > now(),
        )
        .order_by(FAMILY_LINK.c.id.desc())
        .limit(1)
    ).one_or_none()
    if link is None:
        return ""
    people = json.loads(services.cipher.decrypt("family_link.people", link.id, link.people))
    return str(people["holder_phone"])
