"""Signed-in browsers: the cookie carries a random id, the table its keyed hash.

A session ends 30 minutes after its last use and 12 hours after it began, at log-out, when it is closed from the
list, and at once when its account is disabled, because the account is read with every request.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.access import staff
from portal.access.staff import Place, Staff
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import FORM_RECEIPT, STAFF_ACCOUNT, STAFF_SESSION

IDLE = timedelta(minutes=30)
TOTAL = timedelta(hours=12)
MOST = 5
"""Sessions an account may have at once; the least used one gives way."""

_TOUCH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser with its account. ``factors`` is the number of proofs that were given: 1 or 2."""

    digest: bytes
    staff: Staff
    factors: int
    point: Place | None
    seen_at: datetime


def _alive(moment: datetime) -> ColumnElement[bool]:
    return (STAFF_SESSION.c.seen_at > moment - IDLE) & (STAFF_SESSION.c.created_at > moment - TOTAL)


def read(services: Services, connection: Connection, cookie: str) -> Session | None:
    """Read the session of a cookie; None when it is over or its account is not usable."""
    if not cookie:
        return None
    digest, moment = services.index.digest("staff-session", cookie), now()
    row = connection.execute(
        select(STAFF_SESSION).where(STAFF_SESSION.c.digest == digest, _alive(moment))
    ).one_or_none()
    person = staff.load(connection, row.account_id, moment) if row is not None else None
    if row is None or person is None:
        return None
    only = person.points[0] if len(person.points) == 1 else None
    chosen = next((point for point in person.points if point.id == row.point_id), only)
    return Session(digest, person, row.factors, chosen, row.seen_at)


def start(services: Services, connection: Connection, account_id: int, factors: int, address: str, agent: str) -> str:
    """Open a session and return the cookie's value; every proof gets a new id, the caller ends the old one."""
    cookie = secrets.token_urlsafe(32)
    moment = now()
    alive = connection.scalars(
        select(STAFF_SESSION.c.digest)
        .where(STAFF_SESSION.c.account_id == account_id, _alive(moment))
        .order_by(STAFF_SESSION.c.seen_at)
    ).all()
    for digest in alive[: max(0, len(alive) - MOST + 1)]:
        end(connection, digest)
    connection.execute(
        insert(STAFF_SESSION),
        {
            "digest": services.index.digest("staff-session", cookie),
            "account_id": account_id,
            "factors": factors,
            "point_id": None,
            "address": address[:45],
            "agent": agent[:160],
            "created_at": moment,
            "seen_at": moment,
        },
    )
    return cookie


def touch(services: Services, session: Session) -> None:
    """Keep a used session open; written at most twice a minute."""
    moment = now()
    if moment - session.seen_at > _TOUCH:
        with services.database.write() as connection:
            connection.execute(
                update(STAFF_SESSION).where(STAFF_SESSION.c.digest == session.digest).values(seen_at=moment)
            )


def choose_point(services: Services, session: Session, point_id: int) -> None:
    """Work at this point from now on. Raises PAGE_NOT_FOUND when the account is not bound to it."""
    if point_id not in {point.id for point in session.staff.points}:
        raise Refusal("PAGE_NOT_FOUND")
    chosen = update(STAFF_SESSION).where(STAFF_SESSION.c.digest == session.digest).values(point_id=point_id)
    services.database.act(lambda connection: connection.execute(chosen))


def end(connection: Connection, digest: bytes) -> None:
    """End one session on the server."""
    connection.execute(delete(STAFF_SESSION).where(STAFF_SESSION.c.digest == digest))


def end_all(connection: Connection, account_id: int, but: bytes = b"") -> int:
    """End the sessions of an account, all ``but`` one; returns how many."""
    which = delete(STAFF_SESSION).where(STAFF_SESSION.c.account_id == account_id, STAFF_SESSION.c.digest != but)
    return connection.execute(which).rowcount


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A live session in the list of an account."""

    digest: bytes
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime


def open_ones(connection: Connection, unit_id: int, account_id: int) -> list[OpenSession]:
    """Read the live sessions of an account of the unit, the last used one first."""
    sessions = (
        select(
            STAFF_SESSION.c.digest,
            STAFF_SESSION.c.address,
            STAFF_SESSION.c.agent,
            STAFF_SESSION.c.created_at,
            STAFF_SESSION.c.seen_at,
        )
        .join(STAFF_ACCOUNT, STAFF_ACCOUNT.c.id == STAFF_SESSION.c.account_id)
        .where(STAFF_ACCOUNT.c.unit_id == unit_id, STAFF_SESSION.c.account_id == account_id, _alive(now()))
        .order_by(STAFF_SESSION.c.seen_at.desc())
    )
    return [OpenSession(*row) for row in connection.execute(sessions)]


def close(services: Services, person: Staff, digest: str) -> bool:
    """End another session of a person by its digest in hexadecimal; False when it is not theirs or over."""

    def act(connection: Connection) -> bool:
        for session in open_ones(connection, person.unit_id, person.id):
            if session.digest.hex() == digest:
                end(connection, session.digest)
                audit.record(connection, Actor(person.label), "staff.session-closed", ("staff", person.id))
                return True
        return False

    return services.database.act(act)


def claim_form(services: Services, token: str, account_id: int) -> bool:
    """Claim a form's one-time token for this submission. Returns False when the form was submitted before."""
    try:
        with services.database.write() as connection:
            connection.execute(insert(FORM_RECEIPT).values(token=token, account_id=account_id, at=now(), location=None))
    except IntegrityError:
        return False
    return True


def form_result(services: Services, token: str) -> str | None:
    """Return where the first submission of a form led; None while it is still at work."""
    with services.database.read() as connection:
        where: str | None = connection.scalar(select(FORM_RECEIPT.c.location).where(FORM_RECEIPT.c.token == token))
    return where


def finish_form(services: Services, token: str, location: str | None) -> None:
    """Write down where a submitted form led. Without a ``location`` it was refused and may be submitted again."""
    own = FORM_RECEIPT.c.token == token
    with services.database.write() as connection:
        if location is None:
            connection.execute(delete(FORM_RECEIPT).where(own))
        else:
            connection.execute(update(FORM_RECEIPT).where(own).values(location=location))


def clean(connection: Connection) -> None:
    """Forget sessions that are over and tokens of forms older than two days."""
    moment = now()
    connection.execute(delete(STAFF_SESSION).where(~_alive(moment)))
    connection.execute(delete(FORM_RECEIPT).where(FORM_RECEIPT.c.at < moment - timedelta(days=2)))
