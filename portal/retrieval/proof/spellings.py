"""One person, several spellings: a name with or without its dot, a document with or without its brackets.

Bills are kept under keyed hashes of what the HIS sent. What is typed may be spelled otherwise, so a claim carries what
was typed, and takes the spelling of the bills that it is about where that may be looked at: by the task that sends a
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
from portal.models.tables import BILL, BILL_PARTY, PARTY_KEY, VOUCHER, VOUCHER_KEY, VOUCHER_PARTY
from portal.retrieval.proof.sessions import Claim

MOST = 200
"""So many of a person's newest bills say how it is spelled."""
_BILLS = (
    select(PARTY_KEY.c.digest, BILL_PARTY.c.bill_id.label("id"), BILL_PARTY.c.name, BILL_PARTY.c.name_digest)
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id)
    .join(BILL, BILL.c.id == PARTY_KEY.c.bill_id)
    .where(PARTY_KEY.c.digest.in_(bindparam("numbers", expanding=True)), BILL.c.unit_id == bindparam("unit"))
    .order_by(BILL.c.issued_at.desc(), BILL.c.id.desc())
    .limit(MOST)
)
_DEPOSITS = (
    select(
        VOUCHER_KEY.c.digest, VOUCHER_PARTY.c.voucher_id.label("id"), VOUCHER_PARTY.c.name, VOUCHER_PARTY.c.name_digest
    )
    .join(VOUCHER_PARTY, VOUCHER_PARTY.c.voucher_id == VOUCHER_KEY.c.voucher_id)
    .join(VOUCHER, VOUCHER.c.id == VOUCHER_KEY.c.voucher_id)
    .where(VOUCHER_KEY.c.digest.in_(bindparam("numbers", expanding=True)), VOUCHER.c.unit_id == bindparam("unit"))
    .order_by(VOUCHER.c.issued_at.desc(), VOUCHER.c.id.desc())
    .limit(MOST)
)


def claim_of(services: Services, number: str, name: str) -> Claim:
    """Return what number and name claim, as they were typed."""
    named = services.index.digest("name", normalise_name(name)).hex()
    digest = number_digests(services, number)[0].hex()
    return Claim(digest, named, kind=spoken_kind(number), typed=(number, name))


def resolved(services: Services, connection: Connection, unit_id: int, claim: Claim) -> Claim:
    """Return a claim with number and name as most of its bills have them, or its deposits; as it is when none fits."""
    number, name = claim.typed or ("", "")
    numbers = number_digests(services, number) if number else [bytes.fromhex(claim.number)]
    same: dict[bytes, bool] = {bytes.fromhex(claim.name): True}
    for statement, field in ((_BILLS, "bill_party.name"), (_DEPOSITS, "voucher_party.name")):
        fitting: Counter[tuple[bytes, bytes]] = Counter()
        for row in connection.execute(statement, {"numbers": numbers, "unit": unit_id}):
            if row.name_digest not in same:
                stored = services.cipher.decrypt_text(field, row.id, row.name) if name else ""
                same[row.name_digest] = bool(name) and is_name(services, stored, name)
            if same[row.name_digest]:
                fitting[row.digest, row.name_digest] += 1
        if fitting:
            (digest, named), _ = fitting.most_common(1)[0]
            return replace(claim, number=digest.hex(), name=named.hex())
    return claim


def is_name(services: Services, stored: str, typed: str) -> bool:
    """Whether a typed name is the stored one, but for what phones have no key for; hashed, so that no letter of it
    shows in the time."""
    ours, theirs = (services.index.digest("name.loose", loose_name(name)) for name in (stored, typed))
    return hmac.compare_digest(ours, theirs) and bool(loose_name(typed))
