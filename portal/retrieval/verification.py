"""查验: somebody who holds a bill types its elements and learns whether it is ours and where it stands now.

Needs no session and shows nobody. Whichever element differs, and whether there is such a bill at all, cannot be told
from the answer nor from the work behind it: one statement compares all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, bindparam, insert, select

from portal.access import attempts
from portal.access.attempts import Guard
from portal.access.limits import Limits
from portal.core.clock import SHANGHAI, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.days import day_of
from portal.domain.money import fen_of, yuan
from portal.domain.states.bills import BillState
from portal.ledger import bill_relations
from portal.ledger.bill_relations import Relations
from portal.ledger.bills import FACTS, BillFacts, read_facts
from portal.models.tables import BILL, VERIFICATION

ELEMENTS = {"code": "票据代码", "number": "票据号码", "check": "校验码", "day": "开票日期", "amount": "金额（元）"}
"""What is typed, by the field's name, in the order of the face."""
GUARD = Guard("verify", "bill", 10, 1800)
AGAIN_AFTER = timedelta(hours=1)
"""The same place's next verification of a bill counts only so much later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing to know about a verified bill: a word, its colour (``ok``, ``wait``, ``red``), a sentence."""

    title: str
    tone: str
    words: str


_SHAPES = {
    "code": (re.compile(r"\d{8}", re.ASCII), "票据代码是 8 位数字"),
    "number": (re.compile(r"\d{10}", re.ASCII), "票据号码是 10 位数字，前面的 0 也要填"),
    "check": (re.compile(r"[0-9A-Za-z]{6}", re.ASCII), "校验码是 6 位字母或数字，大小写照票面抄"),
}


@dataclass(frozen=True, slots=True)
class Elements:
    """The five elements as read; ``total_fen`` is negative on a red bill, ``day`` the issue date on the face."""

    code: str
    number: int
    check: str
    day: date
    total_fen: int


def read(typed: Mapping[str, str]) -> tuple[Elements | None, dict[str, str]]:
    """Return what was typed, by the names of :data:`ELEMENTS`; else what is wrong, field by field, in words."""
    plain = {name: re.sub(r"\s", "", unicodedata.normalize("NFKC", typed.get(name, ""))) for name in ELEMENTS}
    wrong = {name: f"请填写{ELEMENTS[name].removesuffix('（元）')}" for name, text in plain.items() if not text}
    for name, (shape, words) in _SHAPES.items():
        if name not in wrong and not shape.fullmatch(plain[name]):
            wrong[name] = words
    day, total = _day(typed.get("day", "")), _fen(plain["amount"])
    if day is None:
        wrong.setdefault("day", "开票日期请写成 2026-11-18 的样子")
    if total is None:
        wrong.setdefault("amount", "金额请写成 128.50 的样子，红票前面加负号")
    if wrong or day is None or total is None:
        return None, wrong
    return Elements(plain["code"], int(plain["number"]), plain["check"], day, total), {}


def _day(text: str) -> date | None:
    try:
        return day_of(text)
    except ValueError:
        return None


def _fen(text: str) -> int | None:
    try:
        return fen_of(text.removeprefix("¥").removesuffix("元").replace(",", "").replace("−", "-"))
    except ValueError:
        return None


_MATCHED = select(BILL.c.id).where(
    BILL.c.unit_id == bindparam("unit"),
    BILL.c.bill_code == bindparam("kind"),
    BILL.c.number == bindparam("sent"),
    BILL.c.check_code == bindparam("checked"),
    BILL.c.total_fen == bindparam("total"),
    BILL.c.issued_at >= bindparam("since"),
    BILL.c.issued_at < bindparam("until"),
)
_RELATED = bill_relations.with_relations(FACTS.where(BILL.c.id == bindparam("bill")))


def verify(
    services: Services, limits: Limits, unit_id: int, typed: Elements, address: str
) -> tuple[BillFacts, Relations] | None:
    """Return the unit's bill with all of these elements and what belongs to it, noted as verified; ``None``: no such
    bill.

    ``address`` is the caller's network address, counted by keyed hash. Raises TRY_LATER: too many look-ups from
    there, or more than 10 wrong ones in half an hour at one code and number, whether there is such a bill or not.
    """
    named = services.index.digest("verify", f"{unit_id}\0{typed.code}\0{typed.number}").hex()[:24]
    attempt = attempts.begin(services, limits, GUARD, named, address)
    midnight = datetime.combine(typed.day, time(), SHANGHAI)
    wanted = {
        "unit": unit_id,
        "kind": typed.code,
        "sent": typed.number,
        "checked": typed.check,
        "total": typed.total_fen,
        "since": midnight,
        "until": midnight + timedelta(days=1),
    }
    with services.database.read() as connection:
        bill_id = connection.execute(_MATCHED, wanted).scalar_one_or_none()
    if bill_id is None:
        return None
    attempt.right()
    with services.database.write() as connection:
        _note(services, connection, bill_id, address)
        row = connection.execute(_RELATED, {"bill": bill_id}).one()
        facts = read_facts(row)
        return facts, bill_relations.of(connection, facts, row)


def _note(services: Services, connection: Connection, bill_id: int, address: str) -> None:
    """Once an hour a place; the bill's row is held, so that two at once are one."""
    connection.execute(select(BILL.c.id).where(BILL.c.id == bill_id).with_for_update())
    place, moment = services.index.digest("place", f"{bill_id}\0{address}"), now()
    lately = select(VERIFICATION.c.id).where(
        VERIFICATION.c.bill_id == bill_id, VERIFICATION.c.at > moment - AGAIN_AFTER, VERIFICATION.c.place == place
    )
    if connection.execute(lately).first() is None:
        connection.execute(insert(VERIFICATION), {"id": new_id(), "bill_id": bill_id, "place": place, "at": moment})


def verdict(bill: BillFacts, related: Relations) -> list[Standing]:
    """How a verified bill stands, in the words of every page: first what it is, then whether it was used already."""
    used = related.booked_fen
    told = [_state(bill, related)] if related.original or bill.state != BillState.SUPERVISED or related.sheet else []
    if used is None:
        return told or [Standing("有效", "ok", "财政盖过章，没有作废，没有打印成纸质。")]
    if used < bill.total_fen:
        part = f"有单位已经用它报销入账 {yuan(used)} 元，这部分不能再报一次。"
        return [*told, Standing("单位报销了一部分", "wait", part)]
    return [*told, Standing("单位已报销", "wait", "有单位已经用它报销入账，不能再报一次。")]


def _state(bill: BillFacts, related: Relations) -> Standing:
    if related.original:
        return Standing("作废凭证", "red", f"这是一张红票，只用来冲掉原票 {related.original.number}，不能报销。")
    if bill.state == BillState.REVERSED:
        red = f"冲掉它的红票是 {related.red.number}。" if related.red else ""
        return Standing("已作废", "red", f"这张票已冲红，不能报销。{red}")
    if bill.state == BillState.REFUSED:
        return Standing("医院处理中", "red", "财政没有通过这张票，医院正在处理，现在不能报销。")
    if related.sheet:
        paper = f"已换成纸质票据 {related.sheet}，报销请用那张纸质票据，不要两张都报。"
        return Standing("已打印成纸质", "wait", paper)
    return Standing("财政处理中", "wait", "财政还没盖章，通常几分钟内完成，请稍后再查验。")
