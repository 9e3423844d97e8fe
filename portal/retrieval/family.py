"""Family and proxies: who may see whose bills, on what ground, until when, and how it ends.

A guardian is bound at the desk, or online when the child's bills carry the phone that got the guardian's code; a
proxy by a code that goes to the other person's phone. Both are told apart from the bills themselves: each page asks
the table again, so that a revoked link opens nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from portal import audit
from portal.access import parameters
from portal.access.limits import Limits
from portal.core.clock import SHANGHAI, business_day, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import birthday, is_phone, mask_name, normalise, normalise_name
from portal.domain.texts import said_later
from portal.ledger import bills as ledger_bills
from portal.ledger.bills import FACTS_AND_PAYER, BillFacts
from portal.ledger.persons import number_digest
from portal.models.tables import BILL, BILL_PARTY, FAMILY_KEY, FAMILY_LINK, PARTY_KEY, UNIT
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.retrieval.proof import changed_phone
from portal.retrieval.proof.identify import CONSENT, count_code, send_code, take_code, visible_bills
from portal.retrieval.proof.phones import phone_of
from portal.retrieval.proof.sessions import Claim, Session
from portal.retrieval.proof.spellings import claim_of, resolved

TOLD_TOPIC = topic("family.told")
CHILD_AGE = "family.child-age"
"""The parameter of the age until which a guardian sees a child's bills."""
PROXY_LIVES = timedelta(days=365)
RELATIONS = ("子女", "父母", "配偶", "兄弟姐妹", "其他")
MOST_KEYS = 50


@dataclass(frozen=True, slots=True)
class Person:
    """A person as typed at the desk."""

    name: str
    number: str
    phone: str


@dataclass(frozen=True, slots=True)
class Member:
    """A link as one side sees it: ``name`` is the other person's full name, shown to the person they belong to."""

    link_id: int
    kind: str
    name: str
    relation: str
    basis: str
    created_at: datetime
    valid_until: datetime

    @property
    def title(self) -> str:
        """The kind in a word on screen."""
        return said_later("监护的孩子") if self.kind == "guardian" else said_later("授权代取")


def _active() -> tuple[Any, ...]:
    return FAMILY_LINK.c.revoked_at.is_(None), FAMILY_LINK.c.valid_until > now()


def _name_of(session: Session) -> bytes:
    return bytes.fromhex(session.claim.name)


def need_person(session: Session) -> None:
    """Check that the session has proved a person; a slip proves nobody. Raises SESSION_OVER below level 2."""
    if session.level < 2 or not session.claim.number:
        raise Refusal("SESSION_OVER")


def _links(services: Services, connection: Connection, session: Session, side: str) -> list[Member]:
    need_person(session)
    if changed_phone.limit_of(services, connection, session) is not None:
        return []
    named = FAMILY_LINK.c.holder_name if side == "holder" else FAMILY_LINK.c.subject_name
    rows = connection.execute(
        select(FAMILY_LINK)
        .join(FAMILY_KEY, FAMILY_KEY.c.link_id == FAMILY_LINK.c.id)
        .where(
            FAMILY_KEY.c.digest == bytes.fromhex(session.claim.number),
            FAMILY_KEY.c.side == side,
            named == _name_of(session),
            FAMILY_LINK.c.unit_id == session.unit_id,
            *_active(),
        )
        .order_by(FAMILY_LINK.c.id)
    ).all()
    other = "subject_name" if side == "holder" else "holder_name"
    return [_member(services, row, other) for row in rows]


def people_of(services: Services, row: Any) -> dict[str, str]:
    """Open both people of a link's row. The caller masks or audits."""
    people: dict[str, str] = json.loads(services.cipher.decrypt("family_link.people", row.id, row.people))
    return people


def _member(services: Services, row: Any, name: str) -> Member:
    people = people_of(services, row)
    return Member(row.id, row.kind, people[name], people["relation"], row.basis, row.created_at, row.valid_until)


def mine(services: Services, connection: Connection, session: Session) -> list[Member]:
    """Return the people whose bills this person may see; by a phone that is not confirmed, none.

    Raises SESSION_OVER below level 2.
    """
    return _links(services, connection, session, "holder")


def watchers(services: Services, connection: Connection, session: Session) -> list[Member]:
    """Return the people who may see this person's bills. Raises SESSION_OVER below level 2."""
    return _links(services, connection, session, "subject")


_BILLS = (
    FACTS_AND_PAYER.join(PARTY_KEY, PARTY_KEY.c.bill_id == BILL.c.id)
    .join(FAMILY_KEY, FAMILY_KEY.c.digest == PARTY_KEY.c.digest)
    .join(FAMILY_LINK, FAMILY_LINK.c.id == FAMILY_KEY.c.link_id)
    .where(
        FAMILY_LINK.c.id == bindparam("link"),
        FAMILY_KEY.c.side == "subject",
        BILL_PARTY.c.name_digest == FAMILY_LINK.c.subject_name,
        BILL.c.unit_id == bindparam("unit"),
    )
)


def bills(services: Services, connection: Connection, session: Session, link_id: int) -> tuple[Member, list[BillFacts]]:
    """Read the bills of one member, newest first. Raises PERSON_UNKNOWN when the link is not there, over or revoked."""
    member = _one(mine(services, connection, session), link_id)
    found = {row.bill_id: row for row in connection.execute(_BILLS, {"link": link_id, "unit": session.unit_id})}
    newest = sorted(found.values(), key=lambda row: (row.business_at, row.bill_id), reverse=True)
    return member, [ledger_bills.read_facts(row) for row in newest]


def looked(services: Services, session: Session, member: Member) -> None:
    """Write down that a member's bills were looked at, and tell them: at most once a day and link."""
    with services.database.write() as connection:
        audit.record(connection, Actor(_label(session)), "family.looked", ("family", member.link_id))
        key = f"{TOLD_TOPIC}:{member.link_id}:{business_day(now()):%Y%m%d}"
        tasks.enqueue(connection, TOLD_TOPIC, key, {"link": member.link_id})


def _label(session: Session) -> str:
    return f"patient:{session.claim.number[:12]}"


def _one(members: Iterable[Member], link_id: int) -> Member:
    for member in members:
        if member.link_id == link_id:
            return member
    raise Refusal("PERSON_UNKNOWN")


def _ask(limits: Limits, session: Session, digest: str) -> None:
    for bucket, most in ((f"family.asker:{session.claim.number[:24]}", 10), (f"family.asked:{digest[:24]}", 5)):
        if not limits.hit(bucket, most, 1800):
            raise Refusal("TRY_LATER", minutes=30)


def add_child(services: Services, limits: Limits, session: Session, number: str, name: str) -> int:
    """Bind a child whose bills carry the phone that got this session's code; return the link.

    Unknown, wrongly named, another phone, one that is new for the child, too old, no ID number: one answer. Raises
    NOT_MATCHED, TRY_LATER, PHONE_CHANGED (that of the session is new for its own person).
    """
    need_person(session)
    claim = claim_of(services, number, name)
    _ask(limits, session, claim.number)
    with services.database.write() as connection:
        changed_phone.need_whole(services, connection, session)
        phone = phone_of(services, connection, session.unit_id, claim, confirmed=True)
        claim = resolved(services, connection, session.unit_id, claim)
        digest, named = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
        same = services.index.digest("phone", phone).hex() == session.claim.phone
        until = child_until(connection, session.unit_id, number)
        if not phone or not same or until is None:
            raise Refusal("NOT_MATCHED")
        holder = _holder(services, connection, session)
        people = {"relation": "子女", "holder_name": holder, "subject_name": name.strip()}
        people |= {"holder_phone": phone, "subject_phone": phone}
        holder_keys = _keys(connection, session.unit_id, bytes.fromhex(session.claim.number), _name_of(session))
        keys = (holder_keys, _keys(connection, session.unit_id, digest, named))
        names = (_name_of(session), named)
        link = _Link("guardian", "phone", names, keys, people, until)
        return _write(services, connection, Actor(_label(session), unit_id=session.unit_id), link)


def child_until(connection: Connection, unit_id: int, number: str) -> datetime | None:
    """Return when a child of this ID number comes of age; ``None`` when it is of age, or nothing says how old it is.

    The hospital's age is 16 at most: from then on the young person confirms, as any grown-up does.
    """
    born = birthday(number)
    if born is None:
        return None
    years = parameters.value(connection, unit_id, CHILD_AGE)
    leap = (born.month, born.day) == (2, 29)  # comes of age on the day after 28 February
    until = datetime(born.year + years, *((3, 1) if leap else (born.month, born.day)), tzinfo=SHANGHAI)
    return until if until > now() else None


def age_lowered(connection: Connection, unit_id: int, years: int) -> int:
    """Let the links of guardians end ``years`` earlier, because the hospital has lowered its age.

    In the caller's transaction; returns how many links. Those without a birthday last a year from their making, which
    never ends at midnight to the microsecond.
    """
    mine = (FAMILY_LINK.c.unit_id == unit_id) & (FAMILY_LINK.c.kind == "guardian")
    count = 0
    for row in connection.execute(select(FAMILY_LINK.c.id, FAMILY_LINK.c.valid_until).where(mine, *_active())).all():
        until = row.valid_until.astimezone(SHANGHAI)
        if until.time() == time.min:
            earlier = until.replace(year=until.year - years)
            connection.execute(update(FAMILY_LINK).where(FAMILY_LINK.c.id == row.id).values(valid_until=earlier))
            count += 1
    return count


def _holder(services: Services, connection: Connection, session: Session) -> str:
    """Return the full name of the person of a session, from their bills or from what the desk noted."""
    _, name = visible_bills(services, connection, session)
    if name:
        return name
    row = connection.execute(
        select(FAMILY_LINK).where(FAMILY_LINK.c.holder_name == _name_of(session)).limit(1)
    ).one_or_none()
    return people_of(services, row)["holder_name"] if row is not None else ""


def _keys(connection: Connection, unit_id: int, number: bytes, name: bytes) -> set[bytes]:
    """Return every number under which this person's bills can be found, the given one among them."""
    own = (
        select(PARTY_KEY.c.bill_id)
        .join(BILL_PARTY, BILL_PARTY.c.bill_id == PARTY_KEY.c.bill_id)
        .join(BILL, BILL.c.id == PARTY_KEY.c.bill_id)
        .where(PARTY_KEY.c.digest == number, BILL_PARTY.c.name_digest == name, BILL.c.unit_id == unit_id)
    )
    found = select(PARTY_KEY.c.digest).where(PARTY_KEY.c.bill_id.in_(own)).distinct().limit(MOST_KEYS)
    return {number, *connection.scalars(found)}


def ask_consent(services: Services, limits: Limits, session: Session, number: str, name: str, relation: str) -> None:
    """Have a consent code sent to the phone on file of the person named, whether there is one or not.

    Raises TRY_LATER, PHONE_CHANGED.
    """
    need_person(session)
    claim = claim_of(services, number, name)
    _ask(limits, session, claim.number)
    with services.database.write() as connection:
        changed_phone.need_whole(services, connection, session)
        who = mask_name(_holder(services, connection, session)) or "有人"
        asked: dict[str, Any] = {"number": claim.number, "name": claim.name, "subject": name.strip(), "who": who}
        asked["typed"] = claim.typed
        asked["relation"] = relation if relation in RELATIONS else RELATIONS[-1]
        send_code(services, connection, session.digest, CONSENT, json.dumps(asked).encode())
        audit.record(connection, Actor(_label(session)), "family.asked", ("unit", session.unit_id))


def give_consent(services: Services, limits: Limits, session: Session, typed: str) -> int:
    """Check the consent code that the other person told; return the link. Raises CODE_WRONG, TRY_LATER."""
    need_person(session)
    counted = count_code(services, limits, session, CONSENT)
    link_id = services.database.act(lambda connection: _give_consent_on(services, connection, session, typed))
    if link_id is None:
        raise Refusal("CODE_WRONG")
    for attempt in counted:
        attempt.right()
    return link_id


def _give_consent_on(services: Services, connection: Connection, session: Session, typed: str) -> int | None:
    """Check the code in an act that commits in any case, so that the try stays counted."""
    row = take_code(services, connection, session, typed, CONSENT)
    if row is None:
        return None
    asked = json.loads(services.cipher.decrypt("one_time_code.claim", row.id, row.claim))
    phone = services.cipher.decrypt_text("one_time_code.phone", row.id, row.phone).strip() if row.phone else ""
    subject = Claim(asked["number"], asked["name"], typed=tuple(asked.get("typed", ())))
    subject = resolved(services, connection, session.unit_id, subject)
    number, named = bytes.fromhex(subject.number), bytes.fromhex(subject.name)
    own = phone_of(services, connection, session.unit_id, session.claim)
    people = {"relation": asked["relation"], "holder_name": _holder(services, connection, session)}
    people |= {"subject_name": asked["subject"], "holder_phone": own, "subject_phone": phone}
    holder_keys = _keys(connection, session.unit_id, bytes.fromhex(session.claim.number), _name_of(session))
    keys = (holder_keys, _keys(connection, session.unit_id, number, named))
    link = _Link("proxy", "consent", (_name_of(session), named), keys, people, now() + PROXY_LIVES)
    return _write(services, connection, Actor(_label(session), unit_id=session.unit_id), link)


@dataclass(frozen=True, slots=True)
class _Link:
    """A new link. ``basis``: by consent or by what the desk has seen; ``names`` and ``keys`` (keyed hashes) of holder
    and subject; ``people`` is sealed."""

    kind: str
    basis: str
    names: tuple[bytes, bytes]
    keys: tuple[set[bytes], set[bytes]]
    people: dict[str, str]
    until: datetime


def _write(services: Services, connection: Connection, actor: Actor, link: _Link) -> int:
    link_id = new_id()
    connection.execute(
        insert(FAMILY_LINK),
        {
            "id": link_id,
            "unit_id": actor.unit_id,
            "kind": link.kind,
            "holder_name": link.names[0],
            "subject_name": link.names[1],
            "people": services.cipher.encrypt("family_link.people", link_id, json.dumps(link.people)),
            "basis": link.basis,
            "created_by": actor.label[:80],
            "created_at": now(),
            "valid_until": link.until,
            "revoked_at": None,
            "revoked_by": "",
        },
    )
    rows = [
        {"digest": digest, "link_id": link_id, "side": side}
        for side, digests in zip(("holder", "subject"), link.keys, strict=True)
        for digest in sorted(digests)
    ]
    connection.execute(insert(FAMILY_KEY), rows)
    audit.record(connection, actor, "family.bound", ("family", link_id), {"kind": link.kind, "basis": link.basis})
    return link_id


def revoke(services: Services, session: Session, link_id: int) -> None:
    """End a link from either side. Raises PERSON_UNKNOWN."""
    with services.database.write() as connection:
        both = (*mine(services, connection, session), *watchers(services, connection, session))
        _end(connection, _one(both, link_id).link_id, _label(session))


def _end(connection: Connection, link_id: int, actor: str, request_id: str = "") -> None:
    ended = update(FAMILY_LINK).where(FAMILY_LINK.c.id == link_id, FAMILY_LINK.c.revoked_at.is_(None))
    connection.execute(ended.values(revoked_at=now(), revoked_by=actor[:80]))
    audit.record(connection, Actor(actor, request_id=request_id), "family.revoked", ("family", link_id))


@dataclass(frozen=True, slots=True)
class Ground:
    """Why the desk binds two people: ``kind`` guardian or proxy, the subject's relation, the ``document`` seen."""

    kind: str
    relation: str
    document: str


def bind_at_desk(services: Services, actor: Actor, holder: Person, subject: Person, ground: Ground) -> int:
    """Bind two people for staff who have seen a document; return the link.

    A guardian's ends when the child is of age, without an ID number after a year, as a proxy's does. Raises
    ENTRY_INVALID.
    """
    kind, document = ground.kind, ground.document.strip()
    problems = [f"{who}的姓名和号码都要填" for who, one in (("代取人", holder), ("就诊人", subject)) if not _whole(one)]
    if not is_phone(holder.phone):
        problems.append("代取人的手机号应为 11 位数字")
    if subject.phone and not is_phone(subject.phone):
        problems.append("就诊人的手机号应为 11 位数字")
    if kind not in ("guardian", "proxy") or len(document) < 2:
        problems.append("请写明核对了什么证件")
    with services.database.write() as connection:
        until = child_until(connection, actor.unit_id, subject.number) if kind == "guardian" else None
        if kind == "guardian" and until is None and birthday(subject.number) is not None:
            problems.append("就诊人已到年龄，不能按监护办理，请按授权代取办理")
        if problems:
            raise Refusal("ENTRY_INVALID", problems="；".join(problems))
        names, keys = [], []
        for one in (holder, subject):
            claim = resolved(services, connection, actor.unit_id, claim_of(services, one.number, one.name))
            number, name = bytes.fromhex(claim.number), bytes.fromhex(claim.name)
            names.append(name)
            keys.append(_keys(connection, actor.unit_id, number, name) | {number})
        phone = normalise(holder.phone)
        keys[0].add(number_digest(services, phone))
        people = {
            "relation": ground.relation[:20],
            "holder_name": holder.name.strip(),
            "subject_name": subject.name.strip(),
        }
        people |= {"holder_phone": phone, "subject_phone": normalise(subject.phone), "document": document[:60]}
        until = until or now() + PROXY_LIVES
        link = _Link(kind, "desk", (names[0], names[1]), (keys[0], keys[1]), people, until)
        return _write(services, connection, actor, link)


def _whole(person: Person) -> bool:
    return len(normalise(person.number)) >= 5 and bool(normalise_name(person.name))


def need_link(connection: Connection, unit_id: int, link_id: int) -> None:
    """Check that the unit has this link. Raises PERSON_UNKNOWN."""
    known = connection.scalar(
        select(FAMILY_LINK.c.id).where(FAMILY_LINK.c.id == link_id, FAMILY_LINK.c.unit_id == unit_id)
    )
    if known is None:
        raise Refusal("PERSON_UNKNOWN")


def revoke_at_desk(services: Services, actor: Actor, link_id: int) -> None:
    """End a link of the actor's unit. Raises PERSON_UNKNOWN."""
    with services.database.write() as connection:
        need_link(connection, actor.unit_id, link_id)
        _end(connection, link_id, actor.label, actor.request_id)


@dataclass(frozen=True, slots=True)
class LookNotice:
    """The message to a person whose bills a guardian or proxy has looked at; ``holder`` is that one's masked name."""

    unit_id: int
    hospital: str
    holder: str
    phone: str = field(repr=False)


def look_notice(services: Services, connection: Connection, link_id: int) -> LookNotice | None:
    """Read the notice of a link; ``None`` when the link is over or nobody else than the holder would get it."""
    row = connection.execute(
        select(FAMILY_LINK, UNIT.c.short_name)
        .join(UNIT, UNIT.c.id == FAMILY_LINK.c.unit_id)
        .where(FAMILY_LINK.c.id == link_id, *_active())
    ).one_or_none()
    if row is None:
        return None
    people = people_of(services, row)
    phone = people["subject_phone"]
    if not phone or phone == people["holder_phone"]:
        return None
    return LookNotice(row.unit_id, row.short_name, mask_name(people["holder_name"]), phone)
