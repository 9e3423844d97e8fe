"""One person, several spellings: a name with or without its dot, a document with or without its brackets.

Bills are kept under keyed hashes of what the HIS sent. What is typed may be spelled otherwise, so a claim carries the
other spellings, and takes those of the bills that it is about where that may be looked at: by the task that sends a
code, and when the code was right.
"""

from __future__ import annotations

import hmac
from collections import Counter
from dataclasses import replace

from sqlalchemy import Connection, bindparam, select

from portal.core.services import Services
from portal.domain.identity import loose_name, normalise_name, spoken_kind
from portal.ledger.persons import number_digests
from portal.models.tables import BILL, BILL_PARTY, PARTY_KEY
from portal.retrieval.proof.sessions import Claim

MOST = 200
"""So many of a person's newest bills say how it is spelled."""
_BILLS = (
    select(PARTY_KEY.c.digest, BILL_PARTY.c.bill_id, BILL_PARTY.c.name, BILL_PARTY.c.name_digest)
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id)
    .join(BILL, BILL.c.id == PARTY_KEY.c.bill_id)
    .where(PARTY_KEY.c.digest.in_(bindparam("numbers", expanding=True)), BILL.c.unit_id == bindparam("unit"))
    .order_by(BILL.c.issued_at.desc(), BILL.c.id.desc())
    .limit(MOST)
)


def claim_of(services: Services, number: str, name: str) -> Claim:
    """Return what number and name claim, as typed and in other spellings."""
    first, *others = (digest.hex() for digest in number_digests(services, number))
    named = services.index.digest("name", normalise_name(name)).hex()
    return Claim(
        first, named, kind=spoken_kind(number), spellings=tuple(others), loose_name=loose_digest(services, name)
    )


def loose_digest(services: Services, name: str) -> str:
    """Return the keyed hash of a name without what phones have no key for."""
    return services.index.digest("name.loose", loose_name(name)).hex()


def resolved(services: Services, connection: Connection, unit_id: int, claim: Claim) -> Claim:
    """Return a claim with number and name as most of its bills have them; as it is when no bill fits."""
    numbers = [bytes.fromhex(number) for number in (claim.number, *claim.spellings)]
    same: dict[bytes, bool] = {bytes.fromhex(claim.name): True}
    fitting: Counter[tuple[bytes, bytes]] = Counter()
    for row in connection.execute(_BILLS, {"numbers": numbers, "unit": unit_id}):
        if row.name_digest not in same:
            stored = services.cipher.decrypt_text("bill_party.name", row.bill_id, row.name)
            same[row.name_digest] = bool(claim.loose_name) and loose_digest(services, stored) == claim.loose_name
        if same[row.name_digest]:
            fitting[row.digest, row.name_digest] += 1
    if not fitting:
        return claim
    (number, name), _ = fitting.most_common(1)[0]
    return replace(claim, number=number.hex(), name=name.hex())


def is_name(services: Services, stored: str, typed: str) -> bool:
    """Whether a typed name is the stored one."""
    return hmac.compare_digest(loose_digest(services, stored), loose_digest(services, typed)) and bool(
        loose_name(typed)
    )
