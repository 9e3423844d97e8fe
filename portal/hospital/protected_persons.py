"""特别保护人员: persons whose bills and vouchers are opened only with a reason that the auditor sees.

A hospital's own staff and people in public view are those whom insiders look up out of curiosity. A person is known by
keyed hashes of numbers, as bills are; on a bill or deposit that came without document and card also by the name, since
one reason too many does less harm than one look too many. The reason stands in the log, and what the log says opens
the person to whoever gave it for :data:`GOOD_FOR`. Who marks may not unmark alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, insert, or_, select, update

from portal import audit
from portal.approvals import requests
from portal.approvals.kinds import ApprovalKind, Approved
from portal.core.clock import local, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import normalise, normalise_name
from portal.ledger.persons import number_digest
from portal.models.tables import (
    AUDIT_ENTRY,
    BILL_PARTY,
    MARKED_KEY,
    MARKED_PERSON,
    PARTY_KEY,
    VOUCHER_KEY,
    VOUCHER_PARTY,
)

KINDS = {"staff": "本院职工", "public": "公众人物", "other": "其他"}
ENDING = "marked.ending"
GOOD_FOR = timedelta(minutes=30)
MOST_NUMBERS = 10


@dataclass(frozen=True, slots=True)
class Order:
    """A person to protect: name, numbers (documents, cards, phones), a key of :data:`KINDS`, the reason."""

    name: str
    numbers: Sequence[str]
    kind: str
    why: str


def mark(services: Services, actor: Actor, order: Order) -> int:
    """Protect a person from now on; return the mark's id. Raises INPUT_INVALID, MARK_KNOWN."""
    numbers = list(dict.fromkeys(filter(None, map(normalise, order.numbers))))
    if not numbers or len(numbers) > MOST_NUMBERS or not normalise_name(order.name) or order.kind not in KINDS:
        raise Refusal("INPUT_INVALID", reason=f"请填写姓名和 1 至 {MOST_NUMBERS} 个号码")
    digests = {number_digest(services, number) for number in numbers}
    mark_id = new_id()
    plain = json.dumps({"name": order.name.strip(), "numbers": numbers, "why": order.why}, ensure_ascii=False)
    row = {
        "id": mark_id,
        "unit_id": actor.unit_id,
        "kind": order.kind,
        "content": services.cipher.encrypt("marked_person.content", mark_id, plain),
        "name_digest": services.index.digest("name", normalise_name(order.name)),
        "marked_by": actor.label,
        "marked_at": now(),
        "ended_by": "",
    }

    def work(connection: Connection) -> None:
        if by_digests(connection, actor.unit_id, digests):
            raise Refusal("MARK_KNOWN")
        connection.execute(insert(MARKED_PERSON), row)
        connection.execute(insert(MARKED_KEY), [{"digest": digest, "mark_id": mark_id} for digest in digests])
        audit.record(connection, actor, "marked.added", ("marked", mark_id), {"kind": order.kind})

    services.database.act(work)
    return mark_id


def of_unit(unit_id: int) -> Select[Any]:
    """Select the marks of a unit, for lists; their content is sealed (:func:`opened`)."""
    return select(MARKED_PERSON).where(MARKED_PERSON.c.unit_id == unit_id)


def of_kind(kind: str) -> ColumnElement[bool]:
    """Return the condition that a mark is of a kind of :data:`KINDS`."""
    return MARKED_PERSON.c.kind == kind


def in_force(state: str) -> ColumnElement[bool]:
    """Return the condition that a mark holds (``on``), or that it has ended (``over``)."""
    return MARKED_PERSON.c.ended_at.is_(None) if state == "on" else MARKED_PERSON.c.ended_at.is_not(None)


def is_known(connection: Connection, unit_id: int, mark_id: int) -> bool:
    """Tell whether the unit has this mark, in force or ended."""
    return (
        connection.scalar(of_unit(unit_id).with_only_columns(MARKED_PERSON.c.id).where(MARKED_PERSON.c.id == mark_id))
        is not None
    )


def opened(services: Services, row: Any) -> dict[str, Any]:
    """Open ``name``, ``numbers``, ``why`` of a row of the table. The caller masks them."""
    content: dict[str, Any] = json.loads(services.cipher.decrypt("marked_person.content", row.id, row.content))
    return content


def ask_to_end(services: Services, actor: Actor, mark_id: int, reason: str) -> None:
    """Ask a second person to end a protection. Raises MARK_UNKNOWN, APPROVAL_PENDING."""

    def work(connection: Connection) -> None:
        row = _standing(connection, actor.unit_id, mark_id)
        since = local(row.marked_at).strftime("%Y-%m-%d")
        summary = f"取消特别保护：{KINDS[row.kind]}，{since} 由 {row.marked_by.partition(':')[2]} 登记，编号 {mark_id}"
        requests.request_on(connection, actor, requests.Request(ENDING, mark_id, summary, reason))

    services.database.act(work)


def _end(_services: Services, connection: Connection, approved: Approved) -> str:
    mark_id = int(approved.object_id)
    _standing(connection, approved.requester.unit_id, mark_id)
    ended = {"ended_at": now(), "ended_by": approved.requester.label}
    connection.execute(update(MARKED_PERSON).where(MARKED_PERSON.c.id == mark_id).values(**ended))
    audit.record(
        connection, approved.decider, "marked.ended", ("marked", mark_id), {"requester": approved.requester.label}
    )
    return "已取消特别保护。"


APPROVALS = {ENDING: ApprovalKind("取消特别保护", _end)}


def _standing(connection: Connection, unit_id: int, mark_id: int) -> Any:
    wanted = select(MARKED_PERSON).where(
        MARKED_PERSON.c.id == mark_id, MARKED_PERSON.c.unit_id == unit_id, MARKED_PERSON.c.ended_at.is_(None)
    )
    row = connection.execute(wanted.with_for_update()).one_or_none()
    if row is None:
        raise Refusal("MARK_UNKNOWN")
    return row


# --- who is it ---------------------------------------------------------------------------------------------------


def _marks(unit_id: int) -> Select[Any]:
    return (
        select(MARKED_PERSON.c.id)
        .where(MARKED_PERSON.c.unit_id == unit_id, MARKED_PERSON.c.ended_at.is_(None))
        .distinct()
    )


def by_digests(
    connection: Connection, unit_id: int, numbers: Collection[bytes], names: Collection[bytes] = ()
) -> list[int]:
    """Return the marks that one of these keyed hashes of numbers or names belongs to."""
    numbered = select(MARKED_KEY.c.mark_id).where(MARKED_KEY.c.digest.in_(numbers))
    return list(
        connection.scalars(
            _marks(unit_id).where(or_(MARKED_PERSON.c.id.in_(numbered), MARKED_PERSON.c.name_digest.in_(names)))
        )
    )


def by_texts(
    services: Services, connection: Connection, unit_id: int, texts: Collection[str], names: Collection[str] = ()
) -> list[int]:
    """Return the marks that typed numbers or names belong to."""
    numbers = [number_digest(services, text) for text in texts if normalise(text)]
    named = [services.index.digest("name", normalise_name(name)) for name in names if normalise_name(name)]
    return by_digests(connection, unit_id, numbers, named)


def of_bills(connection: Connection, unit_id: int, bill_ids: Collection[int]) -> list[int]:
    """Return the marks of the people on these bills."""
    return list(connection.scalars(_marks(unit_id).where(_about(BILL_PARTY, PARTY_KEY, "bill_id", bill_ids))))


def of_voucher(connection: Connection, unit_id: int, deposit_id: int) -> list[int]:
    """Return the marks of the patient of a deposit."""
    return list(
        connection.scalars(_marks(unit_id).where(_about(VOUCHER_PARTY, VOUCHER_KEY, "voucher_id", [deposit_id])))
    )


def _about(party: Table, key: Table, owner: str, ids: Collection[int]) -> Any:
    """Filter marks that share a number with an owner, or the name with an owner that has no number but a phone."""
    shared = select(MARKED_KEY.c.mark_id).join(key, key.c.digest == MARKED_KEY.c.digest).where(key.c[owner].in_(ids))
    numbered = select(key.c[owner]).where(key.c[owner] == party.c[owner], key.c.kind != "phone")
    names = select(party.c.name_digest).where(party.c[owner].in_(ids), ~numbered.exists())
    return or_(MARKED_PERSON.c.id.in_(shared), MARKED_PERSON.c.name_digest.in_(names))


# --- who looked, and why -----------------------------------------------------------------------------------------


def unexplained(connection: Connection, actor: Actor, marks: Collection[int]) -> list[int]:
    """Return those of ``marks`` for which the actor has given no reason within :data:`GOOD_FOR`."""
    given = select(AUDIT_ENTRY.c.object_id).where(
        AUDIT_ENTRY.c.object_kind == "marked",
        AUDIT_ENTRY.c.object_id.in_([str(mark_id) for mark_id in marks]),
        AUDIT_ENTRY.c.action == "marked.looked",
        AUDIT_ENTRY.c.actor == actor.label,
        AUDIT_ENTRY.c.at >= now() - GOOD_FOR,
    )
    explained = set(connection.scalars(given)) if marks else set()
    return [mark_id for mark_id in marks if str(mark_id) not in explained]


def explain(services: Services, actor: Actor, marks: Collection[int], reason: str, about: str) -> None:
    """Write down why somebody looks; ``about`` names the object (``bill 12``) and no person."""
    _record_looks(services, actor, "marked.looked", marks, {"reason": reason, "about": about})


def note(services: Services, actor: Actor, marks: Collection[int], about: str) -> None:
    """Write down each look of somebody who has given a reason."""
    _record_looks(services, actor, "marked.opened", marks, {"about": about})


def _record_looks(
    services: Services, actor: Actor, action: str, marks: Collection[int], details: dict[str, str]
) -> None:
    def work(connection: Connection) -> None:
        for mark_id in marks:
            audit.record(connection, actor, action, ("marked", mark_id), details)

    services.database.act(work)
