"""收费明细: the catalogue of manual issue, with the 收费项目 of each item and its bounds of price and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select
from sqlalchemy.orm import Session

from portal import audit
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.documents.manual_input import clean, figure
from portal.domain.documents.settlement import Scene
from portal.domain.errors import Refusal
from portal.domain.money import micro_text
from portal.models import CatalogueItem
from portal.models.objects import objects
from portal.models.tables import CATALOGUE_ITEM, CHARGE_ITEM, INSURANCE_TYPE, REVIEWER

AREAS = {"medical": "医疗", "dealing": "往来", "donation": "捐赠"}


def area_of(kind: Scene) -> str:
    """Return the part of the catalogue that a scene takes its lines from."""
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
        """Tell why it cannot be charged at this price on this day (reason, remedy); ``None`` when it can."""
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
        """Find the item of a typed code on a bill of this kind; a bare 收费项目 of medical care has no bounds."""
        area = area_of(kind)
        item = self.items.get(code)
        if item is not None:
            return item if item.area == area else None
        elsewhere = {item.charge_code for item in self.items.values() if item.area != "medical"}
        if area == "medical" and code in self.charges and code not in elsewhere:
            return Priced(0, area, code, self.charges[code], code, "", None, None, None, None, None, True)
        return None


def load(connection: Connection, unit_id: int) -> Catalogue:
    """Read the whole catalogue of a unit."""
    rows = connection.execute(
        select(CATALOGUE_ITEM)
        .where(CATALOGUE_ITEM.c.unit_id == unit_id)
        .order_by(CATALOGUE_ITEM.c.area, CATALOGUE_ITEM.c.code)
    )
    charges = connection.execute(select(CHARGE_ITEM.c.code, CHARGE_ITEM.c.name).where(CHARGE_ITEM.c.unit_id == unit_id))
    return Catalogue({row.code: _priced(row) for row in rows}, {row.code: row.name for row in charges})


def item_of(connection: Connection, unit_id: int, item_id: int) -> Priced:
    """Return an item of a unit. Raises PAGE_NOT_FOUND."""
    of_unit = (CATALOGUE_ITEM.c.id == item_id) & (CATALOGUE_ITEM.c.unit_id == unit_id)
    row = connection.execute(select(CATALOGUE_ITEM).where(of_unit)).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return _priced(row)


def items(unit_id: int) -> Select[Any]:
    """Select the items of a unit, each with the name of its 收费项目."""
    charge = (CHARGE_ITEM.c.unit_id == CATALOGUE_ITEM.c.unit_id) & (CHARGE_ITEM.c.code == CATALOGUE_ITEM.c.charge_code)
    return (
        select(CATALOGUE_ITEM, CHARGE_ITEM.c.name.label("charge_name"))
        .outerjoin(CHARGE_ITEM, charge)
        .where(CATALOGUE_ITEM.c.unit_id == unit_id)
    )


def in_area(area: str) -> ColumnElement[bool]:
    """Filter items by a key of :data:`AREAS`."""
    return CATALOGUE_ITEM.c.area == area


def matches(text: str) -> ColumnElement[bool]:
    """Filter items by a whole code or a part of the name."""
    return or_(CATALOGUE_ITEM.c.code == text, CATALOGUE_ITEM.c.name.contains(text, autoescape=True))


def in_use(active: bool) -> ColumnElement[bool]:
    """Filter items that are in use, or those that are not."""
    return CATALOGUE_ITEM.c.active == active


def _priced(row: Any) -> Priced:
    return Priced(**{name: getattr(row, name) for name in Priced.__dataclass_fields__})


FIELDS = ("area", "code", "name", "charge_code", "unit", "price", "low", "high", "valid_from", "valid_until")


def save(services: Services, actor: Actor, typed: Mapping[str, str], item_id: int = 0) -> int:
    """Add an item, or change the one with ``item_id``; return its id. Raises ENTRY_INVALID, CODE_TAKEN, ITEM_UNKNOWN.

    The code of an item never changes: bills name it. Before and after stand in the audit entry.
    """

    def work(connection: Connection) -> int:
        catalogue = load(connection, actor.unit_id)
        values = values_of(typed, catalogue)
        if not item_id and values["code"] in catalogue.items:
            raise Refusal("CODE_TAKEN", taken=values["code"])
        return keep_on(connection, actor, item_id, values)

    return services.database.act(work)


def keep_on(connection: Connection, actor: Actor, item_id: int, values: Mapping[str, Any]) -> int:
    """Add (``item_id`` 0) or change an item with checked values, in the caller's transaction; return its id.

    Raises ITEM_UNKNOWN.
    """
    with objects(connection) as session:
        item = _own(session, actor, item_id) if item_id else CatalogueItem(unit_id=actor.unit_id, active=True)
        kept = {name: value for name, value in values.items() if name != "code" or not item_id}
        before = {name: getattr(item, name) for name in kept} if item_id else {}
        for name, value in kept.items():
            setattr(item, name, value)
        session.add(item)
    details = {"before": _plain(before), "after": _plain(kept)}
    audit.record(connection, actor, "catalogue.saved", ("catalogue_item", item.id), details)
    return item.id


def switch(services: Services, actor: Actor, item_id: int, active: bool) -> None:
    """Take an item out of use or back into it. Raises ITEM_UNKNOWN."""

    def work(connection: Connection) -> None:
        with objects(connection) as session:
            _own(session, actor, item_id).active = active
        audit.record(connection, actor, "catalogue.switched", ("catalogue_item", item_id), {"active": active})

    services.database.act(work)


def _own(session: Session, actor: Actor, item_id: int) -> CatalogueItem:
    item = session.get(CatalogueItem, item_id)
    if item is None or item.unit_id != actor.unit_id:
        raise Refusal("ITEM_UNKNOWN")
    return item


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def values_of(typed: Mapping[str, str], catalogue: Catalogue) -> dict[str, Any]:
    """Return the values of a typed item by the names of its columns. Raises ENTRY_INVALID."""
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
    days = {name: read_day(text[name], title, problems) for name, title in _DAYS}
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


def read_day(text: str, title: str, problems: list[str]) -> date | None:
    """Return a day as it was typed, None for no text or for one that is no day, which is added to ``problems``."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        problems.append(f"{title}不是日期，例如 2026-01-05")
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
