"""The watch over the stock: tops points up, and warns of low balances and of the turn of the year."""

from __future__ import annotations

from sqlalchemy import Connection, select

from portal.core.database import Database
from portal.core.services import Services
from portal.domain.states.stock import AlarmRule
from portal.models.tables import UNIT
from portal.outbox.tasks import Done, Outcome, Task
from portal.outbox.topics import topic
from portal.stock import alarms, topups, year_turn, years
from portal.stock.balances import Holding, holdings
from portal.stock.documents import refusals

TOPIC = topic("stock.watch")


def watch_all(services: Services, _task: Task) -> Outcome:
    """Run the periodic watch over every unit."""
    with services.database.read() as connection:
        units = connection.scalars(select(UNIT.c.id).order_by(UNIT.c.id)).all()
    for unit_id in units:
        watch(services.database, unit_id)
    services.database.act(refusals.close)
    return Done()


def watch(database: Database, unit_id: int) -> int:
    """Top up the points that are low and have a lot, raise each new warning once, clear those that are over.

    Returns how many places are under their line. It looks in a read transaction and writes only what has to change.
    """
    with database.read() as connection:
        balances = holdings(connection, unit_id)
        announced = years.is_announced(connection, unit_id)
    if hungry := _hungry(balances, announced):
        database.act(lambda connection: [topups.top_up(connection, point, code) for point, code in hungry])
        with database.read() as connection:
            balances = holdings(connection, unit_id)
    low = {f"{each.place}:{each.bill_code}": _warning(each) for each in balances if _is_low(each)}
    wanted = {AlarmRule.LOW: low} | year_turn.alarms_of(balances, announced)
    with database.read() as connection:
        changes = {rule: _changes(connection, unit_id, rule, subjects) for rule, subjects in wanted.items()}
    if any(new or over for new, over in changes.values()):
        database.act(lambda connection: _apply(connection, unit_id, wanted, changes))
    return len(low)


def _hungry(balances: list[Holding], announced: bool) -> list[tuple[int, str]]:
    """Return the points with an automatic lot that are under their line, by code, also next year's when announced."""
    hungry = [
        (each.point_id, each.bill_code)
        for each in balances
        if each.point_id and each.lot and not each.over and each.left < max(each.low, 1) and not each.waiting
    ]
    return hungry + (year_turn.advances(balances) if announced else [])


def _changes(
    connection: Connection, unit_id: int, rule: AlarmRule, subjects: dict[str, str]
) -> tuple[set[str], set[str]]:
    """Return which alarms are to be raised and which are over; what a person has dealt with is not raised again."""
    standing = alarms.standing(connection, unit_id, rule)
    new = subjects.keys() - standing
    if new and rule is not AlarmRule.LOW:
        new -= alarms.dealt_with(connection, unit_id, rule)
    return new, standing - subjects.keys()


def _apply(
    connection: Connection,
    unit_id: int,
    wanted: dict[AlarmRule, dict[str, str]],
    changes: dict[AlarmRule, tuple[set[str], set[str]]],
) -> None:
    for rule, (new, over) in changes.items():
        for subject in sorted(new):
            alarms.raise_alarm(connection, unit_id, rule, subject, wanted[rule][subject])
        for subject in sorted(over):
            alarms.clear(connection, unit_id, rule, subject, alarms.SYSTEM)


def _is_low(each: Holding) -> bool:
    return each.bill_code == years.code_of(each.prefix) and bool(each.low) and each.left < each.low


def _warning(each: Holding) -> str:
    lasts = f"，约可用 {each.days} 天" if each.days is not None else ""
    return f"{each.point_name} 的 {each.kind_name} 余 {each.left} 份，低于预警线 {each.low} 份{lasts}"
