"""The second factor: six digits that change every 30 seconds (TOTP, RFC 6238), each good once."""

from __future__ import annotations

import hmac
from typing import Any, NamedTuple

import pyotp
from sqlalchemy import Connection, select, update

from portal import audit
from portal.access import accounts
from portal.access.limits import Limits, left
from portal.access.sign_in import sessions
from portal.access.sign_in.login import Browser
from portal.access.sign_in.sessions import Session
from portal.access.staff import Staff
from portal.core.clock import now
from portal.core.crypto.field_cipher import SealBroken
from portal.core.database import lock_row
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import STAFF_ACCOUNT

FIELD, NEW = "staff_account.totp", "staff_account.totp-new"
STEP = 30
TRIES = 5
"""Codes an account may try in five minutes."""
A_DAY = 30
"""Wrong codes of an account in a day: more is guessing by somebody who has the password, and an alarm."""


class Proposal(NamedTuple):
    """A new secret: as text, as the address for authenticator apps, and sealed for the form that carries it."""

    secret: str
    address: str
    sealed: str


def propose(services: Services, person: Staff) -> Proposal:
    """Propose a new secret for an account."""
    secret = pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name="Qupiao")
    return Proposal(secret, address, services.cipher.encrypt(NEW, person.id, secret).hex())


def proposed(services: Services, person: Staff, sealed: str) -> str:
    """Open the secret that a form carries back. Raises FORM_EXPIRED when it is not one of ours for this account."""
    try:
        return services.cipher.decrypt_text(NEW, person.id, bytes.fromhex(sealed))
    except (SealBroken, ValueError, IndexError):
        raise Refusal("FORM_EXPIRED") from None


def enrol(services: Services, limits: Limits, session: Session, sealed: str, code: str, browser: Browser) -> str:
    """Accept a proposed secret once its code is typed; returns the cookie of the new session.

    Raises STATE_ILLEGAL when the account has a second factor already (only another administrator takes it away) or
    still has the password that an administrator gave it, SECOND_FACTOR_WRONG and TRY_LATER.
    """
    secret = proposed(services, session.staff, sealed)
    return _prove(services, limits, session, code, browser, secret)


def confirm(services: Services, limits: Limits, session: Session, code: str, browser: Browser) -> str:
    """Check a code and return the cookie of a new session with both factors; the old session ends.

    Raises SECOND_FACTOR_WRONG for a wrong, old or repeated code, TRY_LATER after five tries in five minutes.
    """
    return _prove(services, limits, session, code, browser, "")


def _prove(services: Services, limits: Limits, session: Session, code: str, browser: Browser, fresh: str) -> str:
    person = session.staff
    if not limits.hit(f"login:t:{person.id}", TRIES, 300):
        raise Refusal("TRY_LATER", minutes=left(300))
    if not limits.hit(f"login:td:{person.id}", A_DAY, 86_400):
        if limits.hit(f"login:ta:{person.id}", 1, 86_400):
            actor = Actor(person.label, request_id=browser.request_id)
            audit.note(services, actor, "staff.code-guessing", ("staff", person.id))
        raise Refusal("TRY_LATER", minutes=left(86_400))
    with services.database.write() as connection:
        row = lock_row(connection, select(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == person.id))
        if row is None:
            raise Refusal("PAGE_NOT_FOUND")
        if fresh and row.totp is not None:
            raise Refusal("STATE_ILLEGAL", state="已启用两步验证", next="更换手机请另一位管理员重置")
        if fresh and row.must_change:  # who handed the password out must not be able to enrol their own phone
            raise Refusal("STATE_ILLEGAL", state="仍在使用初始密码", next="请先修改密码，再启用两步验证")
        if not fresh and row.totp is None:
            raise Refusal("SECOND_FACTOR_WRONG")
        secret = fresh or services.cipher.decrypt_text(FIELD, person.id, row.totp)
        step = matching_step(secret, code)
        right = step > row.totp_step
        if right:
            values: dict[str, Any] = {"totp_step": step}
            if fresh:
                values |= {"totp": services.cipher.encrypt(FIELD, person.id, secret)}
            connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == person.id).values(values))
            sessions.end(connection, session.digest)
            cookie = sessions.start(services, connection, person.id, 2, browser.address, browser.agent)
        done = ("totp-enrolled" if fresh else "second-factor") if right else "second-factor-refused"
        audit.record(
            connection, Actor(person.label, request_id=browser.request_id), f"staff.{done}", ("staff", person.id)
        )
    if not right:
        raise Refusal("SECOND_FACTOR_WRONG")
    limits.give_back(f"login:td:{person.id}", 86_400)
    return cookie


def matching_step(secret: str, code: str) -> int:
    """Return the time step of a code, among the present one and its neighbours (clock drift); 0 for none."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return 0
    totp, present = pyotp.TOTP(secret), int(now().timestamp()) // STEP
    steps = (present, present - 1, present + 1)
    return next((step for step in steps if hmac.compare_digest(totp.at(step * STEP), typed)), 0)


def take_away_on(connection: Connection, account_id: int, actor: Actor) -> None:
    """Remove the lost second factor of somebody else's account; all its sessions end."""
    accounts.other(connection, account_id, actor)
    connection.execute(update(STAFF_ACCOUNT).where(STAFF_ACCOUNT.c.id == account_id).values(totp=None))
    sessions.end_all(connection, account_id)
    audit.record(connection, actor, "staff.totp-removed", ("staff", account_id))
