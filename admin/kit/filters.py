"""Filters and columns that several lists share: days, states, points, and what every list of bills shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import url_for
from sqlalchemy import select

from admin.kit.listing import Column, Filter
from admin.kit.shell import current_staff
from admin.kit.values import State, bill_number
from portal.core.clock import SHANGHAI, business_day, now
from portal.domain.documents.settlement import Scene
from portal.ledger import bill_lists
from portal.models.tables import POINT
from portal.web.edge import services


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def _ago(days: int | None) -> str:
    return "" if days is None else (business_day(now()) - timedelta(days=days)).isoformat()


def day_filters(column: Any, back: int, title: str = "业务日期从") -> tuple[Filter, Filter]:
    """From … to on a day, at first from ``back`` days ago until today."""
    return (
        Filter("from", title, lambda day: column >= day, "date", default=lambda: _ago(back)),
        Filter("to", "到", lambda day: column <= day, "date", default=lambda: _ago(0)),
    )


def moment_filters(column: Any, back: int | None = None, title: str = "日期从") -> tuple[Filter, Filter]:
    """From … to on a moment, by the hospital's day; ``back`` as :func:`day_filters`, ``None``: all time at first."""
    until = None if back is None else 0
    return (
        Filter("from", title, lambda day: column >= _midnight(day), "date", default=lambda: _ago(back)),
        Filter(
            "to",
            "到",
            lambda day: column < _midnight(day) + timedelta(days=1),
            "date",
            default=lambda: _ago(until),
        ),
    )


def state_filter(column: Any, states: Mapping[Any, State]) -> Filter:
    """One of the states."""
    words = {value: state.title for value, state in states.items()}
    return Filter("state", "状态", lambda state: column == state, "choice", choices=words)


def scene_filter(column: Any, scenes: Any, title: str = "业务") -> Filter:
    """One of the scenes, an enumeration with titles."""
    words = {scene.value: scene.title for scene in scenes}
    return Filter("scene", title, lambda scene: column == scene, "choice", choices=words)


def points() -> Mapping[str, str]:
    """The unit's points: code → code and name."""
    with services().database.read() as connection:
        found = connection.execute(
            select(POINT.c.code, POINT.c.name).where(POINT.c.unit_id == current_staff().unit_id).order_by(POINT.c.code)
        ).all()
    return {code: f"{code} {name}" for code, name in found}


AT_POINT = Filter("point", "开票点", lambda code: POINT.c.code == code, "choice", choices=points)
POINT_COLUMN = Column("point", "开票点", value=lambda row: f"{row.point_code} {row.point_name}")

# Of rows of portal.ledger.bill_lists
ISSUED_AT = Column("issued_at", "开票时间", "time")
SCENE = Column("scene", "业务", value=lambda row: Scene(row.scene).title)
NUMBER = Column(
    "number",
    "票据号码",
    "number",
    value=lambda row: bill_number(row.bill_code, row.number),
    link=lambda row: url_for("billing.bill", bill_id=row.id),
)
TOTAL = Column("total_fen", "金额", "money", total=True)


def payer_column(title: str = "交款人") -> Column:
    """The payer, masked."""
    return Column("payer", title, value=lambda row: bill_lists.masked_payer(services(), row))
