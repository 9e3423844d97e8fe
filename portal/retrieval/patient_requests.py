"""Requests of patients to the desk, with the answers: a correction, a bill that cannot be found, "this is not mine".

The patient gets a number, under which the answer can be read; whatever was typed is sealed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal import audit
from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.identity import is_phone, normalise
from portal.models.tables import PATIENT_REQUEST, REQUEST_PHOTO, UNIT
from portal.outbox import tasks
from portal.outbox.topics import topic
from portal.rendering import photo as photos

ANSWERED_TOPIC = topic("request.answered")
KINDS = {"correction": "更正申请", "missing": "查不到票据", "not_me": "不是我的票"}
STATES = {"open": "待答复", "done": "已办理", "declined": "不能办理"}
WRONG = {
    "name": "姓名写错",
    "number": "证件号或卡号写错",
    "phone": "手机号写错",
    "amount": "金额或项目不对",
    "other": "其他",
}
LOOK = Guard("request", "number", 5, 900)
MOST_AN_HOUR = 60
"""Requests from one network address."""
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, opened. ``content`` by field name as typed; the caller masks or audits it."""

    request_id: int
    kind: str
    bill_id: int | None
    content: dict[str, str]
    state: str
    answer: str
    created_at: datetime
    answered_at: datetime | None

    @property
    def title(self) -> str:
        """The kind in a word on screen."""
        return KINDS[self.kind]

    @property
    def state_title(self) -> str:
        """The state in a word on screen."""
        return STATES[self.state]


def correction_mistakes(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a correction as it was typed, by field."""
    mistakes = {}
    if typed["wrong"] not in WRONG:
        mistakes["wrong"] = "请选择哪里写错了。"
    if not typed["right"].strip():
        mistakes["right"] = "请写上正确的内容。"
    return mistakes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a patient sends it; ``photo`` a JPEG or PNG as it came."""

    kind: str
    content: Mapping[str, str]
    bill_id: int | None = None
    photo: bytes = b""


def ask(services: Services, limits: Limits, unit_id: int, asked: Asked, address: str) -> str:
    """Hand a request to the desk; return its number, which is shown once. Raises ENTRY_INVALID, TRY_LATER.

    The same request again within minutes (a form sent twice) is the same one.

    ``address`` is the caller's network address, counted by keyed hash.
    """
    kind, bill_id, photo = asked.kind, asked.bill_id, asked.photo
    kept = {name: value.strip()[:300] for name, value in asked.content.items() if value.strip()}
    if kept.get("phone") and not is_phone(kept["phone"]):
        raise Refusal("ENTRY_INVALID", problems="手机号应为 11 位数字")
    number = _number(services, [unit_id, kind, bill_id, kept, hashlib.sha256(photo).hexdigest()])
    if _asked_lately(services, number):
        return number
    place = services.index.digest("address", attempts.network(address)).hex()[:24]
    most = MOST_AN_HOUR * (attempts.OWN if attempts.own(services, address) else 1)
    if not limits.hit(f"request.address:{place}", most, 3600):
        raise Refusal("TRY_LATER", minutes=60)
    if bill_id is not None and not limits.hit(f"request.bill:{bill_id}", 5, 86_400):
        raise Refusal("TRY_LATER", minutes=60)
    try:
        kept_photo = photos.remade(photo) if photo else b""
    except ValueError as error:
        raise Refusal("ENTRY_INVALID", problems=str(error)) from error
    request_id = new_id()
    row = {
        "id": request_id,
        "unit_id": unit_id,
        "kind": kind,
        "bill_id": bill_id,
        "content": services.cipher.encrypt("patient_request.content", request_id, json.dumps(kept)),
        "reference": _reference(services, number),
        "state": "open",
        "answer": None,
        "created_at": now(),
        "answered_at": None,
        "answered_by": "",
    }
    with contextlib.suppress(IntegrityError), services.database.write() as connection:  # the other of two at once
        connection.execute(insert(PATIENT_REQUEST), row)
        if kept_photo:
            sealed = services.cipher.encrypt("request_photo.photo", request_id, kept_photo)
            connection.execute(insert(REQUEST_PHOTO), {"request_id": request_id, "photo": sealed})
        audit.record(connection, Actor("patient"), "request.made", ("request", request_id), {"kind": kind})
    return number


def _number(services: Services, asked: Sequence[object]) -> str:
    """Return the number of a request: for whoever has no key it is random; the same request within :data:`_AGAIN` has
    the same one."""
    same = json.dumps(asked, sort_keys=True)
    window = int(now().timestamp()) // int(_AGAIN.total_seconds())
    numbers = [_letters(services.index.digest("request.number", f"{window - back}\0{same}")) for back in (0, 1)]
    return numbers[1] if _asked_lately(services, numbers[1]) else numbers[0]


def _letters(digest: bytes) -> str:
    return "SQ" + "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])


def _asked_lately(services: Services, number: str) -> bool:
    lately = select(PATIENT_REQUEST.c.id).where(
        PATIENT_REQUEST.c.reference == _reference(services, number), PATIENT_REQUEST.c.created_at > now() - _AGAIN
    )
    with services.database.read() as connection:
        return connection.execute(lately).first() is not None


def _reference(services: Services, number: str) -> bytes:
    return services.index.digest("request", normalise(number))


def read(services: Services, row: Any) -> Request:
    """Open a row of the table."""
    content = json.loads(services.cipher.decrypt("patient_request.content", row.id, row.content))
    answer = "" if row.answer is None else services.cipher.decrypt_text("patient_request.answer", row.id, row.answer)
    return Request(row.id, row.kind, row.bill_id, content, row.state, answer, row.created_at, row.answered_at)


def by_number(services: Services, limits: Limits, unit_id: int, number: str, address: str) -> Request:
    """Return the request with this number. Raises REQUEST_UNKNOWN, TRY_LATER."""
    attempt = attempts.begin(services, limits, LOOK, _reference(services, number).hex()[:24], address)
    with services.database.read() as connection:
        found = numbered(services, connection, unit_id, number)
    attempt.right()
    return found


def numbered(services: Services, connection: Connection, unit_id: int, number: str) -> Request:
    """Return the request with this number, for whoever has shown to know it. Raises REQUEST_UNKNOWN."""
    wanted = select(PATIENT_REQUEST).where(
        PATIENT_REQUEST.c.reference == _reference(services, number), PATIENT_REQUEST.c.unit_id == unit_id
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise Refusal("REQUEST_UNKNOWN")
    return read(services, row)


def of_bill(services: Services, connection: Connection, bill_id: int) -> list[Request]:
    """Return the newest corrections that were asked about a bill, for a person who may open the bill."""
    wanted = select(PATIENT_REQUEST).where(PATIENT_REQUEST.c.bill_id == bill_id, PATIENT_REQUEST.c.kind == "correction")
    return [read(services, row) for row in connection.execute(wanted.order_by(PATIENT_REQUEST.c.id.desc()).limit(5))]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request about a bill without what was typed, for who may not read that."""

    request_id: int
    kind: str
    state: str
    created_at: datetime
    answered_at: datetime | None
    answered_by: str

    @property
    def title(self) -> str:
        """The kind in a word on screen."""
        return KINDS[self.kind]

    @property
    def state_title(self) -> str:
        """The state in a word on screen."""
        return STATES[self.state]


def heads_of_bill(connection: Connection, bill_id: int) -> list[RequestHead]:
    """Return every request that was made about a bill, the newest first."""
    names = ("id", "kind", "state", "created_at", "answered_at", "answered_by")
    wanted = select(*(PATIENT_REQUEST.c[name] for name in names)).where(PATIENT_REQUEST.c.bill_id == bill_id)
    return [RequestHead(*row) for row in connection.execute(wanted.order_by(PATIENT_REQUEST.c.id.desc()))]


def one(services: Services, connection: Connection, unit_id: int, request_id: int) -> Request:
    """Return a unit's request, for staff. The caller audits. Raises REQUEST_UNKNOWN."""
    wanted = select(PATIENT_REQUEST).where(PATIENT_REQUEST.c.id == request_id, PATIENT_REQUEST.c.unit_id == unit_id)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise Refusal("REQUEST_UNKNOWN")
    return read(services, row)


def has_photo(connection: Connection, request_id: int) -> bool:
    """Tell whether a photo came with a request that is still open."""
    return (
        connection.scalar(select(REQUEST_PHOTO.c.request_id).where(REQUEST_PHOTO.c.request_id == request_id))
        is not None
    )


def show_photo(services: Services, actor: Actor, request_id: int) -> bytes:
    """Return the photo with a request of the actor's unit, as JPEG, for staff; audited. Raises REQUEST_UNKNOWN."""
    with services.database.write() as connection:
        one(services, connection, actor.unit_id, request_id)
        sealed = connection.scalar(select(REQUEST_PHOTO.c.photo).where(REQUEST_PHOTO.c.request_id == request_id))
        if sealed is None:
            raise Refusal("REQUEST_UNKNOWN")
        audit.record(connection, actor, "request.photo_shown", ("request", request_id))
    return services.cipher.decrypt("request_photo.photo", request_id, sealed)


def answer(services: Services, actor: Actor, request_id: int, state: str, text: str) -> None:
    """Answer an open request of the actor's unit; a phone that was left is told of it. The photo goes.

    Raises REQUEST_UNKNOWN, REQUEST_CLOSED, INPUT_INVALID.
    """
    text = text.strip()[:500]
    if state not in ("done", "declined") or len(text) < 2:
        raise Refusal("INPUT_INVALID", reason="请选择办理结果，并写明答复")
    with services.database.write() as connection:
        known = one(services, connection, actor.unit_id, request_id)
        done = connection.execute(
            update(PATIENT_REQUEST)
            .where(PATIENT_REQUEST.c.id == request_id, PATIENT_REQUEST.c.state == "open")
            .values(
                state=state,
                answer=services.cipher.encrypt("patient_request.answer", request_id, text),
                answered_at=now(),
                answered_by=actor.label[:80],
            )
        )
        if done.rowcount != 1:
            raise Refusal("REQUEST_CLOSED", by="另一位同事")
        connection.execute(delete(REQUEST_PHOTO).where(REQUEST_PHOTO.c.request_id == request_id))
        if known.content.get("phone"):
            tasks.enqueue(connection, ANSWERED_TOPIC, f"{ANSWERED_TOPIC}:{request_id}", {"request": request_id})
        audit.record(connection, actor, "request.answered", ("request", request_id))


@dataclass(frozen=True, slots=True)
class AnswerNotice:
    """The message to a person whose request was answered; it names the hospital and nothing else."""

    unit_id: int
    hospital: str
    phone: str = field(repr=False)


def answer_notice(services: Services, connection: Connection, request_id: int) -> AnswerNotice | None:
    """Read the notice of a request; ``None`` when there is no request, or no phone in it."""
    row = connection.execute(
        select(PATIENT_REQUEST, UNIT.c.short_name)
        .join(UNIT, UNIT.c.id == PATIENT_REQUEST.c.unit_id)
        .where(PATIENT_REQUEST.c.id == request_id)
    ).one_or_none()
    phone = "" if row is None else normalise(read(services, row).content.get("phone", ""))
    return AnswerNotice(row.unit_id, row.short_name, phone) if row is not None and phone else None
