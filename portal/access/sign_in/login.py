"""Log-in by password, with a lock-out that cannot be turned against everybody, and remembered devices.

Wrong passwords lock an account for browsers that never signed in to it. A browser that has carries a device cookie
and is counted apart (OWASP "Device Cookies"), so that an attacker who tries every name locks out nobody at work.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from portal import audit
from portal.access.attempts import network
from portal.access.limits import Limits, left
from portal.access.sign_in import passwords, sessions
from portal.access.staff import by_username
from portal.core.clock import now
from portal.core.database import lock_row
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import STAFF_ACCOUNT

TRIES = 10
"""Wrong passwords in a row before a pause of :data:`PAUSE`."""
PAUSE = timedelta(minutes=15)
MOST_FAILURES = 100
"""Wrong passwords in a row before only another administrator can unlock (NIST SP 800-63B, rate limiting)."""
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_DEVICE_SECONDS = 90 * 86_400
ADDRESS_TRIES = 120
"""Wrong attempts from one address in 15 minutes, of browsers that are not known; a whole hospital may come from one."""
MOST_MARKS = 8
"""Accounts that one browser is known to."""


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser of an attempt: its network address, its name for itself, its device cookie, the request."""

    address: str
    agent: str
    device: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The new cookies of a browser that has signed in."""

    session: str
    device: str


def device_cookie(services: Services, username: str, earlier: str = "") -> str:
    """Make the cookie that marks a browser as one that has signed in to an account.

    It keeps the marks of the accounts before: several shifts share a computer, and each is trusted for itself.
    """
    nonce = secrets.token_urlsafe(12)
    mark = f"{nonce}.{services.index.digest('staff-device', f'{username}/{nonce}').hex()}"
    others = [one for one in earlier.split("~") if one and not _nonce(services, username, one)]
    return "~".join([mark, *others][:MOST_MARKS])


def trusted_device(services: Services, username: str, device: str) -> str:
    """Return the nonce of an account's genuine mark in a device cookie, else an empty text."""
    return next(filter(None, (_nonce(services, username, one) for one in device.split("~")[:MOST_MARKS])), "")


def _nonce(services: Services, username: str, mark: str) -> str:
    nonce, _, mac = mark.partition(".")
    right = services.index.digest("staff-device", f"{username}/{nonce}").hex()
    return nonce if nonce and mac.isascii() and hmac.compare_digest(mac, right) else ""


def sign_in(services: Services, limits: Limits, username: str, password: str, browser: Browser) -> SignedIn:
    """Check name and password and open a session with one factor.

    Raises LOGIN_REFUSED, always with the same words and after the same work, whether the name is unknown, the
    password wrong, or the account locked, disabled or over; TRY_LATER when too many attempts come from one address.
    """
    username = username.strip().casefold()[:40]
    device = trusted_device(services, username, browser.device)
    place = f"login:a:{services.index.digest('address', network(browser.address)).hex()[:24]}"
    if not device and not limits.hit(place, ADDRESS_TRIES, 900):  # what others try there must not keep a known one out
        raise Refusal("TRY_LATER", minutes=left(900))
    with services.database.read() as connection:
        account = by_username(connection, username)
    if device and limits.count(f"login:d:{device}", _DEVICE_SECONDS) >= TRIES:
        device = ""
    right = passwords.matches(account.password if account is not None else passwords.nobody(), password[:200])
    if device and not right:
        limits.hit(f"login:d:{device}", TRIES, _DEVICE_SECONDS)
    elif right and not device:
        limits.give_back(place, 900)
    account_id = account.id if account is not None else 0
    opened = services.database.act(
        lambda connection: _decide(services, connection, account_id, right, bool(device), browser)
    )
    if opened is None:
        raise Refusal("LOGIN_REFUSED")
    return SignedIn(opened, device_cookie(services, username, browser.device))


def _decide(
    services: Services, connection: Connection, account_id: int, right: bool, trusted: bool, browser: Browser
) -> str | None:
    """Count the attempt or open a session, on the locked row: two attempts at once are counted as two."""
    account = lock_row(connection, select(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id))
    moment = now()
    if account is None:
        return None
    locked = account.locked_until is not None and account.locked_until > moment and not trusted
    over = not account.active or (account.valid_until is not None and account.valid_until <= moment)
    actor, details = Actor(f"staff:{account.username}", request_id=browser.request_id), {"address": browser.address}
    if not right or locked or over:
        if not right and not locked:
            _count_failure(connection, account, moment, trusted)
        audit.record(connection, actor, "staff.login-refused", ("staff", account.id), details)
        return None
    connection.execute(
        update(STAFF_ACCOUNT)
        .where(STAFF_ACCOUNT.c.id == account.id)
        .values(failures=0, locked_until=None, last_login_at=moment)
    )
    audit.record(connection, actor, "staff.signed-in", ("staff", account.id), details)
    return sessions.start(services, connection, account.id, 1, browser.address, browser.agent)


def _count_failure(connection: Connection, account: Row[Any], moment: datetime, trusted: bool) -> None:
    if trusted:  # counted with its device cookie, which loses its trust after TRIES
        return
    failures = account.failures + 1
    until = account.locked_until
    if failures >= MOST_FAILURES:
        until = FOREVER
    elif failures % TRIES == 0:
        until = moment + PAUSE
    connection.execute(
        update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account.id).values(failures=failures, locked_until=until)
    )


def sign_out(services: Services, session: sessions.Session, request_id: str = "") -> None:
    """End the session on the server."""

    def act(connection: Connection) -> None:
        sessions.end(connection, session.digest)
        person = session.staff
        audit.record(connection, Actor(person.label, request_id=request_id), "staff.signed-out", ("staff", person.id))

    services.database.act(act)
