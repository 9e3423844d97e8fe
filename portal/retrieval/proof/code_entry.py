"""Typing a one-time code: how many tries are left, when another may be sent, and sending it.

All of it follows from what this browser has done, never from whether anybody matched.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from portal.access import attempts
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.identity import normalise_name
from portal.ledger.persons import number_digests
from portal.models.tables import ONE_TIME_CODE
from portal.retrieval.proof import identify
from portal.retrieval.proof.identify import CODE_TRIES, FIND, LOOK_UP, send_code
from portal.retrieval.proof.sessions import Session

AGAIN_AFTER = timedelta(seconds=60)
"""A phone gets one code in a minute; one that is asked for sooner would not be sent."""


@dataclass(frozen=True, slots=True)
class CodeState:
    """The newest code of a session: ``left`` tries of it, seconds to ``wait`` before another may be sent.

    ``worn``: typed wrong too often; ``expired``: too old, or there is none. Either way it is no good any more.
    """

    left: int
    wait: int
    worn: bool
    expired: bool

    @property
    def wrong(self) -> bool:
        """Whether something wrong was typed that may be mended."""
        return not self.worn and not self.expired and self.left < CODE_TRIES


def state(connection: Connection, session: Session, purpose: str = FIND) -> CodeState:
    """Return what may be said of the newest code of a session."""
    row = _newest(connection, session, purpose)
    if row is None:
        return CodeState(0, 0, False, True)
    wait = math.ceil((row.created_at + AGAIN_AFTER - now()).total_seconds())
    left = max(CODE_TRIES - row.tries, 0)
    return CodeState(left, max(wait, 0), not left, row.used_at is not None or row.expires_at <= now())


def _newest(connection: Connection, session: Session, purpose: str) -> Row[Any] | None:
    of_session = (ONE_TIME_CODE.c.session_digest == session.digest) & (ONE_TIME_CODE.c.purpose == purpose)
    return connection.execute(
        select(ONE_TIME_CODE).where(of_session).order_by(ONE_TIME_CODE.c.id.desc()).limit(1)
    ).one_or_none()


def resend(services: Services, limits: Limits, session: Session, purpose: str, address: str) -> bool:
    """Have another code sent for what the session asked before; those that are still good stay good.

    ``False``: one was sent less than a minute ago. Raises SESSION_OVER, TRY_LATER.
    """
    with services.database.read() as connection:
        newest = _newest(connection, session, purpose)
        if newest is None or (newest.claim is None and purpose == identify.CONSENT):
            raise Refusal("SESSION_OVER")
        if state(connection, session, purpose).wait:
            return False
    claim = b"" if newest.claim is None else services.cipher.decrypt("one_time_code.claim", newest.id, newest.claim)
    number = json.loads(claim)["number"] if claim else session.claim.number
    attempts.begin(services, limits, LOOK_UP, number[:24], address)
    services.database.act(lambda connection: send_code(services, connection, session.digest, purpose, claim))
    return True


def goes_on(
    services: Services, connection: Connection, session: Session | None, typed: tuple[str, str], purpose: str = FIND
) -> bool:
    """Say whether a browser that types this number and name (a company's phone and ``""``) has asked for just them.

    Then its session goes on: a new one would make the code in the person's hand a wrong one.
    """
    if session is None:
        return False
    number, name = typed
    named = services.index.digest("name", normalise_name(name)).hex() if name else ""
    asked = (number_digests(services, number)[0].hex(), named) == (session.claim.number, session.claim.name)
    return asked and not session.level and _newest(connection, session, purpose) is not None
