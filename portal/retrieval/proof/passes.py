"""Short-lived tokens in a patient's hand: the link in a mail, the way to another browser, the QR for a window.

A pass opens no more than its maker had proved, and only while it lasts. A mail's asks for the payer's name again (a
forwarded mail is not yet a bill), a window's clerk sees the person. The one to another browser carries its maker's
proof, since the name was typed a minute ago: for ten minutes, to the first browser that takes it. Afterwards it asks
for the name as well.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, select, update

from portal import audit
from portal.access import pass_rows
from portal.core.clock import now
from portal.core.services import Services
from portal.domain import link
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.models.tables import BILL, PATIENT_PASS, SLIP_CODE
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Claim, Session, read_claim


class Purpose(StrEnum):
    """What a pass is for."""

    MAIL = pass_rows.MAIL
    BROWSER = "browser"
    WINDOW = "window"
    SHARE = "share"


LIVES = {
    Purpose.MAIL: pass_rows.MAIL_LIVES,
    Purpose.BROWSER: timedelta(minutes=30),
    Purpose.WINDOW: timedelta(seconds=60),
    Purpose.SHARE: timedelta(days=30),
}
PROOF_LIVES = timedelta(minutes=10)
"""How long a pass to another browser needs no name; people change browsers within a minute."""
WINDOW_PREFIX = "QPW"
"""A window's scanner sends keystrokes: the code is capital letters and digits only."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Pass:
    """An open pass: ``claim`` as its maker's session had proved, ``bill_id`` when it is for one bill; ``proves``: it
    opens that bill without the name."""

    unit_id: int
    bill_id: int | None
    claim: Claim
    expires_at: datetime
    proves: bool


def make(services: Services, connection: Connection, purpose: Purpose, unit_id: int, claim: Claim) -> str:
    """Make a pass in the caller's transaction and return its token. A claim with one bill and nobody is for that
    bill."""
    token = secrets.token_urlsafe(24)
    if purpose is Purpose.WINDOW:
        token = WINDOW_PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(26))
    pass_rows.write(services, connection, token, purpose.value, LIVES[purpose], unit_id, asdict(claim))
    return token


def for_browser(services: Services, bill: BillFacts, whole: bool) -> str:
    """Return the token by which another browser goes on to this one bill, which its maker has opened; ``whole``: with
    detail lines and data file."""
    opened = (bill.bill_id,)
    claim = Claim(bills=opened, whole=opened if whole else ())
    with services.database.write() as connection:
        return make(services, connection, Purpose.BROWSER, bill.unit_id, claim)


def open_by_pass(services: Services, token: str, session: Session | None) -> str:
    """Use up the proof of a pass to another browser; return the cookie of a session that may see its bill.

    Raises NOT_MATCHED when the proof is used up or too old: the name opens the bill then. Two at once: one gets it.
    """

    def work(connection: Connection) -> str:
        found = read(services, connection, token, Purpose.BROWSER)
        used = update(PATIENT_PASS).where(
            PATIENT_PASS.c.digest == services.index.digest("pass", token), PATIENT_PASS.c.used_at.is_(None)
        )
        if found is None or not found.proves or connection.execute(used.values(used_at=now())).rowcount != 1:
            raise Refusal("NOT_MATCHED")
        return identify.open_on(services, connection, found.unit_id, found.claim, session, "patient:pass")

    return services.database.act(work)


def for_window(services: Services, session: Session, bills: Sequence[int] | None = None) -> str:
    """Return what the QR for a window says: the clerk's search finds what this session may see, for a minute.

    ``bills``: these alone, a family member's or those that a new phone opens, instead of all of one's own.
    """
    claim = session.claim if session.level >= 2 else Claim(bills=session.claim.bills)
    if bills is not None:
        claim = Claim(bills=tuple(bills))
    with services.database.write() as connection:
        audit.record(connection, Actor("patient"), "patient.shown", ("unit", session.unit_id))
        return make(services, connection, Purpose.WINDOW, session.unit_id, claim)


def read(services: Services, connection: Connection, token: str, *purposes: Purpose) -> Pass | None:
    """Return the pass of a token while it is open; wrong, expired and revoked are one."""
    digest = services.index.digest("pass", token)
    row: Any = connection.execute(
        select(PATIENT_PASS).where(
            PATIENT_PASS.c.digest == digest,
            PATIENT_PASS.c.purpose.in_([purpose.value for purpose in purposes]),
            PATIENT_PASS.c.expires_at > now(),
            PATIENT_PASS.c.revoked_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    claim = json.loads(services.cipher.decrypt("patient_pass.claim", digest.hex(), row.claim))
    fresh = row.used_at is None and row.created_at > now() - PROOF_LIVES
    proves = row.purpose == Purpose.BROWSER and fresh
    return Pass(row.unit_id, row.bill_id, read_claim(claim), row.expires_at, proves)


def revoke_links(services: Services, unit_code: str, bill: BillFacts, actor: str, request_id: str = "") -> None:
    """End every way to this bill that somebody may hold: its link by a new generation, mails and fetch codes.

    A slip that was printed before opens nothing any more; a new print carries the new link.
    """
    key = services.keyring.link_key(bill.link_key, bill.appid)
    after = bill.link_generation + 1
    token = link.token(key, bill.link_key, unit_code, bill.serial, after)
    with services.database.write() as connection:
        changed = connection.execute(
            update(BILL)
            .where(BILL.c.id == bill.bill_id, BILL.c.link_generation == bill.link_generation)
            .values(link_generation=after, link_digest=services.index.digest("link", token), earlier_link_digest=None)
        )
        if changed.rowcount != 1:
            return  # somebody else has just revoked it
        passes = update(PATIENT_PASS).where(PATIENT_PASS.c.bill_id == bill.bill_id, PATIENT_PASS.c.revoked_at.is_(None))
        connection.execute(passes.values(revoked_at=now()))
        connection.execute(delete(SLIP_CODE).where(SLIP_CODE.c.bill_id == bill.bill_id))
        audit.record(connection, Actor(actor, request_id=request_id), "link.revoked", ("bill", bill.bill_id))


def bill_of(services: Services, connection: Connection, token: str, *purposes: Purpose) -> tuple[BillFacts, str, Pass]:
    """Return the one bill of a pass, its payer's full name (the caller masks it), the pass: of a mail or browser unless
    ``purposes`` say otherwise.

    Raises LINK_INVALID.
    """
    found = read(services, connection, token, *(purposes or (Purpose.MAIL, Purpose.BROWSER)))
    facts = bills.by_id(connection, found.bill_id) if found is not None and found.bill_id else None
    if found is None or facts is None:
        raise Refusal("LINK_INVALID")
    return facts, bills.payer_name(services, connection, facts.bill_id), found


def clean(connection: Connection) -> None:
    """Forget passes that are over, and fetch codes whose time has passed."""
    connection.execute(delete(PATIENT_PASS).where(PATIENT_PASS.c.expires_at < now()))
    connection.execute(delete(SLIP_CODE).where(SLIP_CODE.c.expires_at < now()))
