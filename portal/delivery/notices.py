"""Messages of a person (我的通知): the newest ones about the person's bills, and which of them are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.core.clock import now
from portal.core.services import Services
from portal.delivery.engine.channel import CODES, PUSH, lane_of
from portal.delivery.requests import SHOWN, Shown, read_shown, with_attempts
from portal.domain.states.delivery import Purpose
from portal.models.tables import DELIVERY, DELIVERY_ATTEMPT, NOTICE_SEEN, VOUCHER_KEY, VOUCHER_PARTY

MOST = 50
KEPT = timedelta(days=180)
"""Older messages are no notices any more; a mark as old marks nothing and is forgotten."""


CHANNELS = {
    "sms": "短信",
    "mail": "邮箱",
    "wechat": "您绑定的微信",
    "wechat-sub": "您绑定的微信",
    "mini": "微信小程序",
    "alipay": "您绑定的支付宝",
    "alipay-life": "您绑定的支付宝",
    PUSH: "医院 APP",
    CODES: "短信验证码",
}
"""What the lanes of messages are called to patients; a test holds that none is missing."""
_READABLE = ("sms", "mail", CODES)
"""Channels whose addresses a person knows, even masked."""
TITLES = {
    Purpose.ISSUED: "票据开好了",
    Purpose.REVERSED: "票据作废了",
    Purpose.READY: "您等的票据开好了",
    Purpose.REQUESTED: "您要的票据",
    Purpose.NOTICE: "医院发来的通知",
    Purpose.EXCHANGED: "票据换成纸质了",
}
"""What a message says, in the person's words."""


def way_of(channel: str, masked: str) -> str:
    """Return where a message went in a person's words: ``短信 138****1234``, ``您绑定的微信``."""
    lane = lane_of(channel)
    word = CHANNELS.get(lane, "其他方式")
    return f"{word} {masked}".strip() if lane in _READABLE else word


@dataclass(frozen=True, slots=True)
class Notice:
    """What the person was told about one bill for one reason, with each address it went to; ``new`` since they last
    looked. The HIS's APP and the phone are told by a delivery each, which is one notice all the same."""

    bill_id: int
    purpose: Purpose
    at: datetime
    new: bool
    ways: tuple[Shown, ...]


def person(services: Services, unit_id: int, number: str, name: str) -> bytes:
    """Compute the keyed hash under which a person's looking is noted, from the hashes of proved number and name."""
    return services.index.digest("notices", f"{unit_id}\0{number}\0{name}")


_MINE = (
    (DELIVERY.c.unit_id == bindparam("unit"))
    & (DELIVERY.c.object_kind == "bill")
    & DELIVERY.c.object_id.in_(bindparam("bills", expanding=True))
    & (DELIVERY.c.created_at > bindparam("oldest"))
)
_SEEN_AT = select(NOTICE_SEEN.c.seen_at).where(NOTICE_SEEN.c.person == bindparam("person")).scalar_subquery()
_DEPOSITS = exists().where(
    VOUCHER_KEY.c.digest == bindparam("number"),
    VOUCHER_PARTY.c.voucher_id == VOUCHER_KEY.c.voucher_id,
    VOUCHER_PARTY.c.name_digest == bindparam("name"),
)
_NEWS = select(func.count(), _DEPOSITS).select_from(
    select(DELIVERY.c.object_id, DELIVERY.c.purpose)
    .where(_MINE, DELIVERY.c.created_at > func.coalesce(_SEEN_AT, bindparam("oldest")))
    .distinct()
    .subquery()
)
_NEWEST = with_attempts(
    select(*SHOWN, _SEEN_AT.label("seen_at")).where(_MINE).order_by(DELIVERY.c.id.desc()).limit(MOST)
)


def _wanted(unit_id: int, bill_ids: Sequence[int], whose: bytes) -> dict[str, Any]:
    return {"unit": unit_id, "bills": list(bill_ids), "oldest": now() - KEPT, "person": whose}


@dataclass(frozen=True, slots=True)
class News:
    """What a person's list says besides the bills: how many messages are new, whether there are deposits."""

    unread: int
    deposits: bool


def news(connection: Connection, unit_id: int, bill_ids: Sequence[int], whose: bytes, person: tuple[str, str]) -> News:
    """Count the messages about these bills that are new to the person, and look for deposits, in one question.

    ``person``: the keyed hashes of number and name, in hexadecimal. The caller has checked whose bills they are.
    """
    number, name = (bytes.fromhex(text) for text in person)
    wanted = _wanted(unit_id, bill_ids, whose) | {"number": number, "name": name}
    count, deposits = connection.execute(_NEWS, wanted).one()
    return News(count, bool(deposits))


def notices(connection: Connection, unit_id: int, bill_ids: Sequence[int], whose: bytes) -> list[Notice]:
    """Read the newest messages about these bills, newest first; the caller has checked whose bills they are."""
    if not bill_ids:
        return []
    found: dict[tuple[int, str], Notice] = {}
    for row in connection.execute(_NEWEST, _wanted(unit_id, bill_ids, whose)):
        about = (row.object_id, row.purpose)
        known = found.get(about)
        ways = (*(known.ways if known else ()), *read_shown(row))
        new = row.seen_at is None or row.created_at > row.seen_at or (known is not None and known.new)
        at = known.at if known else row.created_at
        found[about] = Notice(row.object_id, Purpose(row.purpose), at, new, ways)
    return list(found.values())


def mark_seen(services: Services, person_digest: bytes, moment: datetime) -> None:
    """Note that a person has seen what there was at ``moment``; what they saw before stays seen."""
    services.database.act(lambda connection: mark_seen_on(connection, person_digest, moment))


def mark_seen_on(connection: Connection, whose: bytes, moment: datetime) -> None:
    """Note the same in the caller's transaction."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = make(NOTICE_SEEN).values(person=whose, seen_at=moment)
    later = NOTICE_SEEN.c.seen_at < moment
    connection.execute(row.on_conflict_do_update(index_elements=["person"], set_={"seen_at": moment}, where=later))


def attempt(connection: Connection, unit_id: int, attempt_id: int) -> Any:
    """``bill_id``, ``channel`` and masked address of one message about a bill of the unit; ``None``: no such one."""
    return connection.execute(
        select(DELIVERY.c.object_id.label("bill_id"), DELIVERY_ATTEMPT.c.channel, DELIVERY_ATTEMPT.c.masked)
        .select_from(DELIVERY_ATTEMPT.join(DELIVERY, DELIVERY.c.id == DELIVERY_ATTEMPT.c.delivery_id))
        .where(DELIVERY_ATTEMPT.c.id == attempt_id, DELIVERY.c.unit_id == unit_id, DELIVERY.c.object_kind == "bill")
    ).one_or_none()


def clean(connection: Connection) -> None:
    """Forget when persons looked, once all those messages are too old to be shown."""
    connection.execute(delete(NOTICE_SEEN).where(NOTICE_SEEN.c.seen_at < now() - KEPT))
