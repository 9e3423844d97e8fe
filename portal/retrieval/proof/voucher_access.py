"""Whose deposits: a person's own and their family's at level 2, and those opened by a link and the patient's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, false, true

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.voucher import VoucherForm
from portal.domain.errors import Refusal
from portal.issuing.paper import notice_slips
from portal.ledger import vouchers
from portal.ledger.files import File
from portal.ledger.vouchers import VoucherFacts
from portal.models.tables import FAMILY_KEY, FAMILY_LINK, VOUCHER, VOUCHER_KEY, VOUCHER_PARTY
from portal.retrieval.proof import changed_phone
from portal.retrieval.proof.changed_phone import Limit, limit_of
from portal.retrieval.proof.identify import widen
from portal.retrieval.proof.sessions import Claim, Session
from portal.retrieval.proof.spellings import is_name

GUARD = Guard("voucher", "deposit", 5, 1800)
MOST = 100
"""Deposits of one list; nobody pays in more often in the time that is of interest."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link leads to: a voucher, and ``others``, deposits that the same message told of."""

    voucher: VoucherFacts
    others: Sequence[int] = ()

    @property
    def deposit_id(self) -> int:
        """The deposit that this is the voucher of, or of a refund or cancellation of it."""
        return self.voucher.of_id or self.voucher.voucher_id


def open_by_slip(
    services: Services, limits: Limits, linked: Linked, name: str, address: str, session: Session | None
) -> str:
    """Open the deposit behind a voucher's link by the patient's name.

    Returns the cookie of a new session. ``address`` is the caller's network address, counted by keyed hash. Raises
    NOT_MATCHED, TRY_LATER.
    """
    voucher, owner = linked.voucher, linked.deposit_id
    attempt = attempts.begin(services, limits, GUARD, str(owner), address)

    def work(connection: Connection) -> str:
        stored = vouchers.payer_name(services, connection, voucher)
        if not is_name(services, stored, name):
            raise Refusal("NOT_MATCHED")
        audit.record(connection, Actor("patient:slip"), "voucher.opened", ("voucher", owner))
        return widen(services, connection, voucher.unit_id, Claim(vouchers=(*linked.others, owner)), session)

    cookie = services.database.act(work)
    attempt.right()
    return cookie


def visible(services: Services, connection: Connection, session: Session, link_id: int = 0) -> list[VoucherFacts]:
    """Read the deposits that this session may see, newest first; with ``link_id`` those of that family member."""
    limit = limit_of(services, connection, session)
    whose = _of_family(session, limit, link_id) if link_id else _own(session, limit)
    wanted = _deposits(session).where(whose).order_by(*(one.desc() for one in vouchers.NEWEST)).limit(MOST)
    rows = connection.execute(wanted, {} if limit is None else limit.parameters)
    return [vouchers.facts_of(row) for row in rows]


def own(services: Services, connection: Connection, session: Session, voucher_id: int) -> VoucherFacts | None:
    """Return the deposit when this session may open it, by itself or for a member; not yours and not there are one."""
    limit = limit_of(services, connection, session)
    whose = _own(session, limit) | _of_family(session, limit)
    wanted = _deposits(session).where(VOUCHER.c.id == voucher_id, whose)
    row = connection.execute(wanted, {} if limit is None else limit.parameters).one_or_none()
    return None if row is None else vouchers.facts_of(row)


def document(services: Services, session: Session, voucher: VoucherFacts, voucher_id: int) -> File:
    """Draw the sheet of a deposit that the session may open, or of a document that took from it; audited.

    Raises BILL_NOT_FOUND for a document of another deposit.
    """
    with services.database.write() as connection:
        one = vouchers.by_id(connection, session.unit_id, voucher_id)
        if one is None or (one.of_id or one.voucher_id) != voucher.voucher_id:
            raise Refusal("BILL_NOT_FOUND")
        data = notice_slips.voucher_copy(services, connection, session.unit_id, voucher_id)
        audit.record(connection, Actor("patient"), "voucher.downloaded", ("voucher", voucher_id))
    return File(f"{one.code}-{one.number}.pdf", "application/pdf", data)


def _deposits(session: Session) -> Select[Any]:
    return vouchers.of_unit(session.unit_id).where(VOUCHER.c.form == VoucherForm.DEPOSIT.value)


def _own(session: Session, limit: Limit | None) -> ColumnElement[bool]:
    opened = VOUCHER.c.id.in_(session.claim.vouchers)
    if session.level < 2 or not session.claim.number:
        return opened
    whole = true() if limit is None else changed_phone.DEPOSITS
    keyed = exists().where(
        VOUCHER_KEY.c.digest == bytes.fromhex(session.claim.number), VOUCHER_KEY.c.voucher_id == VOUCHER.c.id
    )
    return opened | (whole & keyed & (VOUCHER_PARTY.c.name_digest == bytes.fromhex(session.claim.name)))


def _of_family(session: Session, limit: Limit | None, link_id: int = 0) -> ColumnElement[bool]:
    """Return the condition that a deposit is that of somebody whose guardian or proxy has proved to be one, today."""
    if session.level < 2 or not session.claim.number or limit is not None:
        return false()
    held, about = FAMILY_KEY.alias(), FAMILY_KEY.alias()
    return exists().where(
        held.c.digest == bytes.fromhex(session.claim.number),
        held.c.side == "holder",
        FAMILY_LINK.c.id == held.c.link_id,
        FAMILY_LINK.c.holder_name == bytes.fromhex(session.claim.name),
        FAMILY_LINK.c.unit_id == session.unit_id,
        FAMILY_LINK.c.revoked_at.is_(None),
        FAMILY_LINK.c.valid_until > now(),
        about.c.link_id == FAMILY_LINK.c.id,
        about.c.side == "subject",
        VOUCHER_KEY.c.digest == about.c.digest,
        VOUCHER_KEY.c.voucher_id == VOUCHER.c.id,
        VOUCHER_PARTY.c.name_digest == FAMILY_LINK.c.subject_name,
        *((FAMILY_LINK.c.id == link_id,) if link_id else ()),
    )
