"""Level 1 for a prepayment voucher: its link and the patient's name show balance and movements, once, without a
session."""

from __future__ import annotations

from sqlalchemy import select

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.ledger import vouchers
from portal.ledger.vouchers import MoveFacts, VoucherFacts
from portal.models.tables import VOUCHER_PARTY
from portal.retrieval.proof.spellings import is_name

GUARD = Guard("voucher", "deposit", 5, 1800)


def open_by_slip(
    services: Services, limits: Limits, voucher: VoucherFacts, name: str, address: str, request_id: str
) -> list[MoveFacts]:
    """Return the movements of the deposit behind this voucher. Raises NOT_MATCHED, TRY_LATER.

    ``address`` is the caller's network address, counted by keyed hash.
    """
    owner = voucher.of_id or voucher.voucher_id
    attempt = attempts.begin(services, limits, GUARD, str(owner), address)
    with services.database.write() as connection:
        stored = connection.execute(
            select(VOUCHER_PARTY.c.name).where(VOUCHER_PARTY.c.voucher_id == owner)
        ).scalar_one()
        if not is_name(services, services.cipher.decrypt_text("voucher_party.name", owner, stored), name):
            raise Refusal("NOT_MATCHED")
        audit.record(connection, Actor("patient:slip", request_id=request_id), "voucher.opened", ("voucher", owner))
        found = vouchers.movements(connection, [owner])
    attempt.right()
    return found
