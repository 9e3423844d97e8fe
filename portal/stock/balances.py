"""Balances, average use, days left, warning lines (库存结余; report R1, S3.4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from portal.core.clock import local, now
from portal.core.database import Database
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.stock import ReceiptState
from portal.models.tables import BILL_KIND, NUMBER_RANGE, NUMBER_SEGMENT, POINT, STOCK_RECEIPT, STOCK_RULE, UNIT
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic
from portal.stock import alarms, topups
from portal.stock.books import uses
from portal.stock.books.fates import identity
from portal.stock.books.holdings import unit_stock
from portal.stock.documents import refusals
from portal.stock.rows import audit

WATCH_TOPIC = topic("stock.watch")
WEEK, MONTH = 7, 30
APPLY_FOR_DAYS = 180
"""An application is suggested for half a year's use at most (fiscal-ebill §1.3)."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one place (``unit`` or a point) has left of one code. ``days``: how long it lasts at the 7-day average,
    ``None`` when nothing is used. ``low`` and ``lot``: its warning line and automatic lot, 0 for none."""

    place: str
    point_id: int | None
    point_code: str
    point_name: str
    kind_id: int
    kind_name: str
    bill_code: str
    first: int | None
    last: int | None
    left: int
    reserved: int
    waiting: int
    daily: float
    days: int | None
    low: int
    lot: int

    @property
    def state(self) -> str:
        """``empty``, ``low`` (under the line) or ``good``."""
        if self.left + self.reserved == 0:
            return "empty"
        return "low" if self.low and self.left < self.low else "good"


def holdings(connection: Connection, unit_id: int) -> list[Holding]:
    """Every place's balance by code, unit first; places that never had a code are not listed."""
    daily = {key: count / WEEK for key, count in uses.used_since(connection, now() - timedelta(days=WEEK)).items()}
    kinds = {row.prefix: row for row in connection.execute(select(BILL_KIND))}
    points = {row.id: row for row in connection.execute(select(POINT).where(POINT.c.unit_id == unit_id))}
    rules = _rules(connection, unit_id)
    found: list[Holding] = []
    for code, parts in _parts(connection, unit_id).items():
        kind = kinds[code[:6]]
        for place, runs in parts.items():
            point = points[int(place)] if place != "unit" else None
            if point is not None:
                rate = daily.get((code[:6], point.id), 0.0)
            else:
                rate = sum(value for (prefix, _), value in daily.items() if prefix == code[:6])
            rule = rules.get((kind.id, place))
            found.append(_holding(place, point, kind, code, runs, rate, rule))
    return sorted(found, key=lambda each: (each.bill_code, each.point_code))


def _parts(connection: Connection, unit_id: int) -> dict[str, dict[str, list[tuple[int, int, str]]]]:
    """Unused runs ``(first, last, state)`` by code and place."""
    found: dict[str, dict[str, list[tuple[int, int, str]]]] = {}
    for segment in connection.execute(select(NUMBER_SEGMENT).where(NUMBER_SEGMENT.c.unit_id == unit_id)).all():
        runs = found.setdefault(segment.bill_code, {}).setdefault("unit", [])
        runs += [(first, last, "open") for first, last in unit_stock(connection, segment.id)]
    rows = connection.execute(
        select(NUMBER_RANGE)
        .join(NUMBER_SEGMENT, NUMBER_SEGMENT.c.id == NUMBER_RANGE.c.segment_id)
        .where(NUMBER_SEGMENT.c.unit_id == unit_id)
    )
    for row in rows:
        runs = found[row.bill_code].setdefault(str(row.point_id), [])
        if row.next <= row.last:
            runs.append((row.next, row.last, row.state))
    return found


def _holding(
    place: str, point: Any, kind: Any, code: str, runs: list[tuple[int, int, str]], rate: float, rule: Any
) -> Holding:
    amounts = {"open": 0, "waiting": 0, "reserved": 0}
    for first, last, state in runs:
        amounts[state] += last - first + 1
    left = amounts["open"] + amounts["waiting"]
    return Holding(
        place=place,
        point_id=point.id if point is not None else None,
        point_code=point.code if point is not None else "",
        point_name=point.name if point is not None else "单位库存",
        kind_id=kind.id,
        kind_name=kind.name,
        bill_code=code,
        first=min((first for first, _, _ in runs), default=None),
        last=max((last for _, last, _ in runs), default=None),
        left=left,
        reserved=amounts["reserved"],
        waiting=amounts["waiting"],
        daily=rate,
        days=int(left / rate) if rate else None,
        low=rule.low if rule is not None else 0,
        lot=rule.lot if rule is not None else 0,
    )


def of_slip(connection: Connection, no: str) -> tuple[int, int]:
    """How many numbers of a hand-out are used, and how many are left with the point."""
    row = connection.execute(
        select(
            func.sum(NUMBER_RANGE.c.next - NUMBER_RANGE.c.first),
            func.sum(NUMBER_RANGE.c.last - NUMBER_RANGE.c.next + 1),
        ).where(NUMBER_RANGE.c.slip == no)
    ).one()
    return int(row[0] or 0), int(row[1] or 0)


def _rules(connection: Connection, unit_id: int) -> dict[tuple[int, str], Any]:
    rows = connection.execute(select(STOCK_RULE).where(STOCK_RULE.c.unit_id == unit_id))
    return {(row.kind_id, row.place): row for row in rows}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How many numbers to ask for, and why: stock of the whole unit, its use in 30 days, days it lasts."""

    bill_code: str
    stock: int
    used: int
    days: int | None
    quantity: int


def suggest(connection: Connection, unit_id: int, kind_id: int) -> Suggestion:
    """Enough for half a year at the average of 30 days, rounded up to hundreds (features §3.1)."""
    prefix = connection.execute(select(BILL_KIND.c.prefix).where(BILL_KIND.c.id == kind_id)).scalar_one()
    code = code_of(prefix)
    counted = uses.used_since(connection, now() - timedelta(days=MONTH))
    used = sum(count for (of, _), count in counted.items() if of == prefix)
    parts = _parts(connection, unit_id).get(code, {})
    stock = sum(last - first + 1 for runs in parts.values() for first, last, state in runs if state != "reserved")
    wanted = max(0, used * APPLY_FOR_DAYS // MONTH - stock)
    days = stock * MONTH // used if used else None
    return Suggestion(code, stock, used, days, -(-wanted // 100) * 100)


def code_of(prefix: str) -> str:
    """The bill code of a kind this year: prefix and two digits of the year."""
    return f"{prefix}{local(now()).year % 100:02d}"


def set_rule(connection: Connection, actor: Actor, kind_id: int, point_id: int | None, low: int, lot: int) -> None:
    """Set a place's warning line and automatic lot (0: none). Raises Refusal FIELD_INVALID."""
    if not 0 <= low <= 10_000_000 or not 0 <= lot <= 1_000_000 or (lot and (point_id is None or low < 1)):
        raise Refusal("FIELD_INVALID", problems="自动补票要有开票点和大于 0 的下限；数量不能为负或过大")
    place = "unit" if point_id is None else str(point_id)
    mine = (STOCK_RULE.c.unit_id == actor.unit_id, STOCK_RULE.c.kind_id == kind_id, STOCK_RULE.c.place == place)
    before = connection.execute(select(STOCK_RULE.c.low, STOCK_RULE.c.lot).where(*mine)).one_or_none()
    values = {"low": low, "lot": lot}
    if before is None:
        row = {"unit_id": actor.unit_id, "kind_id": kind_id, "place": place, "point_id": point_id}
        connection.execute(insert(STOCK_RULE), row | values)
    else:
        connection.execute(update(STOCK_RULE).where(*mine).values(**values))
    details = {"kind": kind_id, "before": list(before) if before else None, "after": [low, lot]}
    audit(connection, actor, "stock.rule_set", place, details)


def watch(database: Database, unit_id: int) -> int:
    """Top up who is low and may be topped up; raise each new warning once, clear what is over; how many stand.

    It looks in a read transaction and writes only what has to change.
    """
    with database.read() as connection:
        found = holdings(connection, unit_id)
    hungry = [each for each in found if each.lot and each.left < max(each.low, 1) and not each.waiting]
    if hungry:
        with database.write() as connection:
            for each in hungry:
                topups.top_up(connection, int(each.place), each.bill_code)
        with database.read() as connection:
            found = holdings(connection, unit_id)
    low = {f"{each.place}:{each.bill_code}": _warning(each) for each in found if _is_low(each)}
    with database.read() as connection:
        standing = alarms.standing(connection, unit_id, "low")
    if set(low) != standing:
        with database.write() as connection:
            for subject in sorted(low.keys() - standing):
                alarms.raise_alarm(connection, unit_id, "low", subject, low[subject])
            for subject in sorted(standing - low.keys()):
                alarms.clear(connection, unit_id, "low", subject, "系统")
    return len(low)


def _is_low(each: Holding) -> bool:
    return each.bill_code == code_of(each.bill_code[:6]) and bool(each.low) and each.left < each.low


def _warning(each: Holding) -> str:
    lasts = f"，约可用 {each.days} 天" if each.days is not None else ""
    return f"{each.point_name} 的 {each.kind_name} 余 {each.left} 份，低于预警线 {each.low} 份{lasts}"


def watch_all(services: Services, _task: Task) -> Outcome:
    """The periodic watch over every unit."""
    with services.database.read() as connection:
        units = connection.scalars(select(UNIT.c.id).order_by(UNIT.c.id)).all()
    for unit_id in units:
        watch(services.database, unit_id)
    with services.database.write() as connection:
        refusals.close(connection)
    return Done()


def for_finance(connection: Connection, unit_id: int) -> list[dict[str, Any]]:
    """Our side of the stock comparison (9206), by code: counts over all segments, and what is unused."""
    segments = connection.execute(select(NUMBER_SEGMENT).where(NUMBER_SEGMENT.c.unit_id == unit_id)).all()
    opened = set(
        connection.scalars(
            select(STOCK_RECEIPT.c.segment_id).where(
                STOCK_RECEIPT.c.source == "opening", STOCK_RECEIPT.c.state == ReceiptState.CONFIRMED
            )
        )
    )
    whole = {each.segment_id: each for each in identity(connection).balances if each.place == "all"}
    parts = _parts(connection, unit_id)
    found: dict[str, dict[str, Any]] = {}
    for segment in segments:
        line = found.setdefault(
            segment.bill_code,
            {"bill_code": segment.bill_code, "opening": 0, "received": 0}
            | dict.fromkeys(("used", "void", "returned", "closing"), 0),
        )
        balance = whole[segment.id]
        line["opening" if segment.id in opened else "received"] += balance.received
        line["used"] += balance.used
        line["void"] += balance.void
        line["returned"] += balance.returned
        line["closing"] += balance.remaining
    for code, line in found.items():
        runs = sorted((first, last) for each in parts[code].values() for first, last, _ in each)
        line["ranges"] = tuple(runs)
    return [found[code] for code in sorted(found)]
