"""Proving who one is: number + name + code by SMS (level 2), or slip + name (level 1).

Somebody who is not found, or whose name does not match, passes through exactly the same steps as a patient: the
same writes, the same task, the same page. Only no message is sent, and no code will ever be right.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, Row, Select, bindparam, exists, insert, or_, select, update

from portal import audit
from portal.access import attempts, parameters
from portal.access.attempts import Attempt, Guard
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import bare_slip_code, is_slip_code, normalise
from portal.issuing.paper import slip_codes
from portal.ledger import bill_relations
from portal.ledger import bills as ledger_bills
from portal.ledger.bill_relations import Relations
from portal.ledger.bills import FACTS_AND_PAYER, BillFacts
from portal.models.tables import BILL, BILL_PARTY, FAMILY_KEY, FAMILY_LINK, ONE_TIME_CODE, PARTY_KEY, SLIP_CODE
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.retrieval.proof import changed_phone, sessions
from portal.retrieval.proof.sessions import Claim, Session
from portal.retrieval.proof.spellings import claim_of, is_name, resolved

CODE_MINUTES = 5
CODE_TRIES = 5
SMS_TOPIC = topic("sms.code")
FIND, CONSENT = "find", "consent"
LOOK_UP = Guard("find", "number", 5, 1800)
"""Look-ups by one number. Whether one was right shows only when its code is typed."""
BY_LINK, BY_SLIP_CODE = Guard("link", "bill", 5, 1800), Guard("slip", "code", 5, 1800)
TYPED_CODE, TYPED_CODE_AT = Guard("code", "person", 20, 86_400), Guard("code", "phone", 20, 86_400)
"""Wrong codes a day, however many were sent: for one number, and for one phone, which all numbers of a person share."""


def begin(
    services: Services,
    limits: Limits,
    unit_id: int,
    number: str,
    name: str,
    address: str,
    session: Session | None = None,
) -> str:
    """Take number and name and have a code sent if they match; returns the cookie of a new session.

    Whether they match is not even looked at here, but by the task that sends: what is not known while the page is
    made cannot change its time. What a slip has opened in ``session`` stays open. ``address`` is the caller's network
    address, counted by keyed hash.
    Raises TRY_LATER when too often.
    """
    claim = counted_claim(services, limits, number, name, address)
    if session is not None and session.unit_id == unit_id:
        before = session.claim
        claim = replace(claim, bills=before.bills, vouchers=before.vouchers, whole=before.whole)
    return services.database.act(lambda connection: begin_on(services, connection, unit_id, claim))


def counted_claim(services: Services, limits: Limits, number: str, name: str, address: str) -> Claim:
    """Count a look-up by number and address and return whom it asks for. Raises TRY_LATER when too often."""
    claim = claim_of(services, number, name)
    attempts.begin(services, limits, LOOK_UP, claim.number[:24], address)
    return claim


def begin_on(services: Services, connection: Connection, unit_id: int, claim: Claim) -> str:
    """Open a session for a counted claim and have its code sent, in the caller's transaction; return its cookie."""
    cookie = sessions.start(services, connection, unit_id, 1 if claim.bills or claim.vouchers else 0, claim)
    send_code(services, connection, services.index.digest("session", cookie))
    return cookie


def _code_digest(services: Services, session_digest: bytes, code: str) -> bytes:
    return services.index.digest("code", session_digest + code.encode())


def send_code(
    services: Services, connection: Connection, session_digest: bytes, purpose: str = FIND, claim: bytes = b""
) -> None:
    """Have a fresh code sent, in the caller's transaction; ``claim`` as of :class:`OneTimeCode`."""
    code_id, code, moment = new_id(), f"{secrets.randbelow(1_000_000):06d}", now()
    connection.execute(
        insert(ONE_TIME_CODE),
        {
            "id": code_id,
            "session_digest": session_digest,
            "purpose": purpose,
            "code_digest": _code_digest(services, session_digest, code),
            "phone": None,
            "code": services.cipher.encrypt("one_time_code.code", code_id, code),
            "tries": 0,
            "created_at": moment,
            "expires_at": moment + timedelta(minutes=CODE_MINUTES),
            "used_at": None,
            "claim": services.cipher.encrypt("one_time_code.claim", code_id, claim) if claim else None,
        },
    )
    tasks.enqueue(connection, SMS_TOPIC, f"{SMS_TOPIC}:{code_id}", {"code": code_id})


def take_code(
    services: Services, connection: Connection, session: Session, typed: str, purpose: str
) -> Row[Any] | None:
    """Count one try at each code of the session that is still good, since the one that was sent again may be overtaken
    by the first; the row (``id``, ``phone``, ``claim``) of the right one, then used up."""
    rows = connection.execute(
        update(ONE_TIME_CODE)
        .where(
            ONE_TIME_CODE.c.session_digest == session.digest,
            ONE_TIME_CODE.c.purpose == purpose,
            ONE_TIME_CODE.c.used_at.is_(None),
            ONE_TIME_CODE.c.expires_at > now(),
            ONE_TIME_CODE.c.tries < CODE_TRIES,
        )
        .values(tries=ONE_TIME_CODE.c.tries + 1)
        .returning(ONE_TIME_CODE.c.id, ONE_TIME_CODE.c.code_digest, ONE_TIME_CODE.c.phone, ONE_TIME_CODE.c.claim)
    ).all()
    digest = _code_digest(services, session.digest, normalise(typed))
    right = [row for row in rows if hmac.compare_digest(row.code_digest, digest)]
    if not right:
        return None
    over = {"used_at": now(), "code": None, "phone": None, "claim": None}
    connection.execute(update(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id.in_([row.id for row in rows])).values(over))
    return right[0]


def count_code(services: Services, limits: Limits, session: Session, purpose: str = FIND) -> list[Attempt]:
    """Count one code that is typed, by the number that the session asks for and by the phone that the code went to.

    Nobody's code went nowhere, and is counted by its session instead. Raises TRY_LATER.
    """
    with services.database.read() as connection:
        row = connection.execute(_PHONE_OF_CODE, {"session": session.digest, "purpose": purpose}).first()
    phone = ""
    if row is not None and row.phone is not None:
        phone = services.cipher.decrypt_text("one_time_code.phone", row.id, row.phone).strip()
    place = services.index.digest("phone", phone).hex() if phone else session.digest.hex()
    whom = session.claim.number or session.digest.hex()
    counted = ((TYPED_CODE, whom[:24]), (TYPED_CODE_AT, place[:24]))
    return [attempts.begin(services, limits, guard, key) for guard, key in counted]


def was_right(limits: Limits, session: Session, counted: list[Attempt]) -> None:
    """Take back the attempts of somebody who typed the right code, and the look-up before it."""
    for attempt in counted:
        attempt.right()
    limits.give_back(LOOK_UP.bucket(session.claim.number[:24]), LOOK_UP.seconds)


def confirm(services: Services, limits: Limits, session: Session, typed: str) -> str:
    """Check the code that was typed; returns the cookie of a new session at level 2.

    Raises CODE_WRONG for a wrong, old, used or worn-out code alike, TRY_LATER after too many wrong ones in a day.
    """
    counted = count_code(services, limits, session)
    cookie = services.database.act(lambda connection: confirm_on(services, connection, session, typed))
    if cookie is None:
        raise Refusal("CODE_WRONG")
    was_right(limits, session, counted)
    return cookie


def confirm_on(services: Services, connection: Connection, session: Session, typed: str) -> str | None:
    """Check a typed code in the caller's transaction, which must commit so that the try stays counted.

    Returns the cookie of a new session at level 2, or None for a code that does not hold.
    """
    row = take_code(services, connection, session, typed, FIND)
    return None if row is None else _rise(services, connection, session, row)


def _rise(services: Services, connection: Connection, session: Session, code: Row[Any]) -> str:
    sessions.end_on(connection, session)
    audit.record(
        connection, Actor(f"patient:{session.claim.number[:12]}"), "patient.identified", ("unit", session.unit_id)
    )
    sent_to = ""
    if code.phone is not None:
        sent_to = services.cipher.decrypt_text("one_time_code.phone", code.id, code.phone).strip()
    claim = proved_by(services, connection, session.unit_id, session.claim, sent_to)
    return sessions.start(services, connection, session.unit_id, 2, claim)


def proved_by(services: Services, connection: Connection, unit_id: int, claim: Claim, phone: str) -> Claim:
    """Return the claim of somebody who has proved it by this phone, and note a phone that is new for the person."""
    claim = resolved(services, connection, unit_id, claim)
    digest = services.index.digest("phone", phone).hex() if phone else ""
    claim = replace(claim, phone=digest, typed=())
    claim = replace(claim, since=changed_phone.since(services, connection, unit_id, claim))
    if claim.since:
        changed_phone.note_on(services, connection, unit_id, claim, phone)
    return claim


def open_by_slip(
    services: Services, limits: Limits, bill: BillFacts, typed: str, address: str, session: Session | None
) -> str:
    """Level 1: the slip's link and the payer's name, or the slip's fetch code, open that one bill.

    Returns the cookie of a new session. Raises NOT_MATCHED, TRY_LATER.
    """
    attempt = attempts.begin(services, limits, BY_LINK, str(bill.bill_id), address)
    cookie = services.database.act(lambda connection: open_by_slip_on(services, connection, bill, typed, session))
    attempt.right()
    return cookie


def open_by_slip_on(
    services: Services, connection: Connection, bill: BillFacts, typed: str, session: Session | None
) -> str:
    """Open the bill in the caller's transaction; the caller counts the attempt. Raises NOT_MATCHED."""
    code = typed if is_slip_code(typed) else bare_slip_code(typed)
    opened = Claim(bills=(bill.bill_id,))
    if code and _use_code(connection, slip_codes.digest(services, code), bill.bill_id) is not None:
        return open_on(services, connection, bill.unit_id, opened, session, "patient:slip-code")
    if is_slip_code(typed) or not is_name(services, ledger_bills.payer_name(services, connection, bill.bill_id), typed):
        raise Refusal("NOT_MATCHED")
    return open_on(services, connection, bill.unit_id, opened, session, "patient:slip")


def open_by_code(
    services: Services, limits: Limits, unit_id: int, code: str, name: str, address: str, session: Session | None
) -> tuple[str, int]:
    """Level 1 without the slip in hand (proxy by slip): fetch code and payer's name open that one bill, once.

    Returns the cookie of a new session and the bill. A code that is wrong, used or old and a wrong name are one:
    raises NOT_MATCHED, TRY_LATER.
    """
    digest = slip_codes.digest(services, code)
    attempt = attempts.begin(services, limits, BY_SLIP_CODE, digest.hex()[:24], address)

    opened = services.database.act(
        lambda connection: open_by_code_on(services, connection, unit_id, (code, name), session)
    )
    attempt.right()
    return opened


def open_by_code_on(
    services: Services, connection: Connection, unit_id: int, typed: tuple[str, str], session: Session | None
) -> tuple[str, int]:
    """Open the bill of a fetch code and a name (``typed``) in the caller's transaction; the caller counts the attempt.

    Raises NOT_MATCHED.
    """
    code, name = typed
    digest = slip_codes.digest(services, code)
    known = connection.execute(_BY_CODE, {"code": digest, "unit": unit_id, "moment": now()}).one_or_none()
    stored = ledger_bills.read_payer(services, known) if known is not None else secrets.token_hex(6)
    if not is_name(services, stored, name) or known is None:
        raise Refusal("NOT_MATCHED")
    if _use_code(connection, digest, known.bill_id) is None:
        raise Refusal("NOT_MATCHED")
    opened = Claim(bills=(known.bill_id,))
    return open_on(services, connection, unit_id, opened, session, "patient:slip-code"), known.bill_id


def _use_code(connection: Connection, digest: bytes, bill_id: int) -> int | None:
    """Use up a fetch code of this bill; ``None`` when there is none, or it was used. Two at once: one gets it."""
    used = (
        update(SLIP_CODE)
        .where(
            SLIP_CODE.c.digest == digest,
            SLIP_CODE.c.bill_id == bill_id,
            SLIP_CODE.c.used_at.is_(None),
            SLIP_CODE.c.expires_at > now(),
        )
        .values(used_at=now())
        .returning(SLIP_CODE.c.bill_id)
    )
    return connection.execute(used).scalar_one_or_none()


def open_on(
    services: Services, connection: Connection, unit_id: int, opened: Claim, session: Session | None, actor: str
) -> str:
    """Open a session that may see what ``opened`` names, besides what the present one may; return its cookie."""
    for bill_id in opened.bills:
        audit.record(connection, Actor(actor), "bill.opened", ("bill", bill_id))
    return widen(services, connection, unit_id, opened, session)


def widen(services: Services, connection: Connection, unit_id: int, opened: Claim, session: Session | None) -> str:
    """Return a session that may see these bills and deposits, besides what the present one may, which ends."""
    claim, level = Claim(), 1
    if session is not None and session.unit_id == unit_id:
        claim, level = session.claim, max(session.level, 1)
        sessions.end_on(connection, session)
        if session.level < 2:
            claim = Claim(bills=claim.bills, vouchers=claim.vouchers, whole=claim.whole)
    bills, deposits = (
        tuple(dict.fromkeys((*old, *new)))[-sessions.MOST_BILLS :]
        for old, new in ((claim.bills, opened.bills), (claim.vouchers, opened.vouchers))
    )
    whole = tuple(bill for bill in bills if bill in claim.whole or bill in opened.whole)
    claim = replace(claim, bills=bills, vouchers=deposits, whole=whole)
    return sessions.start(services, connection, unit_id, level, claim)


# Statements are built once: building and hashing one costs more than running it.
_OF_PERSON = (
    FACTS_AND_PAYER.join(PARTY_KEY, PARTY_KEY.c.bill_id == BILL.c.id)
    .where(PARTY_KEY.c.digest == bindparam("number"), BILL_PARTY.c.name_digest == bindparam("name"))
    .where(BILL.c.unit_id == bindparam("unit"))
)
_OPENED = FACTS_AND_PAYER.where(BILL.c.id.in_(bindparam("bills", expanding=True)), BILL.c.unit_id == bindparam("unit"))
_PHONE_OF_CODE = (
    select(ONE_TIME_CODE.c.id, ONE_TIME_CODE.c.phone)
    .where(ONE_TIME_CODE.c.session_digest == bindparam("session"), ONE_TIME_CODE.c.purpose == bindparam("purpose"))
    .order_by(ONE_TIME_CODE.c.id.desc())
    .limit(1)
)
_BY_CODE = (
    select(SLIP_CODE.c.bill_id, BILL_PARTY.c.name)
    .join(BILL, BILL.c.id == SLIP_CODE.c.bill_id)
    .join(BILL_PARTY, BILL_PARTY.c.bill_id == SLIP_CODE.c.bill_id)
    .where(
        SLIP_CODE.c.digest == bindparam("code"),
        SLIP_CODE.c.used_at.is_(None),
        SLIP_CODE.c.expires_at > bindparam("moment"),
        BILL.c.unit_id == bindparam("unit"),
    )
)
_held, _about = FAMILY_KEY.alias(), FAMILY_KEY.alias()
_OF_FAMILY = exists().where(
    _held.c.digest == bindparam("number"),
    _held.c.side == "holder",
    FAMILY_LINK.c.id == _held.c.link_id,
    FAMILY_LINK.c.holder_name == bindparam("name"),
    FAMILY_LINK.c.unit_id == bindparam("unit"),
    FAMILY_LINK.c.revoked_at.is_(None),
    FAMILY_LINK.c.valid_until > bindparam("moment"),
    _about.c.link_id == FAMILY_LINK.c.id,
    _about.c.side == "subject",
    PARTY_KEY.c.digest == _about.c.digest,
    PARTY_KEY.c.bill_id == BILL.c.id,
    BILL_PARTY.c.name_digest == FAMILY_LINK.c.subject_name,
)
"""Somebody who proved number and name may see this bill as guardian or proxy of its payer, today."""
_BY_PERSON = exists().where(PARTY_KEY.c.digest == bindparam("number"), PARTY_KEY.c.bill_id == BILL.c.id) & (
    BILL_PARTY.c.name_digest == bindparam("name")
)
_ONE = FACTS_AND_PAYER.where(BILL.c.id == bindparam("bill"), BILL.c.unit_id == bindparam("unit"))
_OPENED_ONE = bindparam("opened", type_=Boolean)
_OWN = _ONE.where(or_(_OPENED_ONE, _BY_PERSON, _OF_FAMILY))
_OWN_RELATED = bill_relations.with_relations(_OWN)
_LIMITED = _ONE.where(or_(_OPENED_ONE, _BY_PERSON & changed_phone.BILLS))
"""Of a session whose phone is new for the person: nobody else's, and none from before that phone."""
_LIMITED_RELATED = bill_relations.with_relations(_LIMITED)
_OF_LIMITED_PERSON = _OF_PERSON.where(changed_phone.BILLS)


def _proved(session: Session) -> dict[str, object]:
    """Return what the session has proved, as parameters; below level 2 the number and name that were typed prove
    nothing."""
    claim = session.claim if session.level >= 2 else Claim()
    return {"unit": session.unit_id, "number": bytes.fromhex(claim.number), "name": bytes.fromhex(claim.name)}


def visible_bills(services: Services, connection: Connection, session: Session) -> tuple[list[BillFacts], str]:
    """Return the bills this session may see, newest business first: of the person at level 2, and those opened by slip.

    With them the full name of the newest one's payer (``""`` without bills); the caller masks it.
    """
    proved, rows = _proved(session), {}
    if session.level >= 2:
        limit = changed_phone.limit_of(services, connection, session)
        statement = _OF_PERSON if limit is None else _OF_LIMITED_PERSON
        wanted = proved if limit is None else proved | limit.parameters
        rows = {row.bill_id: row for row in connection.execute(statement, wanted)}
    if others := [bill for bill in session.claim.bills if bill not in rows]:
        found = connection.execute(_OPENED, {"unit": session.unit_id, "bills": others})
        rows |= {row.bill_id: row for row in found}
    newest = sorted(rows.values(), key=lambda row: (row.business_at, row.bill_id), reverse=True)
    return [ledger_bills.read_facts(row) for row in newest], ledger_bills.read_payer(
        services, newest[0]
    ) if newest else ""


def own_bill(
    services: Services, connection: Connection, session: Session, bill_id: int
) -> tuple[BillFacts, str] | None:
    """Return the bill and its payer's full name, when this session may open it; the caller masks or audits the name.

    Not yours and not there look the same to the caller.
    """
    row = _own(services, connection, (_OWN, _LIMITED), session, bill_id)
    return None if row is None else (ledger_bills.read_facts(row), ledger_bills.read_payer(services, row))


def may_see_details(services: Services, connection: Connection, session: Session, bill_id: int) -> bool:
    """Whether the session may see detail lines and data file of a bill that it may open.

    They name drugs and department and hold the whole ID number: who has a slip and a name only does not get them,
    unless the hospital has decided so (``patient.slip-details``) or a person proved has passed the bill on.
    """
    if (session.level >= 2 and bill_id not in session.claim.bills) or bill_id in session.claim.whole:
        return True
    if parameters.value(connection, session.unit_id, "patient.slip-details"):
        return True
    by_person = replace(session, claim=replace(session.claim, bills=()))
    return own_bill(services, connection, by_person, bill_id) is not None


def own_bill_related(
    services: Services, connection: Connection, session: Session, bill_id: int
) -> tuple[BillFacts, str, Relations] | None:
    """Return the same, with what belongs to the bill."""
    row = _own(services, connection, (_OWN_RELATED, _LIMITED_RELATED), session, bill_id)
    if row is None:
        return None
    facts = ledger_bills.read_facts(row)
    return facts, ledger_bills.read_payer(services, row), bill_relations.of(connection, facts, row)


def _own(
    services: Services,
    connection: Connection,
    statements: tuple[Select[Any], Select[Any]],
    session: Session,
    bill_id: int,
) -> Row[Any] | None:
    """Read one bill by the first of two statements, or by the second for a session whose phone is new."""
    whole, limited = statements
    wanted = _proved(session) | {"bill": bill_id, "opened": bill_id in session.claim.bills}
    limit = changed_phone.limit_of(services, connection, session)
    if limit is not None:
        return connection.execute(limited, wanted | limit.parameters).one_or_none()
    return connection.execute(whole, wanted | {"moment": now()}).one_or_none()
