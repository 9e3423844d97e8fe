"""Phones that a patient asked us to remember: one proof by a code, then one tap, for 90 days.

The cookie carries a random token, the table its keyed hash and what was proved, sealed. A person sees all of theirs
and ends any of them; a phone that has ended opens nothing.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from portal import audit
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import REMEMBERED_PHONE
from portal.retrieval.proof import sessions
from portal.retrieval.proof.sessions import Claim, Session

LIVES = timedelta(days=90)
MOST = 10
"""Phones of one person; the oldest is forgotten for the next."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A remembered phone as its person sees it; ``here``: the one that asks."""

    phone_id: int
    place: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    here: bool


def _person(services: Services, unit_id: int, claim: Claim) -> bytes:
    return services.index.digest("remembered.person", f"{unit_id}|{claim.number}|{claim.name}")


def _actor(claim: Claim) -> Actor:
    return Actor(f"patient:{claim.number[:12]}")


def _need_person(session: Session) -> None:
    if session.level < 2 or not session.claim.number:
        raise Refusal("SESSION_OVER")


def remember(services: Services, session: Session, place: str) -> str:
    """Remember the browser of a session that has proved a person; return the token for its cookie.

    Raises SESSION_OVER below level 2.
    """
    _need_person(session)
    token, phone_id, moment = secrets.token_urlsafe(32), new_id(), now()
    claim = replace(session.claim, bills=(), vouchers=(), whole=())
    row = {
        "id": phone_id,
        "digest": services.index.digest("remembered", token),
        "unit_id": session.unit_id,
        "person": _person(services, session.unit_id, claim),
        "claim": services.cipher.encrypt("remembered_phone.claim", phone_id, json.dumps(asdict(claim))),
        "place": place[:20],
        "created_at": moment,
        "used_at": moment,
        "expires_at": moment + LIVES,
    }
    with services.database.write() as connection:
        mine = REMEMBERED_PHONE.c.person == row["person"]
        newest = select(REMEMBERED_PHONE.c.id).where(mine).order_by(REMEMBERED_PHONE.c.used_at.desc())
        kept = connection.scalars(newest.limit(MOST - 1)).all()
        connection.execute(delete(REMEMBERED_PHONE).where(mine, REMEMBERED_PHONE.c.id.not_in(kept)))
        connection.execute(insert(REMEMBERED_PHONE), row)
        audit.record(connection, _actor(claim), "patient.remembered", ("unit", session.unit_id))
    return token


def _row(services: Services, connection: Connection, unit_id: int, token: str) -> Row[Any] | None:
    known = select(REMEMBERED_PHONE).where(
        REMEMBERED_PHONE.c.digest == services.index.digest("remembered", token),
        REMEMBERED_PHONE.c.unit_id == unit_id,
        REMEMBERED_PHONE.c.expires_at > now(),
    )
    return connection.execute(known).one_or_none() if token else None


def known(services: Services, connection: Connection, unit_id: int, token: str) -> bool:
    """Tell whether a browser is remembered at this unit."""
    return _row(services, connection, unit_id, token) is not None


def come_back(services: Services, unit_id: int, token: str) -> str:
    """Open a session at level 2 for a remembered browser; return its cookie. Raises SESSION_OVER."""
    with services.database.write() as connection:
        row = _row(services, connection, unit_id, token)
        if row is None:
            raise Refusal("SESSION_OVER")
        stored = json.loads(services.cipher.decrypt("remembered_phone.claim", row.id, row.claim))
        claim = replace(sessions.read_claim(stored), bills=(), vouchers=(), whole=())
        used = update(REMEMBERED_PHONE).where(REMEMBERED_PHONE.c.id == row.id)
        connection.execute(used.values(used_at=now()))
        audit.record(connection, _actor(claim), "patient.returned", ("unit", unit_id))
        return sessions.start(services, connection, unit_id, 2, claim)


def phones(services: Services, connection: Connection, session: Session, token: str) -> list[Phone]:
    """Return the remembered phones of a session's person, the last used first. Raises SESSION_OVER below level 2."""
    _need_person(session)
    mine = REMEMBERED_PHONE.c.person == _person(services, session.unit_id, session.claim)
    wanted = select(REMEMBERED_PHONE).where(mine, REMEMBERED_PHONE.c.expires_at > now())
    here = services.index.digest("remembered", token)
    return [
        Phone(row.id, row.place, row.created_at, row.used_at, row.expires_at, row.digest == here)
        for row in connection.execute(wanted.order_by(REMEMBERED_PHONE.c.used_at.desc()))
    ]


def forget(services: Services, session: Session, phone_id: int) -> None:
    """End one remembered phone of a session's person; another person's stays. Raises SESSION_OVER below level 2."""
    _need_person(session)
    mine = REMEMBERED_PHONE.c.person == _person(services, session.unit_id, session.claim)
    with services.database.write() as connection:
        connection.execute(delete(REMEMBERED_PHONE).where(mine, REMEMBERED_PHONE.c.id == phone_id))
        audit.record(connection, _actor(session.claim), "patient.forgotten", ("unit", session.unit_id))


def clean(connection: Connection) -> None:
    """Forget the phones whose time is over."""
    connection.execute(delete(REMEMBERED_PHONE).where(REMEMBERED_PHONE.c.expires_at < now()))
