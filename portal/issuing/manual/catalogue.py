"""收费明细: what can be charged at the desk, on which 收费项目, within which bounds of price and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select, update

from portal import audit
from portal.core.database import Database
from portal.domain.actor import Actor
from portal.domain.documents.manual_input import clean, figure
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.domain.money import micro_text
from portal.models.tables import CATALOGUE_ITEM, CHARGE_ITEM, INSURANCE_TYPE, REVIEWER

AREAS = {"medical": "医疗", "dealing": "往来", "donation": "捐赠"}


def area_of(kind: Scene) -> str:
    """Which part of the catalogue a kind of bill takes its lines from."""
    return "medical" if kind.medical else kind.value


@dataclass(frozen=True, slots=True)
class Priced:
    """One row of the catalogue; prices in millionths of a yuan, ``None`` where there is no bound."""

    id: int
    area: str
    code: str
    name: str
    charge_code: str
    unit: str
    price_micro: int | None
    low_micro: int | None
    high_micro: int | None
    valid_from: date | None
    valid_until: date | None
    active: bool

    def refuses(self, price_micro: int, day: date) -> tuple[str, str] | None:
        """Why it cannot be charged at this price on this day (reason, what to do), or ``None``."""
        if not self.active:
            return f"“{self.name}”已停用", "请换用现行项目，或请票据管理员启用"
        if (self.valid_from and day < self.valid_from) or (self.valid_until and day > self.valid_until):
            span = f"{self.valid_from or ''} 至 {self.valid_until or ''}".strip()
            return f"“{self.name}”在 {day} 不在有效期内（{span}）", "请换用当日有效的项目"
        if self.low_micro is not None and price_micro < self.low_micro:
            return f"低于标准下限 {micro_text(self.low_micro, 2)} 元", "请核对收费标准"
        if self.high_micro is not None and price_micro > self.high_micro:
            return f"高于标准上限 {micro_text(self.high_micro, 2)} 元", "请核对收费标准"
        return None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A snapshot: ``items`` by code, ``charges`` 收费项目 code → name (their code alone may be billed as a line)."""

    items: Mapping[str, Priced]
    charges: Mapping[str, str]

    def find(self, code: str, kind: Scene) -> Priced | None:
        """The row a typed code means on a bill of this kind; a bare 收费项目 of medical care has no bounds."""
        area = area_of(kind)
        found = self.items.get(code)
        if found is not None:
            return found if found.area == area else None
        elsewhere = {item.charge_code for item in self.items.values() if item.area != "medical"}
        if area == "medical" and code in self.charges and code not in elsewhere:
            return Priced(0, area, code, self.charges[code], code, "", None, None, None, None, None, True)
        return None


def load(connection: Connection, unit_id: int) -> Catalogue:
    """The whole catalogue of a unit."""
    rows = connection.execute(
        select(CATALOGUE_ITEM)
        .where(CATALOGUE_ITEM.c.unit_id == unit_id)
        .order_by(CATALOGUE_ITEM.c.area, CATALOGUE_ITEM.c.code)
    )
    charges = connection.execute(select(CHARGE_ITEM.c.code, CHARGE_ITEM.c.name).where(CHARGE_ITEM.c.unit_id == unit_id))
    return Catalogue({row.code: _priced(row) for row in rows}, {row.code: row.name for row in charges})


def _priced(row: Any) -> Priced:
    return Priced(**{name: getattr(row, name) for name in Priced.__dataclass_fields__})


FIELDS = ("area", "code", "name", "charge_code", "unit", "price", "low", "high", "valid_from", "valid_until")


def save(database: Database, actor: Actor, typed: Mapping[str, str], item_id: int = 0) -> int:
    """Add a row, or change the one with ``item_id``; returns its id. Raises FIELD_INVALID, CODE_TAKEN, ITEM_UNKNOWN.

    The code of a row never changes: bills name it. Before and after stand in the audit entry.
    """
    with database.write() as connection:
        catalogue = load(connection, actor.unit_id)
        before = next((item for item in catalogue.items.values() if item.id == item_id), None)
        if item_id and before is None:
            raise Refusal("ITEM_UNKNOWN")
        values = _values(typed, catalogue)
        if before is None:
            if values["code"] in catalogue.items:
                raise Refusal("CODE_TAKEN", taken=values["code"])
            row = values | {"unit_id": actor.unit_id, "active": True}
            item_id = connection.execute(insert(CATALOGUE_ITEM).returning(CATALOGUE_ITEM.c.id), row).scalar_one()
        else:
            del values["code"]
            connection.execute(update(CATALOGUE_ITEM).where(CATALOGUE_ITEM.c.id == item_id).values(**values))
        _record(connection, actor, item_id, before, values)
    return item_id


def switch(database: Database, actor: Actor, item_id: int, active: bool) -> None:
    """Take a row out of use or back into it. Raises ITEM_UNKNOWN."""
    with database.write() as connection:
        mine = (CATALOGUE_ITEM.c.id == item_id) & (CATALOGUE_ITEM.c.unit_id == actor.unit_id)
        if not connection.execute(update(CATALOGUE_ITEM).where(mine).values(active=active)).rowcount:
            raise Refusal("ITEM_UNKNOWN")
        audit.record(connection, actor, "catalogue.switched", ("catalogue_item", item_id), {"active": active})


def _record(connection: Connection, actor: Actor, item_id: int, before: Priced | None, values: dict[str, Any]) -> None:
    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, date) else value

    old = {name: plain(getattr(before, name)) for name in values} if before else {}
    details = {"before": old, "after": {name: plain(value) for name, value in values.items()}}
    audit.record(connection, actor, "catalogue.saved", ("catalogue_item", item_id), details)


def _values(typed: Mapping[str, str], catalogue: Catalogue) -> dict[str, Any]:
    text = {name: clean(typed.get(name, "")) for name in FIELDS}
    problems = [
        f"{title}不能为空"
        for name, title in (("area", "类别"), ("code", "项目编码"), ("name", "项目名称"), ("charge_code", "收费项目"))
        if not text[name]
    ]
    if text["area"] not in AREAS:
        problems.append("类别不在列表中")
    if text["charge_code"] and text["charge_code"] not in catalogue.charges:
        problems.append(f"收费项目 {text['charge_code']} 没有登记")
    if not all(len(text[name]) <= most for name, most in (("code", 50), ("name", 100), ("unit", 20))):
        problems.append("编码、名称或单位过长")
    prices = {f"{name}_micro": _price(text[name], title, problems) for name, title in _PRICES}
    days = {name: _day(text[name], title, problems) for name, title in _DAYS}
    _order(problems, "标准下限不能高于标准上限", prices["low_micro"], prices["high_micro"])
    _order(problems, "标准不能低于标准下限", prices["low_micro"], prices["price_micro"])
    _order(problems, "标准不能高于标准上限", prices["price_micro"], prices["high_micro"])
    _order(problems, "生效日期不能晚于失效日期", days["valid_from"], days["valid_until"])
    if problems:
        raise Refusal("ENTRY_INVALID", problems="；".join(problems))
    return {name: text[name] for name in ("area", "code", "name", "charge_code", "unit")} | prices | days


_PRICES: Sequence[tuple[str, str]] = (("price", "标准"), ("low", "标准下限"), ("high", "标准上限"))
_DAYS: Sequence[tuple[str, str]] = (("valid_from", "生效日期"), ("valid_until", "失效日期"))


def _price(text: str, title: str, problems: list[str]) -> int | None:
    if not text:
        return None
    try:
        value = figure(text, 6)
    except ValueError as error:
        problems.append(f"{title}{error}")
        return None
    if value < 0:
        problems.append(f"{title}不能为负数")
    return value


def _day(text: str, title: str, problems: list[str]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        problems.append(f"{title}不是日期")
        return None


def _order(problems: list[str], sentence: str, first: Any, second: Any) -> None:
    if first is not None and second is not None and first > second:
        problems.append(sentence)


def reviewers(connection: Connection, unit_id: int) -> list[str]:
    """Read the names of the unit's reviewers 复核人 in the order of their codes."""
    active = (REVIEWER.c.unit_id == unit_id) & REVIEWER.c.active
    return list(connection.scalars(select(REVIEWER.c.name).where(active).order_by(REVIEWER.c.code)))


def insurance_types(connection: Connection) -> list[str]:
    """Read the names of the insurance types 医保类型 in their order."""
    return list(connection.scalars(select(INSURANCE_TYPE.c.name).distinct().order_by(INSURANCE_TYPE.c.name)))
