"""Phones on file: those of bills, and those that the desk noted for guardians and proxies."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from portal.core.clock import now
from portal.core.services import Services
from portal.models.tables import BILL, BILL_PARTY, FAMILY_KEY, FAMILY_LINK, PARTY_KEY
from portal.retrieval.proof import sessions
from portal.retrieval.proof.spellings import resolved


def phone_on_file(services: Services, connection: Connection, session: sessions.Session) -> str:
    """Read the phone of the person that the session claims to be; ``""`` when there is none."""
    return phone_of(services, connection, session.unit_id, session.claim)


def phone_of(services: Services, connection: Connection, unit_id: int, claim: sessions.Claim) -> str:
    """Read the newest phone of the bills that match the claim's number and name.

    Without one, the phone that the desk noted for a guardian or proxy; ``""`` when there is none either.
    """
    claim = resolved(services, connection, unit_id, claim)
    number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
    row = connection.execute(
        select(BILL_PARTY.c.bill_id, BILL_PARTY.c.phone)
        .select_from(
            PARTY_KEY.join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id).join(
                BILL, BILL.c.id == PARTY_KEY.c.bill_id
            )
        )
        .where(
            PARTY_KEY.c.digest == number,
            BILL_PARTY.c.name_digest == name,
            BILL_PARTY.c.phone.is_not(None),
            BILL.c.unit_id == unit_id,
        )
        .order_by(BILL.c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    if row is not None:
        return services.cipher.decrypt_text("bill_party.phone", row.bill_id, row.phone)
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
