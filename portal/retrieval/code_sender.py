"""The handler that sends one-time codes by text message."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select, update

from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.services import Services
from portal.domain import delivery
from portal.models.tables import BILL, BILL_PARTY, FAMILY_KEY, FAMILY_LINK, ONE_TIME_CODE, PARTY_KEY
from portal.outbox.tasks import Dead, Done, Outcome, Retry, Task
from portal.providers.sms import SmsClient
from portal.retrieval import company, sessions

TEMPLATE = "code"


class CodeSender:
    """The handler of the ``sms.code`` tasks."""

    def __init__(self, limits: Limits, gateway: SmsClient) -> None:
        self._limits = limits
        self._gateway = gateway

    def __call__(self, services: Services, task: Task) -> Outcome:
        """Send the code of ``task.payload["code"]`` to the phone on file of whoever asked for it.

        Too old, used, or nobody to send to: nothing is sent.
        """
        code_id = task.payload["code"]
        with services.database.read() as connection:
            row = connection.execute(
                select(
                    ONE_TIME_CODE.c.session_digest,
                    ONE_TIME_CODE.c.purpose,
                    ONE_TIME_CODE.c.claim,
                    ONE_TIME_CODE.c.code,
                    ONE_TIME_CODE.c.expires_at,
                    ONE_TIME_CODE.c.used_at,
                ).where(ONE_TIME_CODE.c.id == code_id)
            ).one_or_none()
            if row is None or row.code is None or row.used_at is not None or row.expires_at <= now():
                return Done()
            session = sessions.by_digest(services, connection, row.session_digest)
            asked = (
                {}
                if row.claim is None
                else json.loads(services.cipher.decrypt("one_time_code.claim", code_id, row.claim))
            )
            phone = "" if session is None else _phone(services, connection, session, row.purpose, asked)
        outcome: Outcome = Done()
        if phone and (task.attempts > 1 or self._allowed(services, phone)):
            code = services.cipher.decrypt_text("one_time_code.code", code_id, row.code)
            template = TEMPLATE if row.purpose in ("find", company.PURPOSE) else row.purpose
            params = {"code": code} | ({"who": asked["who"]} if asked else {})
            result = self._gateway.send(phone, template, params, f"qp-{code_id}")
            unsure = isinstance(result, delivery.Unknown) and not self._gateway.remembers
            outcome = Done() if unsure else outcome_of(result)  # rather ask for a new code than get one twice
        if isinstance(outcome, Done):
            sealed = services.cipher.encrypt("one_time_code.phone", code_id, phone.ljust(20))
            with services.database.write() as connection:
                connection.execute(
                    update(ONE_TIME_CODE)
                    .where(ONE_TIME_CODE.c.id == code_id, ONE_TIME_CODE.c.used_at.is_(None))
                    .values(code=None, phone=sealed)
                )
        return outcome

    def _allowed(self, services: Services, phone: str) -> bool:
        digest = services.index.digest("phone", phone).hex()[:24]
        rules = ((1, 60), (5, 3600), (10, 86400))
        return all(self._limits.hit(f"sms.phone.{seconds}:{digest}", most, seconds) for most, seconds in rules)


def outcome_of(result: delivery.Result) -> Outcome:
    """What the gateway's answer means for a task: it may be asked for again with the same number."""
    match result:
        case delivery.Accepted() | delivery.Arrived():
            return Done()
        case delivery.NotSent() | delivery.Unknown() | delivery.Later():
            return Retry(result.reason)
        case delivery.Bug():
            return Dead(result.code)
        case _:
            return Dead(result.reason)


def _phone(
    services: Services, connection: Connection, session: sessions.Session, purpose: str, asked: dict[str, str]
) -> str:
    if purpose == company.PURPOSE:
        return company.phone_on_file(services, connection, session)
    claim = sessions.Claim(asked["number"], asked["name"]) if asked else session.claim
    return phone_of(services, connection, session.unit_id, claim)


def phone_on_file(services: Services, connection: Connection, session: sessions.Session) -> str:
    """The phone of whoever the session says it is; ``""`` when there is none."""
    return phone_of(services, connection, session.unit_id, session.claim)


def phone_of(services: Services, connection: Connection, unit_id: int, claim: sessions.Claim) -> str:
    """The newest phone of the bills that match the claim's number and name, else the one that the desk noted for a
    guardian or proxy; ``""`` when there is none."""
    number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
    row = connection.execute(
        select(BILL_PARTY.c.bill_id, BILL_PARTY.c.phone)
        .select_from(
            PARTY_KEY.join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id).join(
                BILL, BILL.c.id == PARTY_KEY.c.bill_id
            )
        )
        .where(
            PARTY_KEY.c.digest == number,
            BILL_PARTY.c.name_digest == name,
            BILL_PARTY.c.phone.is_not(None),
            BILL.c.unit_id == unit_id,
        )
        .order_by(BILL.c.issued_at.desc())
        .limit(1)
    ).one_or_none()
    if row is not None:
        return services.cipher.decrypt_text("bill_party.phone", row.bill_id, row.phone)
    held = connection.execute(
        select(FAMILY_LINK.c.id, FAMILY_LINK.c.people)
        .join(FAMILY_KEY, FAMILY_KEY.c.link_id == FAMILY_LINK.c.id)
        .where(
            FAMILY_KEY.c.digest == number,
            FAMILY_KEY.c.side == "holder",
            FAMILY_LINK.c.holder_name == name,
            FAMILY_LINK.c.unit_id == unit_id,
            FAMILY_LINK.c.revoked_at.is_(None),
            FAMILY_LINK.c.valid_until > now(),
        )
        .order_by(FAMILY_LINK.c.id.desc())
        .limit(1)
    ).one_or_none()
    if held is None:
        return ""
    people = json.loads(services.cipher.decrypt("family_link.people", held.id, held.people))
    return str(people["holder_phone"])
