"""Patient sessions: the cookie carries a random id, the table its keyed hash and what was proved, sealed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.models.tables import ONE_TIME_CODE, PATIENT_SESSION

_BY_DIGEST = select(
    PATIENT_SESSION.c.unit_id, PATIENT_SESSION.c.level, PATIENT_SESSION.c.claim, PATIENT_SESSION.c.expires_at
).where(PATIENT_SESSION.c.digest == bindparam("cookie"), PATIENT_SESSION.c.expires_at > bindparam("moment"))
"""Built once: building and hashing a statement costs more than running it."""
MOST_BILLS = 20
"""Bills that one session holds by their links."""
TOUCH_EVERY = timedelta(minutes=1)
"""How often use is written down: a write for every page would cost more than the page."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one browser typed and proved. Digests are hex of keyed hashes; ``bills`` opened by a slip (level 1), and
    deposits (``vouchers``) by theirs.

    ``kind``: what the typed number looks like, in words; ``phone``: digest of the phone that got the code (level 2);
    ``since``: from when on (ISO time) a phone that is new for the person opens bills, ``""`` for all of them.
    ``company``: digest of the phone of a company's contact, proved by a code; it opens no person's bill at any level.
    ``whole``: those of ``bills`` with detail lines and data file, since a person proved at level 2 has passed them on.
    ``typed``: number and name as they were typed, to type them no second time, until a code has proved them.
    """

    number: str = ""
    name: str = ""
    bills: tuple[int, ...] = field(default=())
    kind: str = ""
    phone: str = ""
    company: str = ""
    typed: tuple[str, ...] = ()
    whole: tuple[int, ...] = ()
    vouchers: tuple[int, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser: level 0 nothing proved, 1 some bills by slip and name, 2 one person by number, name and phone."""

    digest: bytes
    unit_id: int
    level: int
    claim: Claim
    expires_at: datetime


def _seal(services: Services, digest: bytes, claim: Claim) -> bytes:
    return services.cipher.encrypt("patient_session.claim", digest.hex(), json.dumps(asdict(claim)))


def read(services: Services, connection: Connection, cookie: str) -> Session | None:
    """Return the session of a cookie, when there is one and it is not over."""
    if not cookie:
        return None
    return by_digest(services, connection, services.index.digest("session", cookie))


def by_digest(services: Services, connection: Connection, digest: bytes) -> Session | None:
    """Return the same by the keyed hash of its cookie, for a task that works for a session."""
    row = connection.execute(_BY_DIGEST, {"cookie": digest, "moment": now()}).one_or_none()
    if row is None:
        return None
    claim = json.loads(services.cipher.decrypt("patient_session.claim", digest.hex(), row.claim))
    proved = read_claim(claim)
    return Session(digest, row.unit_id, row.level, proved, row.expires_at)


def read_claim(claim: dict[str, Any]) -> Claim:
    """Return a claim from its sealed form."""
    return Claim(**claim | {name: tuple(claim.get(name, ())) for name in ("bills", "typed", "vouchers", "whole")})


def start(services: Services, connection: Connection, unit_id: int, level: int, claim: Claim) -> str:
    """Open a new session and return the cookie's value; every rise of level gets a new id."""
    cookie = secrets.token_urlsafe(32)
    digest = services.index.digest("session", cookie)
    moment = now()
    connection.execute(
        insert(PATIENT_SESSION),
        {
            "digest": digest,
            "unit_id": unit_id,
            "level": level,
            "claim": _seal(services, digest, claim),
            "created_at": moment,
            "expires_at": moment + timedelta(minutes=services.settings.session_minutes),
        },
    )
    return cookie


def touch(services: Services, session: Session) -> None:
    """Keep a session open for another while, because it is used; written at most once in :data:`TOUCH_EVERY`."""
    until = now() + timedelta(minutes=services.settings.session_minutes)
    if until - session.expires_at < TOUCH_EVERY:
        return
    with services.database.write() as connection:
        connection.execute(
            update(PATIENT_SESSION).where(PATIENT_SESSION.c.digest == session.digest).values(expires_at=until)
        )


def add_bills(services: Services, cookie: str, bills: Sequence[int]) -> None:
    """Let a session that has just opened a bill by its message open the others that the message tells of."""

    def work(connection: Connection) -> None:
        session = read(services, connection, cookie)
        if session is not None:
            claim = replace(session.claim, bills=tuple(dict.fromkeys((*bills, *session.claim.bills)))[-MOST_BILLS:])
            mine = PATIENT_SESSION.c.digest == session.digest
            connection.execute(update(PATIENT_SESSION).where(mine).values(claim=_seal(services, session.digest, claim)))

    services.database.act(work)


def end(services: Services, session: Session) -> None:
    """Close a session on the server."""
    services.database.act(lambda connection: end_on(connection, session))


def end_on(connection: Connection, session: Session) -> None:
    """Close a session in the caller's transaction."""
    connection.execute(delete(PATIENT_SESSION).where(PATIENT_SESSION.c.digest == session.digest))


def clean(connection: Connection) -> None:
    """Remove what is over: sessions, and codes a day after their end (the daily limit counts them till then)."""
    connection.execute(delete(PATIENT_SESSION).where(PATIENT_SESSION.c.expires_at < now()))
    connection.execute(delete(ONE_TIME_CODE).where(ONE_TIME_CODE.c.expires_at < now() - timedelta(days=1)))
