"""单位账户: a company fetches the bills that were issued to it, and no others.

The desk opens an account for a company's name, credit code and the phone of whoever fetches; that phone and a code by
SMS let in. A bill belongs to the company when all three say so: its payer is a unit, its number is the credit code,
its payer's name is the company's. HIS feeds mark persons as units and put an employer's code beside an employee's
name; one sign alone would show somebody's personal bill. Each page asks the table again, so that an account that was
revoked, or whose phone has changed, opens nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, insert, select, update

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import SHANGHAI, business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import is_credit_code, is_id_card, is_phone, normalise, normalise_name
from portal.domain.states.bills import BillState
from portal.ledger import bills as ledger_bills
from portal.ledger.bill_lists import EMPLOYER
from portal.ledger.bills import FACTS, BillFacts
from portal.ledger.files import File, bill_pdf
from portal.ledger.persons import number_digest
from portal.models.tables import BILL, BILL_PARTY, COMPANY_ACCOUNT, PARTY_KEY, UNIT
from portal.rendering.pdf.face import FaceRenderer
from portal.retrieval import files
from portal.retrieval.proof import sessions
from portal.retrieval.proof.identify import count_code, send_code, take_code
from portal.retrieval.proof.sessions import Claim, Session

PURPOSE = "company"
GUARD = Guard("company", "phone", 5, 1800)
"""The purpose of the one-time codes that let a company's contact in."""
LONGEST = 3 * 366
"""The most days that an account may be open before the desk looks again."""
PAGE = files.MOST
"""Bills of one page: as many as one package takes."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of an account: contact, their phone, the last day, and the document that the desk has seen."""

    contact: str
    phone: str
    until: date
    document: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is not revoked, opened for the desk, which masks contact and phone."""

    company_id: int
    name: str
    code: str
    contact: str
    phone: str
    document: str
    valid_until: datetime

    @property
    def last_day(self) -> date:
        """The last day on which the account opens bills."""
        return business_day(self.valid_until - timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Company:
    """A company whose bills a session may see."""

    company_id: int
    name: str
    code: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """One page of a company's bills, newest first; of the whole range the number, and the number and sum that count.

    Red and reversed bills do not count."""

    bills: Sequence[BillFacts]
    found: int
    counting: int
    total_fen: int


# --- the desk -----------------------------------------------------------------------------------------------------


def _checked(terms: Terms) -> dict[str, str]:
    """Return the fields of an account as they are kept. Raises ENTRY_INVALID."""
    problems, today = [], business_day(now())
    if not terms.contact.strip() or len(terms.document.strip()) < 2:
        problems.append("请填写经办人，并写明核对了什么材料")
    if not is_phone(terms.phone):
        problems.append("经办人手机号应为 11 位数字")
    if not today <= terms.until <= today + timedelta(days=LONGEST):
        problems.append("有效期应从今天起，最长三年")
    if problems:
        raise Refusal("ENTRY_INVALID", problems="；".join(problems))
    fields = {"contact": terms.contact.strip(), "phone": normalise(terms.phone)}
    return fields | {"document": terms.document.strip()[:60]}


def _row(services: Services, company_id: int, content: dict[str, str], until: date) -> dict[str, Any]:
    plain = json.dumps(content, ensure_ascii=False)
    return {
        "content": services.cipher.encrypt("company_account.content", company_id, plain),
        "phone_digest": number_digest(services, content["phone"]),
        "valid_until": datetime(until.year, until.month, until.day, tzinfo=SHANGHAI) + timedelta(days=1),
    }


def open_account(services: Services, actor: Actor, name: str, code: str, terms: Terms) -> int:
    """Open an account for a company at the actor's unit; return its id. Raises ENTRY_INVALID, COMPANY_KNOWN."""
    content = {"name": name.strip(), "code": normalise(code)} | _checked(terms)
    if not normalise_name(name) or not is_credit_code(code) or is_id_card(code):
        raise Refusal(
            "ENTRY_INVALID", problems="请填写单位名称和 18 位统一社会信用代码，并核对校验位；个人的票据请本人查询"
        )
    company_id = new_id()
    row = _row(services, company_id, content, terms.until) | {
        "id": company_id,
        "unit_id": actor.unit_id,
        "name_digest": services.index.digest("name", normalise_name(name)),
        "number_digest": number_digest(services, code),
        "created_by": actor.label,
        "created_at": now(),
        "revoked_by": "",
    }

    def work(connection: Connection) -> None:
        _refuse_second(connection, actor.unit_id, row)
        connection.execute(insert(COMPANY_ACCOUNT), row)
        audit.record(connection, actor, "company.opened", ("company", company_id))

    services.database.act(work)
    return company_id


def _refuse_second(connection: Connection, unit_id: int, row: dict[str, Any], but: int = 0) -> None:
    """Refuse a second account for a company and phone, so that revoking one is the end. Raises COMPANY_KNOWN."""
    # Two desks may open the same one at the same time: the unit's row is what they queue at.
    connection.execute(select(UNIT.c.id).where(UNIT.c.id == unit_id).with_for_update())
    same = [COMPANY_ACCOUNT.c[key] == row[key] for key in ("name_digest", "number_digest", "phone_digest")]
    same += [COMPANY_ACCOUNT.c.unit_id == unit_id, COMPANY_ACCOUNT.c.revoked_at.is_(None), COMPANY_ACCOUNT.c.id != but]
    if connection.scalar(select(COMPANY_ACCOUNT.c.id).where(*same)) is not None:
        raise Refusal("COMPANY_KNOWN")


def account(services: Services, connection: Connection, unit_id: int, company_id: int) -> Account:
    """Return an account of the unit that is not revoked. Raises COMPANY_UNKNOWN."""
    row = _standing(connection, unit_id, company_id)
    return Account(company_id, **opened(services, row), valid_until=row.valid_until)


def _standing(connection: Connection, unit_id: int, company_id: int) -> Any:
    of_unit = (COMPANY_ACCOUNT.c.id == company_id) & (COMPANY_ACCOUNT.c.unit_id == unit_id)
    row = connection.execute(
        select(COMPANY_ACCOUNT).where(of_unit, COMPANY_ACCOUNT.c.revoked_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Refusal("COMPANY_UNKNOWN")
    return row


def change(services: Services, actor: Actor, company_id: int, terms: Terms) -> None:
    """Change contact, phone (``""``: the same) or last day; an old phone opens nothing from now on.

    Raises ENTRY_INVALID, COMPANY_UNKNOWN, COMPANY_KNOWN.
    """

    def work(connection: Connection) -> None:
        old = _standing(connection, actor.unit_id, company_id)
        content = opened(services, old)
        contact, phone = terms.contact or content["contact"], terms.phone or content["phone"]
        fields = _checked(replace(terms, contact=contact, phone=phone))
        row = _row(services, company_id, content | fields, terms.until)
        _refuse_second(connection, actor.unit_id, dict(old._mapping) | row, company_id)
        connection.execute(update(COMPANY_ACCOUNT).where(COMPANY_ACCOUNT.c.id == company_id).values(**row))
        details = {"phone_changed": row["phone_digest"] != old.phone_digest, "until": terms.until.isoformat()}
        audit.record(connection, actor, "company.changed", ("company", company_id), details)

    services.database.act(work)


def revoke(services: Services, actor: Actor, company_id: int) -> None:
    """End an account at once. Raises COMPANY_UNKNOWN."""

    def work(connection: Connection) -> None:
        _standing(connection, actor.unit_id, company_id)
        of_account = (COMPANY_ACCOUNT.c.id == company_id) & COMPANY_ACCOUNT.c.revoked_at.is_(None)
        ended = update(COMPANY_ACCOUNT).where(of_account)
        connection.execute(ended.values(revoked_at=now(), revoked_by=actor.label))
        audit.record(connection, actor, "company.revoked", ("company", company_id))

    services.database.act(work)


def opened(services: Services, row: Any) -> dict[str, str]:
    """Open ``name``, ``code``, ``contact``, ``phone``, ``document`` of an account's row. The caller masks them."""
    content: dict[str, str] = json.loads(services.cipher.decrypt("company_account.content", row.id, row.content))
    return content


def matching(connection: Connection, unit_id: int, company_id: int) -> tuple[int, int]:
    """Count the bills that an account opens, and the bills of units that carry its code under another name.

    The second number tells the desk that a name was typed differently here and there. Raises COMPANY_UNKNOWN.
    """
    row = _standing(connection, unit_id, company_id)
    named = func.sum(case((BILL_PARTY.c.name_digest == row.name_digest, 1), else_=0))
    statement = (
        select(func.count(), named)
        .select_from(
            BILL.join(PARTY_KEY, PARTY_KEY.c.bill_id == BILL.c.id).join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id)
        )
        .where(PARTY_KEY.c.digest == row.number_digest, BILL.c.payer_kind == EMPLOYER, BILL.c.unit_id == row.unit_id)
    )
    every, same = connection.execute(statement).one()
    return int(same or 0), every - int(same or 0)


# --- the company --------------------------------------------------------------------------------------------------


def begin(services: Services, limits: Limits, unit_id: int, phone: str, address: str) -> str:
    """Have a code sent to ``phone`` if an account is open for it; return the cookie of a new session.

    Whether there is one is looked at by the task that sends, as for patients. Raises TRY_LATER.
    """
    digest = number_digest(services, phone).hex()
    attempts.begin(services, limits, GUARD, digest[:24], address)
    with services.database.write() as connection:
        cookie = sessions.start(services, connection, unit_id, 0, Claim(digest))
        send_code(services, connection, services.index.digest("session", cookie), PURPOSE)
    return cookie


def confirm(services: Services, limits: Limits, session: Session, typed: str) -> str:
    """Check the code; return the cookie of a new session that may see what the phone's accounts may.

    Raises CODE_WRONG for a wrong, old, used or worn-out code, and when nothing is open for the phone any more.
    """
    proved = Claim(company=session.claim.number)
    counted = count_code(services, limits, session, PURPOSE)
    cookie = services.database.act(lambda connection: _confirm_on(services, connection, session, typed, proved))
    if cookie is None:
        raise Refusal("CODE_WRONG")
    for attempt in counted:
        attempt.right()
    limits.give_back(GUARD.bucket(session.claim.number[:24]), GUARD.seconds)
    return cookie


def _confirm_on(services: Services, connection: Connection, session: Session, typed: str, proved: Claim) -> str | None:
    """Check the code in an act that commits in any case, so that the try stays counted."""
    if take_code(services, connection, session, typed, PURPOSE) is None:
        return None
    rows = _accounts(connection, session.unit_id, proved.company)
    for row in rows:
        audit.record(connection, Actor(f"company:{row.id}"), "company.signed_in", ("company", row.id))
    if not rows:
        return None
    sessions.end_on(connection, session)
    return sessions.start(services, connection, session.unit_id, 0, proved)


def phone_on_file(services: Services, connection: Connection, session: Session) -> str:
    """Return the phone of the open accounts that the session asks for; ``""`` when there is none."""
    rows = _accounts(connection, session.unit_id, session.claim.number)
    return opened(services, rows[0])["phone"] if rows else ""


def _open() -> ColumnElement[bool]:
    return and_(
        COMPANY_ACCOUNT.c.unit_id == bindparam("unit"),
        COMPANY_ACCOUNT.c.phone_digest == bindparam("phone"),
        COMPANY_ACCOUNT.c.revoked_at.is_(None),
        COMPANY_ACCOUNT.c.valid_until > bindparam("moment"),
    )


# Statements are built once: building and hashing one costs more than running it.
_ACCOUNTS = select(COMPANY_ACCOUNT).where(_open()).order_by(COMPANY_ACCOUNT.c.id)
_OF_COMPANY = and_(
    COMPANY_ACCOUNT.c.unit_id == BILL.c.unit_id,
    COMPANY_ACCOUNT.c.number_digest == PARTY_KEY.c.digest,
    COMPANY_ACCOUNT.c.name_digest == BILL_PARTY.c.name_digest,
    BILL.c.payer_kind == EMPLOYER,
)
"""The rule by which a bill is a company's own."""


def _own(statement: Any) -> Select[Any]:
    """Restrict a statement over bills to those that a session's companies may see."""
    joined: Select[Any] = statement.join(BILL_PARTY, BILL_PARTY.c.bill_id == BILL.c.id).join(
        PARTY_KEY, PARTY_KEY.c.bill_id == BILL.c.id
    )
    return joined.join(COMPANY_ACCOUNT, _OF_COMPANY).where(_open())


_CHOSEN = _own(FACTS).where(COMPANY_ACCOUNT.c.id == bindparam("company"))
_ONE = _own(FACTS.add_columns(COMPANY_ACCOUNT.c.id.label("company_id"))).where(BILL.c.id == bindparam("bill")).limit(1)
_SOME = _CHOSEN.where(BILL.c.id.in_(bindparam("bills", expanding=True)))
_DAYS = BILL.c.business_day.between(bindparam("first"), bindparam("last"))
_PAGE = _CHOSEN.where(_DAYS).order_by(BILL.c.business_at.desc(), BILL.c.id.desc()).limit(PAGE).offset(bindparam("skip"))
_COUNTS = and_(BILL.c.total_fen >= 0, BILL.c.state != BillState.REVERSED.value)
"""As :func:`portal.retrieval.files.counts`."""
_SUM = select(func.count(), func.count(case((_COUNTS, 1))), func.sum(case((_COUNTS, BILL.c.total_fen))))
_SUMS = _own(_SUM.select_from(BILL)).where(COMPANY_ACCOUNT.c.id == bindparam("company"), _DAYS)


def _accounts(connection: Connection, unit_id: int, phone: str) -> Sequence[Any]:
    wanted = {"unit": unit_id, "phone": bytes.fromhex(phone), "moment": now()}
    return connection.execute(_ACCOUNTS, wanted).all()


def companies(services: Services, connection: Connection, session: Session) -> list[Company]:
    """Return the companies whose bills the session may see. Raises SESSION_OVER, or COMPANY_OVER when none is left."""
    if not session.claim.company:
        raise Refusal("SESSION_OVER")
    rows = _accounts(connection, session.unit_id, session.claim.company)
    if not rows:
        raise Refusal("COMPANY_OVER")
    return [
        Company(row.id, one["name"], one["code"], row.valid_until) for row in rows for one in [opened(services, row)]
    ]


def _wanted(session: Session, **more: Any) -> dict[str, Any]:
    return {"unit": session.unit_id, "phone": bytes.fromhex(session.claim.company), "moment": now()} | more


def ledger(
    connection: Connection, session: Session, company: Company, first: date, last: date, page: int = 1
) -> Ledger:
    """Read a company's bills of some business days, ``page`` of :data:`PAGE` each, with the sums of the whole range."""
    wanted = _wanted(session, company=company.company_id, first=first, last=last)
    found, counting, total = connection.execute(_SUMS, wanted).one()
    rows = connection.execute(_PAGE, wanted | {"skip": PAGE * (page - 1)}).all()
    return Ledger([ledger_bills.read_facts(row) for row in rows], found, counting, int(total or 0))


def pdf(services: Services, session: Session, faces: FaceRenderer, bill_id: int, request_id: str) -> File:
    """Make the PDF of one bill of the session's companies; audited. Raises SESSION_OVER, BILL_NOT_FOUND."""
    if not session.claim.company:
        raise Refusal("SESSION_OVER")
    with services.database.read() as connection:
        row = connection.execute(_ONE, _wanted(session, bill=bill_id)).one_or_none()
        if row is None:
            raise Refusal("BILL_NOT_FOUND")
        file = bill_pdf(services, connection, faces, ledger_bills.read_facts(row))
    with services.database.write() as connection:
        by = f"company:{row.company_id}"
        audit.record(connection, Actor(by, request_id=request_id), "company.downloaded", ("bill", bill_id))
    return file


def bundle(
    services: Services,
    session: Session,
    faces: FaceRenderer,
    unit_code: str,
    company: Company,
    bill_ids: Collection[int],
    zipped: bool,
) -> File:
    """Make the 报销包 of chosen bills of one company, leaving out any other's. Raises CHOICE_EMPTY."""
    with services.database.read() as connection:
        rows = connection.execute(_SOME, _wanted(session, company=company.company_id, bills=list(bill_ids))).all()
    bills = [ledger_bills.read_facts(row) for row in rows]
    by = ("company.downloaded", f"company:{company.company_id}")
    order = files.Bundle(unit_code, company.name, zipped, by=by)
    return files.bundle(services, faces, order, bills, {bill.bill_id for bill in bills})
