"""Patient sessions: the cookie carries a random id, the table its keyed hash and what was proved, sealed."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, Table, delete, insert, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.models import OneTimeCode, PatientSession

SESSION: Table = PatientSession.__table__  # type: ignore[assignment]
CODE: Table = OneTimeCode.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one browser typed and proved. Digests are hex of keyed hashes; ``bills`` opened by a slip (level 1)."""

    number: str = ""
    name: str = ""
    bills: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Session:
    """One browser: level 0 nothing proved, 1 some bills by slip and name, 2 one person by number, name and phone."""

    digest: bytes
    unit_id: int
    level: int
    claim: Claim


def _seal(services: Services, digest: bytes, claim: Claim) -> bytes:
    return services.cipher.encrypt("patient_session.claim", digest.hex(), json.dumps(asdict(claim)))


def read(services: Services, connection: Connection, cookie: str) -> Session | None:
    """The session of a cookie, when there is one and it is not over."""
    if not cookie:
        return None
    digest = services.index.digest("session", cookie)
    row = connection.execute(
        select(SESSION.c.unit_id, SESSION.c.level, SESSION.c.claim).where(
            SESSION.c.digest == digest, SESSION.c.expires_at > now()
        )
    ).one_or_none()
    if row is None:
        return None
    claim = json.loads(services.cipher.decrypt("patient_session.claim", digest.hex(), row.claim))
    return Session(digest, row.unit_id, row.level, Claim(claim["number"], claim["name"], tuple(claim["bills"])))


def start(services: Services, connection: Connection, unit_id: int, level: int, claim: Claim) -> str:
    """Open a new session and return the cookie's value; every rise of level gets a new id (checks A8)."""
    cookie = secrets.token_urlsafe(32)
    digest = services.index.digest("session", cookie)
    moment = now()
    connection.execute(
        insert(SESSION),
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


def touch(services: Services, connection: Connection, session: Session) -> None:
    """Keep a session open for another while, because it is used."""
    until = now() + timedelta(minutes=services.settings.session_minutes)
    connection.execute(update(SESSION).where(SESSION.c.digest == session.digest).values(expires_at=until))


def end(connection: Connection, session: Session) -> None:
    """Close a session on the server."""
    connection.execute(delete(SESSION).where(SESSION.c.digest == session.digest))


def clean(connection: Connection) -> None:
    """Remove what is over: sessions, and codes a day after their end (the daily limit counts them till then)."""
    connection.execute(delete(SESSION).where(SESSION.c.expires_at < now()))
    connection.execute(delete(CODE).where(CODE.c.expires_at < now() - timedelta(days=1)))
