"""Alarms of the stock (预警): raised once, standing until the cause is gone or a person has dealt with it."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, text, update

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.states.stock import AlarmRule
from portal.models.base import UtcDateTime
from portal.models.tables import STOCK_ALARM

SYSTEM = "系统"
"""Who ends an alarm whose cause is gone."""

_RAISE = text(
    "INSERT INTO stock_alarm (unit_id, rule, subject, text, raised_at, cleared_by)"
    " VALUES (:unit_id, :rule, :subject, :text, :raised_at, '')"
    " ON CONFLICT (unit_id, rule, subject) WHERE cleared_at IS NULL DO NOTHING"
).bindparams(bindparam("raised_at", type_=UtcDateTime()))


def raise_alarm(connection: Connection, unit_id: int, rule: AlarmRule, subject: str, words: str) -> bool:
    """Raise an alarm unless it stands already, however many ask at once; returns whether it was raised now."""
    values = {"unit_id": unit_id, "rule": rule, "subject": subject[:60], "text": words[:300], "raised_at": now()}
    return connection.execute(_RAISE, values).rowcount == 1


def settle(services: Services, actor: Actor, alarm_id: int) -> None:
    """Mark an alarm as dealt with by a person.

    Raises Refusal DOCUMENT_UNKNOWN when it does not stand (any more), BUSY.
    """
    services.database.act(lambda connection: settle_on(connection, actor, alarm_id))


def settle_on(connection: Connection, actor: Actor, alarm_id: int) -> None:
    """Do :func:`settle` in the caller's transaction."""
    standing_one = update(STOCK_ALARM).where(
        STOCK_ALARM.c.id == alarm_id, STOCK_ALARM.c.unit_id == actor.unit_id, STOCK_ALARM.c.cleared_at.is_(None)
    )
    if connection.execute(standing_one.values(cleared_at=now(), cleared_by=actor.name)).rowcount != 1:
        raise Refusal("DOCUMENT_UNKNOWN", no="预警")
    audit.record(connection, actor, "stock.alarm_cleared", ("stock", str(alarm_id)), {})


def clear(connection: Connection, unit_id: int, rule: AlarmRule, subject: str, by: str) -> bool:
    """End an alarm whose cause is gone; returns whether one stood."""
    same = (STOCK_ALARM.c.unit_id == unit_id, STOCK_ALARM.c.rule == rule, STOCK_ALARM.c.subject == subject[:60])
    changed = connection.execute(
        update(STOCK_ALARM).where(*same, STOCK_ALARM.c.cleared_at.is_(None)).values(cleared_at=now(), cleared_by=by)
    )
    return changed.rowcount == 1


def dealt_with(connection: Connection, unit_id: int, rule: AlarmRule) -> set[str]:
    """Return the subjects of one rule that a person has dealt with at some time."""
    query = select(STOCK_ALARM.c.subject).where(
        STOCK_ALARM.c.unit_id == unit_id, STOCK_ALARM.c.rule == rule, STOCK_ALARM.c.cleared_by.not_in(["", SYSTEM])
    )
    return set(connection.scalars(query))


def standing(connection: Connection, unit_id: int, rule: AlarmRule) -> set[str]:
    """Return the subjects of the standing alarms of one rule."""
    query = select(STOCK_ALARM.c.subject).where(
        STOCK_ALARM.c.unit_id == unit_id, STOCK_ALARM.c.rule == rule, STOCK_ALARM.c.cleared_at.is_(None)
    )
    return set(connection.scalars(query))
