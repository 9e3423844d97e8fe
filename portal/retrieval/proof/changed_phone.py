"""A phone that is new for a person, and what it opens.

A bill with another phone may have been registered by somebody else. Who proves a person by a code to such a phone sees
what was issued from then on, until an older phone, the number of a card used before, or a window confirms the phone.
The older phone is told, and may refuse the new one, which then gets no codes any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, exists, func, insert, select, update

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.crypto import tokens
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import mask_phone
from portal.ledger.persons import number_digests
from portal.models.tables import (
    BILL,
    BILL_PARTY,
    PARTY_KEY,
    PHONE_CHANGE,
    UNIT,
    VOUCHER,
    VOUCHER_KEY,
    VOUCHER_PARTY,
)
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.retrieval.proof.sessions import Claim, Session

CHANGED_TOPIC = topic("phone.changed")
CARD = Guard("card", "person", 5, 1800)
OPEN, CONFIRMED, REFUSED = "open", "confirmed", "refused"
TEMPLATE = "phone"
"""Of the text message to the older phone."""
_USE = "phone-change"


@dataclass(frozen=True, slots=True)
class Known:
    """A phone on a person's bills and deposits: its keyed hash, when it came first and last."""

    digest: bytes
    first: datetime
    last: datetime


def _phones_of(owner: Any, party: Any, key: Any, issued: Any) -> Select[Any]:
    phone, column = key.alias(), "bill_id" if key is PARTY_KEY else "voucher_id"
    return (
        select(phone.c.digest, func.min(issued.c.issued_at), func.max(issued.c.issued_at))
        .select_from(
            key.join(party, party.c[column] == key.c[column])
            .join(issued, issued.c.id == key.c[column])
            .join(phone, (phone.c[column] == key.c[column]) & (phone.c.kind == "phone"))
        )
        .where(
            key.c.digest == bindparam("number"),
            party.c.name_digest == bindparam("name"),
            owner.c.unit_id == bindparam("unit"),
        )
        .group_by(phone.c.digest)
    )


_PHONES = (_phones_of(BILL, BILL_PARTY, PARTY_KEY, BILL), _phones_of(VOUCHER, VOUCHER_PARTY, VOUCHER_KEY, VOUCHER))


def phones(connection: Connection, unit_id: int, claim: Claim) -> list[Known]:
    """Read the phones of a person, the one that came first at the head."""
    whose = {"unit": unit_id, "number": bytes.fromhex(claim.number), "name": bytes.fromhex(claim.name)}
    known: dict[bytes, Known] = {}
    for statement in _PHONES:
        for digest, first, last in connection.execute(statement, whose):
            before = known.get(digest, Known(digest, first, last))
            known[digest] = Known(digest, min(before.first, first), max(before.last, last))
    return sorted(known.values(), key=lambda phone: (phone.first, phone.digest))


def _digest(services: Services, unit_id: int, number: bytes, name: bytes, phone: bytes) -> bytes:
    return services.index.digest(_USE, b"\0".join((str(unit_id).encode(), number, name, phone)))


def _states(
    services: Services, connection: Connection, unit_id: int, claim: Claim, known: Iterable[Known]
) -> dict[bytes, str]:
    """Return what was decided about these phones of a person, by their keyed hashes."""
    number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
    rows = {_digest(services, unit_id, number, name, phone.digest): phone.digest for phone in known}
    found = select(PHONE_CHANGE.c.digest, PHONE_CHANGE.c.state).where(PHONE_CHANGE.c.digest.in_(list(rows)))
    return {rows[row.digest]: row.state for row in connection.execute(found)}


def good_phones(
    services: Services, connection: Connection, unit_id: int, claim: Claim, *, confirmed: bool = False
) -> list[bytes]:
    """Return the phones that a code may go to, the last used first: none that was refused; with ``confirmed`` the
    person's first one and those that were confirmed."""
    known = phones(connection, unit_id, claim)
    states = _states(services, connection, unit_id, claim, known)
    good = [
        phone
        for place, phone in enumerate(known)
        if states.get(phone.digest) != REFUSED and (not confirmed or not place or states.get(phone.digest) == CONFIRMED)
    ]
    return [phone.digest for phone in sorted(good, key=lambda phone: phone.last, reverse=True)]


def since(services: Services, connection: Connection, unit_id: int, claim: Claim) -> str:
    """Return from when on (ISO time) ``claim.phone`` opens a person's bills; ``""``: all of them."""
    known = phones(connection, unit_id, claim)
    mine = next((phone for phone in known if phone.digest.hex() == claim.phone), None)
    if mine is None or mine is known[0]:
        return ""
    decided = _states(services, connection, unit_id, claim, [mine]).get(mine.digest)
    return "" if decided == CONFIRMED else mine.first.isoformat()


@dataclass(frozen=True, slots=True)
class Limit:
    """What a session sees whose phone is not confirmed: bills with its ``phone`` (keyed hash), and those without any
    from ``since`` on."""

    phone: bytes
    since: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """The limit as parameters of :data:`BILLS` and :data:`DEPOSITS`."""
        return {"phone": self.phone, "since": self.since}


def _within(key: Table, issued: Table, column: str) -> ColumnElement[bool]:
    has, any_phone = key.alias(), key.alias()
    own = exists().where(has.c.digest == bindparam("phone"), has.c[column] == issued.c.id)
    other = exists().where(any_phone.c[column] == issued.c.id, any_phone.c.kind == "phone")
    return own | ((issued.c.issued_at >= bindparam("since")) & ~other)


BILLS, DEPOSITS = _within(PARTY_KEY, BILL, "bill_id"), _within(VOUCHER_KEY, VOUCHER, "voucher_id")
"""The condition that a bill or deposit is within a :class:`Limit`."""


def limit_of(services: Services, connection: Connection, session: Session) -> Limit | None:
    """Return the limit of a session; ``None`` when its phone is known or was confirmed, be it a moment ago.

    Raises SESSION_OVER for a phone that the older one has refused.
    """
    claim = session.claim
    if not claim.since or session.level < 2:
        return None
    phone, when = bytes.fromhex(claim.phone), datetime.fromisoformat(claim.since)
    state = _states(services, connection, session.unit_id, claim, [Known(phone, when, when)]).get(phone)
    if state == REFUSED:
        raise Refusal("SESSION_OVER")
    return None if state == CONFIRMED else Limit(phone, when)


def need_whole(services: Services, connection: Connection, session: Session) -> None:
    """Check that a session is not limited: it acts for the whole person. Raises PHONE_CHANGED."""
    if limit_of(services, connection, session) is not None:
        raise Refusal("PHONE_CHANGED")


def note_on(services: Services, connection: Connection, unit_id: int, claim: Claim, phone: str) -> None:
    """Write down, once, that a new phone has opened a person's bills, and have the older phone told."""
    number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
    digest = _digest(services, unit_id, number, name, bytes.fromhex(claim.phone))
    if connection.scalar(select(PHONE_CHANGE.c.id).where(PHONE_CHANGE.c.digest == digest)) is not None:
        return
    change_id = _write(services, connection, unit_id, replace(claim, bills=(), vouchers=(), typed=()), OPEN, phone)
    audit.record(connection, Actor(f"patient:{claim.number[:12]}"), "phone.changed", ("phone", change_id))
    tasks.enqueue(connection, CHANGED_TOPIC, f"{CHANGED_TOPIC}:{change_id}", {"change": change_id})


def _write(services: Services, connection: Connection, unit_id: int, claim: Claim, state: str, phone: str = "") -> int:
    change_id, moment = new_id(), now()
    kept = {"number": claim.number, "name": claim.name, "phone": claim.phone, "masked": mask_phone(phone)}
    digest = _digest(
        services, unit_id, bytes.fromhex(claim.number), bytes.fromhex(claim.name), bytes.fromhex(claim.phone)
    )
    connection.execute(
        insert(PHONE_CHANGE),
        {
            "id": change_id,
            "unit_id": unit_id,
            "digest": digest,
            "claim": services.cipher.encrypt("phone_change.claim", change_id, json.dumps(kept)),
            "state": state,
            "created_at": moment,
            "decided_at": None if state == OPEN else moment,
        },
    )
    return change_id


@dataclass(frozen=True, slots=True)
class Change:
    """A new phone that its person is told of: ``masked`` as they read it, ``phones`` that may be told, the last used
    first."""

    change_id: int
    unit_id: int
    hospital: str
    state: str
    masked: str
    claim: Claim


def change(services: Services, connection: Connection, change_id: int) -> Change | None:
    """Read a new phone that was noted; ``None`` when there is none."""
    row = connection.execute(
        select(PHONE_CHANGE, UNIT.c.short_name)
        .join(UNIT, UNIT.c.id == PHONE_CHANGE.c.unit_id)
        .where(PHONE_CHANGE.c.id == change_id)
    ).one_or_none()
    if row is None:
        return None
    kept = json.loads(services.cipher.decrypt("phone_change.claim", row.id, row.claim))
    claim = Claim(kept["number"], kept["name"], phone=kept["phone"])
    return Change(row.id, row.unit_id, row.short_name, row.state, kept["masked"], claim)


def token_of(services: Services, change_id: int) -> str:
    """Make the token of the page on which the older phone decides."""
    return tokens.make(services.index, _USE, change_id)


def by_token(services: Services, connection: Connection, token: str) -> Change | None:
    """Return the change of a token; ``None`` for one that is not ours."""
    change_id = tokens.number_in(token)
    if change_id is None or not tokens.equal(token, token_of(services, change_id)):
        return None
    return change(services, connection, change_id)


def decide(services: Services, found: Change, *, mine: bool, request_id: str = "") -> None:
    """Take the older phone's word: the new phone is the person's, or it is not and gets no codes any more; audited."""

    def work(connection: Connection) -> None:
        actor = Actor("patient:older-phone", request_id=request_id)
        _decide(services, connection, actor, (found.unit_id, found.claim), CONFIRMED if mine else REFUSED)

    services.database.act(work)


def confirm_by_card(services: Services, limits: Limits, session: Session, typed: str, address: str) -> None:
    """Confirm the session's phone by the number of a card on a bill from before. Raises NOT_MATCHED, TRY_LATER."""
    attempt = attempts.begin(services, limits, CARD, session.claim.number[:24], address)

    def work(connection: Connection) -> None:
        limit = limit_of(services, connection, session)
        if limit is None:
            return
        if not _is_earlier_card(services, connection, session, limit, typed):
            raise Refusal("NOT_MATCHED")
        actor = Actor(f"patient:{session.claim.number[:12]}")
        _decide(services, connection, actor, (session.unit_id, session.claim), CONFIRMED)

    services.database.act(work)
    attempt.right()


@dataclass(frozen=True, slots=True)
class OfBill:
    """The phone of a bill that is new for its payer: since when, and what was decided."""

    claims: tuple[Claim, ...]
    since: datetime
    state: str


def of_bill(services: Services, connection: Connection, unit_id: int, bill_id: int) -> OfBill | None:
    """Return what is to be said of the phone of a unit's bill; ``None`` when it is not new for the payer.

    The payer is looked at by each number of the bill: the phone may be new for one of them alone.
    """
    name = connection.scalar(select(BILL_PARTY.c.name_digest).where(BILL_PARTY.c.bill_id == bill_id))
    keys = connection.execute(select(PARTY_KEY.c.digest, PARTY_KEY.c.kind).where(PARTY_KEY.c.bill_id == bill_id)).all()
    phone = next((key.digest for key in keys if key.kind == "phone"), None)
    if phone is None or name is None:
        return None
    claims = [Claim(key.digest.hex(), name.hex(), phone=phone.hex()) for key in keys if key.kind != "phone"]
    found: list[tuple[Claim, Known]] = []
    for claim in claims:
        known = phones(connection, unit_id, claim)
        found += [(claim, one) for one in known[1:] if one.digest == phone]
    if not found:
        return None
    states = {_states(services, connection, unit_id, claim, [one]).get(phone, OPEN) for claim, one in found}
    state = next(one for one in (REFUSED, OPEN, CONFIRMED) if one in states)
    return OfBill(tuple(claim for claim, _ in found), min(one.first for _, one in found), state)


def confirm_at_desk(services: Services, actor: Actor, bill_id: int, document: str) -> None:
    """Confirm the phone of a bill as its payer's, for staff who have seen ``document``; audited.

    Raises ENTRY_INVALID without a document, BILL_NOT_FOUND when the bill's phone is not new for anybody.
    """
    if len(document.strip()) < 2:
        raise Refusal("ENTRY_INVALID", problems="请写明核对了什么证件")

    def work(connection: Connection) -> None:
        found = of_bill(services, connection, actor.unit_id, bill_id)
        if found is None:
            raise Refusal("BILL_NOT_FOUND")
        for claim in found.claims:
            _write_decision(services, connection, actor.unit_id, claim, CONFIRMED)
        details = {"document": document.strip()[:60]}
        audit.record(connection, actor, "phone.confirmed", ("bill", bill_id), details)

    services.database.act(work)


def _is_earlier_card(services: Services, connection: Connection, session: Session, limit: Limit, typed: str) -> bool:
    number, name = bytes.fromhex(session.claim.number), bytes.fromhex(session.claim.name)
    card, new = PARTY_KEY.alias(), PARTY_KEY.alias()
    earlier = (
        select(card.c.bill_id)
        .select_from(
            PARTY_KEY.join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id)
            .join(BILL, BILL.c.id == PARTY_KEY.c.bill_id)
            .join(card, card.c.bill_id == PARTY_KEY.c.bill_id)
        )
        .where(
            PARTY_KEY.c.digest == number,
            BILL_PARTY.c.name_digest == name,
            BILL.c.unit_id == session.unit_id,
            BILL.c.issued_at < limit.since,
            card.c.digest.in_(number_digests(services, typed)),
            card.c.digest != number,
            card.c.kind.in_(("card", "insurance")),
            ~exists().where(new.c.bill_id == card.c.bill_id, new.c.digest == limit.phone),
        )
    )
    return connection.execute(earlier.limit(1)).first() is not None


def _decide(services: Services, connection: Connection, actor: Actor, whose: tuple[int, Claim], state: str) -> None:
    """Write what was decided of a phone, for every number of the person's bills, so that any of them opens alike."""
    unit_id, claim = whose
    of_person = _NUMBERS, {"unit": unit_id, "number": bytes.fromhex(claim.number), "name": bytes.fromhex(claim.name)}
    for number in sorted({bytes.fromhex(claim.number), *connection.scalars(*of_person)}):
        _write_decision(services, connection, unit_id, replace(claim, number=number.hex()), state)
    action = "phone.confirmed" if state == CONFIRMED else "phone.refused"
    audit.record(connection, actor, action, ("unit", unit_id))


def _write_decision(services: Services, connection: Connection, unit_id: int, claim: Claim, state: str) -> None:
    number, name, phone = (bytes.fromhex(text) for text in (claim.number, claim.name, claim.phone))
    decided = update(PHONE_CHANGE).where(PHONE_CHANGE.c.digest == _digest(services, unit_id, number, name, phone))
    if not connection.execute(decided.values(state=state, decided_at=now())).rowcount:
        _write(services, connection, unit_id, claim, state)


_keyed = PARTY_KEY.alias()
_OF_PERSON = (
    select(_keyed.c.bill_id)
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == _keyed.c.bill_id)
    .join(BILL, BILL.c.id == _keyed.c.bill_id)
    .where(_keyed.c.digest == bindparam("number"), BILL_PARTY.c.name_digest == bindparam("name"))
    .where(BILL.c.unit_id == bindparam("unit"))
)
_NUMBERS = (
    select(PARTY_KEY.c.digest)
    .where(PARTY_KEY.c.kind != "phone", PARTY_KEY.c.bill_id.in_(_OF_PERSON))
    .distinct()
    .limit(50)
)
