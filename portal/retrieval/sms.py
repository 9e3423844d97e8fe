"""The handler that sends one-time codes by text message."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select, update

from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.core.sms import SmsGateway
from portal.domain import delivery
from portal.models import Bill, BillParty, OneTimeCode, PartyKey
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.retrieval import sessions

BILL: Table = Bill.__table__  # type: ignore[assignment]
PARTY: Table = BillParty.__table__  # type: ignore[assignment]
KEY: Table = PartyKey.__table__  # type: ignore[assignment]
CODE: Table = OneTimeCode.__table__  # type: ignore[assignment]
TEMPLATE = "code"


class CodeSender:
    """The handler of the ``sms.code`` tasks."""

    def __init__(self, limits: Limits, gateway: SmsGateway) -> None:
        self._limits = limits
        self._gateway = gateway

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Send the code of ``task.payload["code"]`` to the phone on file of whoever asked for it.

        Too old, used, or nobody to send to: nothing is sent.
        """
        code_id = task.payload["code"]
        with services.database.read() as connection:
            row = connection.execute(
                select(CODE.c.session_digest, CODE.c.code, CODE.c.expires_at, CODE.c.used_at).where(
                    CODE.c.id == code_id
                )
            ).one_or_none()
            if row is None or row.code is None or row.used_at is not None or row.expires_at <= now():
                return Done()
            session = sessions.by_digest(services, connection, row.session_digest)
            phone = "" if session is None else phone_on_file(services, connection, session)
        outcome: Outcome = Done()
        if phone and (task.attempts > 1 or self._allowed(services, phone)):
            code = services.cipher.decrypt_text("one_time_code.code", code_id, row.code)
            outcome = _outcome(self._gateway.send(phone, TEMPLATE, {"code": code}, f"qp-{code_id}"))
        if isinstance(outcome, Done):
            sealed = services.cipher.encrypt("one_time_code.phone", code_id, phone.ljust(20))
            with services.database.write() as connection:
                connection.execute(
                    update(CODE).where(CODE.c.id == code_id, CODE.c.used_at.is_(None)).values(code=None, phone=sealed)
                )
        return outcome

    def _allowed(self, services: Services, phone: str) -> bool:
        digest = services.index.digest("phone", phone).hex()[:24]
        rules = ((1, 60), (5, 3600), (10, 86400))
        return all(self._limits.hit(f"sms.phone.{seconds}:{digest}", most, seconds) for most, seconds in rules)


def _outcome(result: delivery.Result) -> Outcome:
    """What the gateway's answer means for a code: it may be asked for again with the same number, while it is good."""
    match result:
        case delivery.Accepted() | delivery.Done():
            return Done()
        case delivery.Retry() | delivery.Unknown() | delivery.Later():
            return Retry(result.reason)
        case delivery.Bug():
            return Dead(result.code)
        case _:
            return Dead(result.reason)


def phone_on_file(services: Services, connection: Connection, session: sessions.Session) -> str:
    """The newest phone of the bills that match the session's number and name; ``""`` when there is none."""
    row = connection.execute(
        select(PARTY.c.bill_id, PARTY.c.phone)
        .select_from(KEY.join(PARTY, PARTY.c.bill_id == KEY.c.bill_id).join(BILL, BILL.c.id == KEY.c.bill_id))
        .where(
            KEY.c.digest == bytes.fromhex(session.claim.number),
            PARTY.c.name_digest == bytes.fromhex(session.claim.name),
            PARTY.c.phone.is_not(None),
            BILL.c.unit_id == session.unit_id,
        )
        .order_by(BILL.c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    return "" if row is None else services.cipher.decrypt_text("bill_party.phone", row.bill_id, row.phone)
