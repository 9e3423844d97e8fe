"""Links for a payer's accountant (转给单位会计): for 30 days they show a bill's face and what verifies it, no more.

Such a link asks for no name, since the accountant has the face in hand anyway, and opens nothing else: no list pages,
no data file, no other bill. It is a pass: its token is kept as a keyed hash, and whoever may see the bill can end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, select, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.ledger.bills import BillFacts
from portal.models.tables import PATIENT_PASS
from portal.retrieval.proof import passes
from portal.retrieval.proof.passes import Purpose
from portal.retrieval.proof.sessions import Claim

MOST = 5
"""Open links of one bill; a further one ends the oldest."""


@dataclass(frozen=True, slots=True)
class SharedLink:
    """An open link as its person sees it; ``key`` names it and opens nothing."""

    key: str
    created_at: datetime
    expires_at: datetime


def _open(bill_id: int) -> Select[tuple[bytes, datetime, datetime]]:
    """Select the open links of a bill, the newest first."""
    mine = (PATIENT_PASS.c.bill_id == bill_id) & (PATIENT_PASS.c.purpose == Purpose.SHARE.value)
    found = select(PATIENT_PASS.c.digest, PATIENT_PASS.c.created_at, PATIENT_PASS.c.expires_at)
    still = found.where(mine, PATIENT_PASS.c.revoked_at.is_(None), PATIENT_PASS.c.expires_at > now())
    return still.order_by(PATIENT_PASS.c.created_at.desc())


def links(connection: Connection, bill_id: int) -> list[SharedLink]:
    """Return the open links of a bill; the caller has checked that whoever asks may see it."""
    return [SharedLink(row.digest.hex(), row.created_at, row.expires_at) for row in connection.execute(_open(bill_id))]


def share(services: Services, actor: Actor, bill: BillFacts) -> str:
    """Make a link and return its token; the caller has checked that the actor may see the bill. Audited."""

    def work(connection: Connection) -> str:
        token = passes.make(services, connection, Purpose.SHARE, bill.unit_id, Claim(bills=(bill.bill_id,)))
        for old in connection.execute(_open(bill.bill_id)).all()[MOST:]:
            _revoke(connection, bill, old.digest)
        audit.record(connection, actor, "bill.shared", ("bill", bill.bill_id))
        return token

    return services.database.act(work)


def end(services: Services, actor: Actor, bill: BillFacts, key: str) -> None:
    """End one link of a bill; what is none, or another bill's, changes nothing. Audited."""

    def work(connection: Connection) -> None:
        try:
            digest = bytes.fromhex(key)
        except ValueError:
            return
        if _revoke(connection, bill, digest):
            audit.record(connection, actor, "bill.share_ended", ("bill", bill.bill_id))

    services.database.act(work)


def _revoke(connection: Connection, bill: BillFacts, digest: bytes) -> bool:
    one = (PATIENT_PASS.c.digest == digest) & (PATIENT_PASS.c.bill_id == bill.bill_id)
    one &= (PATIENT_PASS.c.purpose == Purpose.SHARE.value) & PATIENT_PASS.c.revoked_at.is_(None)
    return connection.execute(update(PATIENT_PASS).where(one).values(revoked_at=now())).rowcount == 1
