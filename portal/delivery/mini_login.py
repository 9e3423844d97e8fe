"""Who calls: log-in by WeChat's code, proof of the person, and the short-lived token that stands for both.

The token is a patient session's, in ``Authorization: Bearer``; which mini-program user it belongs to is kept beside
it, sealed. A user who was bound before is at level 2 at once; else number and name prove the person, with a code by
SMS or with the phone that WeChat vouches for, when it is the one on file.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, insert, select

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.delivery import bindings
from portal.delivery.bindings import Subject
from portal.delivery.message_links import MessageLink
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.issuing.paper import slip_codes
from portal.ledger.bills import BillFacts
from portal.models.tables import MINI_LOGIN
from portal.providers.clients import Providers
from portal.providers.faults import ChannelFault, FaultKind
from portal.retrieval.proof import changed_phone, identify, sessions
from portal.retrieval.proof.phones import phone_on_file
from portal.retrieval.proof.sessions import Claim, Session
from portal.retrieval.proof.spellings import claim_of

LOG_IN = Guard("mini", "code", 5, 1800)
AWAY = "微信暂时没有应答"


def subject_of(services: Services, openid: str) -> Subject:
    """Return a mini-program user."""
    return Subject("mini", services.settings.wechat_mini.appid, "openid", openid)


def log_in(
    services: Services, providers: Providers, limits: Limits, unit_id: int, code: str, address: str
) -> tuple[str, int]:
    """Redeem a log-in code; returns the token and the session's level. Raises LOGIN_FAILED, TRY_LATER.

    ``address`` is the caller's network address; codes that WeChat does not know are counted.
    """
    if not services.settings.wechat_mini:
        raise Refusal("LOGIN_FAILED", why="本院没有开通小程序")
    attempt = attempts.begin(services, limits, LOG_IN, services.index.digest("login", code).hex()[:24], address)
    try:
        with providers.permits.call("wechat"):
            openid = providers.mini.login(code)
    except ChannelFault as fault:
        raise Refusal("LOGIN_FAILED", why="登录凭证无效或已用过" if fault.kind is FaultKind.USER else AWAY) from None
    attempt.right()
    with services.database.write() as connection:
        known = bindings.persons(services, connection, subject_of(services, openid))
        mine = next(((number, name) for unit, number, name in known if unit == unit_id), None)
        claim = Claim(mine[0].hex(), mine[1].hex()) if mine else Claim()
        token = sessions.start(services, connection, unit_id, 2 if mine else 0, claim)
        _remember(services, connection, token, openid)
        if mine:
            audit.record(connection, Actor(f"patient:{mine[0].hex()[:12]}"), "patient.identified", ("unit", unit_id))
    return token, 2 if mine else 0


def _remember(services: Services, connection: Connection, token: str, openid: str) -> None:
    session = sessions.read(services, connection, token)
    if session is not None:
        sealed = services.cipher.encrypt("mini_login.subject", session.digest.hex(), openid)
        # a session in use may live all day; what is left of it afterwards is removed by `inbox.clean`
        values = {"session_digest": session.digest, "subject": sealed, "expires_at": now() + timedelta(days=1)}
        connection.execute(insert(MINI_LOGIN), values)


def openid_of(services: Services, connection: Connection, session: Session) -> str:
    """Return the mini-program user of a session; ``""`` for a session of a browser."""
    sealed = connection.scalar(select(MINI_LOGIN.c.subject).where(MINI_LOGIN.c.session_digest == session.digest))
    return services.cipher.decrypt_text("mini_login.subject", session.digest.hex(), sealed) if sealed else ""


def begin(services: Services, limits: Limits, session: Session, number: str, name: str, address: str) -> str:
    """Take number and name: a code is sent if they match. Returns the next token; what a slip has opened stays open.

    Raises TRY_LATER.
    """
    with services.database.read() as connection:
        openid = openid_of(services, connection, session)
    claim = identify.counted_claim(services, limits, number, name, address)
    before = session.claim
    claim = replace(claim, bills=before.bills, vouchers=before.vouchers, whole=before.whole)

    def work(connection: Connection) -> str:
        token = identify.begin_on(services, connection, session.unit_id, claim)
        _remember(services, connection, token, openid)
        sessions.end_on(connection, session)
        return token

    return services.database.act(work)


def confirm(services: Services, limits: Limits, session: Session, typed: str) -> str:
    """Check a code: level 2, and the user is bound to the person. Returns the next token.

    Raises CODE_WRONG, TRY_LATER.
    """
    counted = identify.count_code(services, limits, session)
    with services.database.read() as connection:
        openid = openid_of(services, connection, session)

    def work(connection: Connection) -> str | None:
        token = identify.confirm_on(services, connection, session, typed)
        if token is not None:
            _bind_on(services, connection, openid, token, "sms")
        return token

    token = services.database.act(work)
    if token is None:
        raise Refusal("CODE_WRONG")
    identify.was_right(limits, session, counted)
    return token


def by_phone(
    services: Services, providers: Providers, limits: Limits, session: Session, code: str, number: str, name: str
) -> str:
    """Compare the phone that WeChat vouches for with the one on file: level 2 when it is. Returns the next token.

    Nobody there, another name, another phone: NOT_MATCHED alike. Raises NOT_MATCHED, LOGIN_FAILED, TRY_LATER.
    """
    claim = claim_of(services, number, name)
    attempt = attempts.begin(services, limits, identify.LOOK_UP, claim.number[:24])
    try:
        with providers.permits.call("wechat"):
            phone = providers.mini.phone(code)
    except ChannelFault as fault:
        raise Refusal("LOGIN_FAILED", why="手机号授权无效或已用过" if fault.kind is FaultKind.USER else AWAY) from None
    asked = Session(session.digest, session.unit_id, 0, claim, session.expires_at)
    with services.database.read() as connection:
        on_file = phone_on_file(services, connection, asked)
        openid = openid_of(services, connection, session)
    same = hmac.compare_digest(on_file.encode().ljust(20), phone.encode().ljust(20))
    if not (same and on_file):
        raise Refusal("NOT_MATCHED")
    attempt.right()

    def work(connection: Connection) -> str:
        proved = identify.proved_by(services, connection, session.unit_id, claim, on_file)
        sessions.end_on(connection, session)
        actor = Actor(f"patient:{proved.number[:12]}")
        audit.record(connection, actor, "patient.identified", ("unit", session.unit_id))
        token = sessions.start(services, connection, session.unit_id, 2, proved)
        _bind_on(services, connection, openid, token, "wechat")
        return token

    return services.database.act(work)


def open_link(
    services: Services,
    limits: Limits,
    session: Session,
    linked: tuple[BillFacts, MessageLink | None],
    typed: str,
    address: str,
) -> str:
    """Level 1 for the bill of a link, and for those that its message tells of, by the payer's name or the fetch code.

    Returns the next token. Raises NOT_MATCHED, TRY_LATER, LINK_INVALID for a bill of another hospital.
    """
    bill, sent = linked
    if bill.unit_id != session.unit_id:
        raise Refusal("LINK_INVALID")
    attempt = attempts.begin(services, limits, identify.BY_LINK, str(bill.bill_id), address)

    def work(connection: Connection) -> str:
        openid = openid_of(services, connection, session)
        token = identify.open_by_slip_on(services, connection, bill, typed, session)
        _remember(services, connection, token, openid)
        return token

    token = services.database.act(work)
    attempt.right()
    if sent is not None:
        with services.database.read() as connection:
            joined = sent.joined(connection)
        sessions.add_bills(services, token, joined)
    return token


def open_code(
    services: Services, limits: Limits, session: Session, code: str, name: str, address: str
) -> tuple[str, int]:
    """Level 1 for the bill of a fetch code, by the payer's name. Returns the next token and the bill.

    Raises NOT_MATCHED, TRY_LATER.
    """
    whom = slip_codes.digest(services, code).hex()[:24]
    attempt = attempts.begin(services, limits, identify.BY_SLIP_CODE, whom, address)

    def work(connection: Connection) -> tuple[str, int]:
        openid = openid_of(services, connection, session)
        opened = identify.open_by_code_on(services, connection, session.unit_id, (code, name), session)
        _remember(services, connection, opened[0], openid)
        return opened

    opened = services.database.act(work)
    attempt.right()
    return opened


def _bind_on(services: Services, connection: Connection, openid: str, token: str, by: str) -> None:
    session = sessions.read(services, connection, token)
    if not openid or session is None:
        return
    number, name = bytes.fromhex(session.claim.number), bytes.fromhex(session.claim.name)
    _remember(services, connection, token, openid)
    if changed_phone.limit_of(services, connection, session) is not None:
        return  # a binding opens the whole person at every log-in
    bindings.bind_on(services, connection, session.unit_id, subject_of(services, openid), number, name, by)
