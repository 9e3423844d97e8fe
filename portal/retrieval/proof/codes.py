"""One-time codes as delivery needs them: for whose phone a code is, and what its message says."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, select, update

from portal.core.clock import now
from portal.core.services import Services
from portal.models.tables import ONE_TIME_CODE, PATIENT_SESSION
from portal.retrieval import company
from portal.retrieval.proof import sessions
from portal.retrieval.proof.phones import phone_of

TEMPLATE = "code"
_OWN_TEMPLATE = ("find", company.PURPOSE)
"""Purposes that share the plain template; another purpose is the name of its template."""


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A code that may still be sent. ``params`` are those of the template."""

    unit_id: int
    template: str
    params: dict[str, str] = field(repr=False)


def read(services: Services, connection: Connection, code_id: int) -> CodeMessage | None:
    """Read what the message of a code says; ``None`` when the code is sent, used or too old."""
    row = connection.execute(
        select(ONE_TIME_CODE, PATIENT_SESSION.c.unit_id)
        .join(PATIENT_SESSION, PATIENT_SESSION.c.digest == ONE_TIME_CODE.c.session_digest)
        .where(
            ONE_TIME_CODE.c.id == code_id,
            ONE_TIME_CODE.c.code.is_not(None),
            ONE_TIME_CODE.c.used_at.is_(None),
            ONE_TIME_CODE.c.expires_at > now(),
        )
    ).one_or_none()
    if row is None:
        return None
    params = {"code": services.cipher.decrypt_text("one_time_code.code", code_id, row.code)}
    if row.claim is not None:
        params["who"] = json.loads(services.cipher.decrypt("one_time_code.claim", code_id, row.claim))["who"]
    template = TEMPLATE if row.purpose in _OWN_TEMPLATE else row.purpose
    return CodeMessage(row.unit_id, template, params)


def phone(services: Services, connection: Connection, code_id: int) -> str:
    """Read the phone that a code is for: that of the person or company named; ``""`` when nobody matches."""
    row = connection.execute(
        select(ONE_TIME_CODE.c.session_digest, ONE_TIME_CODE.c.purpose, ONE_TIME_CODE.c.claim).where(
            ONE_TIME_CODE.c.id == code_id
        )
    ).one()
    session = sessions.by_digest(services, connection, row.session_digest)
    if session is None:
        return ""
    if row.purpose == company.PURPOSE:
        return company.phone_on_file(services, connection, session)
    if row.claim is None:
        return phone_of(services, connection, session.unit_id, session.claim)
    # Consent opens a whole person to another one: a phone that is new and not confirmed cannot give it.
    named = json.loads(services.cipher.decrypt("one_time_code.claim", code_id, row.claim))
    claim = sessions.Claim(named["number"], named["name"], typed=tuple(named.get("typed", ())))
    return phone_of(services, connection, session.unit_id, claim, confirmed=True)


def note_phone(services: Services, connection: Connection, code_id: int, number: str) -> None:
    """Keep, sealed and of one length, the phone that a code goes to (``""``: to nobody) until the code is used."""
    sealed = services.cipher.encrypt("one_time_code.phone", code_id, number.ljust(20))
    unused = (ONE_TIME_CODE.c.id == code_id) & ONE_TIME_CODE.c.used_at.is_(None)
    connection.execute(update(ONE_TIME_CODE).where(unused).values(phone=sealed))


def forget(connection: Connection, code_id: int) -> None:
    """Remove a code that was sent; its keyed hash stays for the check."""
    connection.execute(update(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id == code_id).values(code=None))


def void(connection: Connection, code_id: int) -> None:
    """Remove a code that nobody is to get: what was not sent must not be guessed. Tries at it are counted as ever."""
    nothing = {"code": None, "code_digest": secrets.token_bytes(32)}
    connection.execute(update(ONE_TIME_CODE).where(ONE_TIME_CODE.c.id == code_id).values(nothing))
