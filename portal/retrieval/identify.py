"""Proving who one is: number + name + code by SMS (level 2), or slip + name (level 1). Features §4.2, checks A1–A4.

Somebody who is not found, or whose name does not match, passes through exactly the same steps as a patient: the
same writes, the same task, the same page. Only no message is sent, and no code will ever be right.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Boolean, Connection, Table, bindparam, exists, insert, or_, select, update

from portal.access.limits import Limits
from portal.audit import entries
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.identity import normalise, normalise_name
from portal.issuing import queries
from portal.issuing.queries import FACTS_AND_PAYER, BillFacts
from portal.issuing.rows import number_digest
from portal.models import Bill, BillParty, OneTimeCode, PartyKey
from portal.outbox import tasks
from portal.retrieval import sessions
from portal.retrieval.sessions import Claim, Session

BILL: Table = Bill.__table__  # type: ignore[assignment]
PARTY: Table = BillParty.__table__  # type: ignore[assignment]
KEY: Table = PartyKey.__table__  # type: ignore[assignment]
CODE: Table = OneTimeCode.__table__  # type: ignore[assignment]

CODE_MINUTES = 5
CODE_TRIES = 5
SMS_TOPIC = "sms.code"


def begin(services: Services, limits: Limits, unit_id: int, number: str, name: str, address: str) -> str:
    """Take number and name and have a code sent if they match; returns the cookie of a new session.

    Whether they match is not even looked at here, but by the task that sends: what is not known while the page is
    made cannot change its time (check A1). ``address`` is the caller's network address, counted by keyed hash.
    Raises TRY_LATER when too often.
    """
    digest = number_digest(services, number).hex()
    claim = Claim(digest, services.index.digest("name", normalise_name(name)).hex())
    _limit(limits, f"find.address:{services.index.digest('address', address).hex()[:24]}", 60, 900, 15)
    _limit(limits, f"find.number:{digest[:24]}", 5, 1800, 30)
    with services.database.write() as connection:
        cookie = sessions.start(services, connection, unit_id, 0, claim)
        _send_code(services, connection, services.index.digest("session", cookie))
    return cookie


def _limit(limits: Limits, bucket: str, most: int, seconds: int, minutes: int) -> None:
    if not limits.hit(bucket, most, seconds):
        raise Refusal("TRY_LATER", minutes=minutes)


def _code_digest(services: Services, session_digest: bytes, code: str) -> bytes:
    return services.index.digest("code", session_digest + code.encode())


def _send_code(services: Services, connection: Connection, session_digest: bytes) -> None:
    code_id, code, moment = new_id(), f"{secrets.randbelow(1_000_000):06d}", now()
    connection.execute(
        insert(CODE),
        {
            "id": code_id,
            "session_digest": session_digest,
            "purpose": "find",
            "code_digest": _code_digest(services, session_digest, code),
            "phone": None,
            "code": services.cipher.encrypt("one_time_code.code", code_id, code),
            "tries": 0,
            "created_at": moment,
            "expires_at": moment + timedelta(minutes=CODE_MINUTES),
            "used_at": None,
        },
    )
    tasks.enqueue(connection, SMS_TOPIC, f"{SMS_TOPIC}:{code_id}", {"code": code_id})


def confirm(services: Services, session: Session, typed: str) -> str:
    """Check the code that was typed; returns the cookie of a new session at level 2.

    Raises CODE_WRONG for a wrong, old, used or worn-out code alike.
    """
    with services.database.write() as connection:
        moment = now()
        row = connection.execute(
            update(CODE)
            .where(
                CODE.c.session_digest == session.digest,
                CODE.c.used_at.is_(None),
                CODE.c.expires_at > moment,
                CODE.c.tries < CODE_TRIES,
            )
            .values(tries=CODE.c.tries + 1)
            .returning(CODE.c.id, CODE.c.code_digest)
        ).one_or_none()
        wanted = row.code_digest if row is not None else secrets.token_bytes(32)
        right = hmac.compare_digest(wanted, _code_digest(services, session.digest, normalise(typed)))
        if right and row is not None:
            return _rise(services, connection, session, row.id, moment)
    raise Refusal("CODE_WRONG")


def _rise(services: Services, connection: Connection, session: Session, code_id: int, moment: datetime) -> str:
    connection.execute(update(CODE).where(CODE.c.id == code_id).values(used_at=moment, code=None, phone=None))
    sessions.end(connection, session)
    entries.record(connection, "patient.identified", "unit", session.unit_id, f"patient:{session.claim.number[:12]}")
    return sessions.start(services, connection, session.unit_id, 2, session.claim)


def open_by_slip(
    services: Services, limits: Limits, bill: BillFacts, name: str, address: str, session: Session | None
) -> str:
    """Level 1: the slip's link and the payer's name open that one bill; returns the cookie of a new session.

    Raises NOT_MATCHED, TRY_LATER.
    """
    _limit(limits, f"slip.bill:{bill.bill_id}", 5, 1800, 30)
    _limit(limits, f"find.address:{services.index.digest('address', address).hex()[:24]}", 60, 900, 15)
    typed = services.index.digest("name", normalise_name(name))
    with services.database.write() as connection:
        stored = connection.execute(select(PARTY.c.name_digest).where(PARTY.c.bill_id == bill.bill_id)).scalar_one()
        if not hmac.compare_digest(stored, typed):
            raise Refusal("NOT_MATCHED")
        known: tuple[int, ...] = ()
        claim = Claim()
        level = 1
        if session is not None and session.unit_id == bill.unit_id:
            known, claim, level = session.claim.bills, session.claim, max(session.level, 1)
            sessions.end(connection, session)
        bills = tuple(dict.fromkeys((*known, bill.bill_id)))[-20:]
        entries.record(connection, "bill.opened", "bill", bill.bill_id, "patient:slip")
        return sessions.start(services, connection, bill.unit_id, level, Claim(claim.number, claim.name, bills))


# Statements are built once: building and hashing one costs more than running it.
_OF_PERSON = (
    FACTS_AND_PAYER.join(KEY, KEY.c.bill_id == BILL.c.id)
    .where(KEY.c.digest == bindparam("number"), PARTY.c.name_digest == bindparam("name"))
    .where(BILL.c.unit_id == bindparam("unit"))
)
_OPENED = FACTS_AND_PAYER.where(BILL.c.id.in_(bindparam("bills", expanding=True)), BILL.c.unit_id == bindparam("unit"))
_OWN = FACTS_AND_PAYER.where(
    BILL.c.id == bindparam("bill"),
    BILL.c.unit_id == bindparam("unit"),
    or_(
        bindparam("opened", type_=Boolean),
        exists().where(KEY.c.digest == bindparam("number"), KEY.c.bill_id == BILL.c.id)
        & (PARTY.c.name_digest == bindparam("name")),
    ),
)


def _proved(session: Session) -> dict[str, object]:
    """What the session has proved, as parameters; below level 2 the number and name that were typed prove nothing."""
    claim = session.claim if session.level >= 2 else Claim()
    return {"unit": session.unit_id, "number": bytes.fromhex(claim.number), "name": bytes.fromhex(claim.name)}


def visible_bills(services: Services, connection: Connection, session: Session) -> tuple[list[BillFacts], str]:
    """The bills this session may see, newest business first: of the person at level 2, and those opened by slip.

    With them the full name of the newest one's payer (``""`` without bills); the caller masks it.
    """
    proved, rows = _proved(session), {}
    if session.level >= 2:
        rows = {row.bill_id: row for row in connection.execute(_OF_PERSON, proved)}
    if others := [bill for bill in session.claim.bills if bill not in rows]:
        found = connection.execute(_OPENED, {"unit": session.unit_id, "bills": others})
        rows |= {row.bill_id: row for row in found}
    newest = sorted(rows.values(), key=lambda row: (row.business_at, row.bill_id), reverse=True)
    return [queries.read_facts(row) for row in newest], queries.read_payer(services, newest[0]) if newest else ""


def own_bill(
    services: Services, connection: Connection, session: Session, bill_id: int
) -> tuple[BillFacts, str] | None:
    """The bill and its payer's full name, when this session may open it; the caller masks or audits the name.

    Not yours and not there look the same to the caller.
    """
    wanted = _proved(session) | {"bill": bill_id, "opened": bill_id in session.claim.bills}
    row = connection.execute(_OWN, wanted).one_or_none()
    return None if row is None else (queries.read_facts(row), queries.read_payer(services, row))
