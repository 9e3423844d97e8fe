"""Kinds of master data that are imported from a spreadsheet: 收费明细, 业务科室, 收费项目对照.

A kind says its columns, what the unit has, how a row becomes values, and how one object is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import fen_of, micro_text, yuan
from portal.hospital import master_data
from portal.hospital.queries import active_income_items
from portal.issuing.manual import catalogue
from portal.issuing.manual.catalogue import AREAS, read_day
from portal.models.tables import CATALOGUE_ITEM, CHARGE_ITEM, DEPARTMENT

Texts = Mapping[str, str]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImportColumn:
    """A column of the file. ``choices``: words on screen → our codes; ``day``: a day; ``number``: an amount."""

    name: str
    title: str
    required: bool = False
    hint: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    day: bool = False
    number: bool = False
    most: int = 100


@dataclass(frozen=True, slots=True)
class Known:
    """An object that the unit has: its id and its values by the names of :attr:`ImportKind.values`."""

    id: int
    values: Values


@dataclass(frozen=True, slots=True)
class ImportKind:
    """One kind; the column ``code`` names its objects.

    ``reader`` reads once what rows refer to and returns the function that makes values of one row's texts; that raises
    ENTRY_INVALID, whose problems each begin with the title of a column. ``texts`` writes values as the file has them.
    """

    title: str
    columns: tuple[ImportColumn, ...]
    known: Callable[[Connection, int], Mapping[str, Known]]
    reader: Callable[[Connection, int], Callable[[Texts], Values]]
    keep: Callable[[Connection, Actor, int, Values], int]
    texts: Callable[[Values], dict[str, str]]


def _days(values: Values) -> dict[str, str]:
    days = {name: values[name] for name in ("valid_from", "valid_until")}
    return {name: day.isoformat() if day else "" for name, day in days.items()}


# 收费明细

_ITEMS = (
    ImportColumn("area", "类别", True, choices={title: code for code, title in AREAS.items()}),
    ImportColumn("code", "项目编码", True, "已有的编码更新该项目，没有的新增", most=50),
    ImportColumn("name", "项目名称", True),
    ImportColumn("charge_code", "收费项目", True, "收费项目对照中的院内编码", most=50),
    ImportColumn("unit", "单位", most=20),
    ImportColumn("price", "标准", hint="元，可空", number=True),
    ImportColumn("low", "标准下限", hint="元，可空", number=True),
    ImportColumn("high", "标准上限", hint="元，可空", number=True),
    ImportColumn("valid_from", "生效日期", hint="例如 2026-01-05，可空", day=True),
    ImportColumn("valid_until", "失效日期", hint="可空", day=True),
)
_PRICES = ("price", "low", "high")
_ITEM_VALUES = ("area", "code", "name", "charge_code", "unit", *(f"{name}_micro" for name in _PRICES))


def _known_items(connection: Connection, unit_id: int) -> dict[str, Known]:
    names = (*_ITEM_VALUES, "valid_from", "valid_until")
    rows = connection.execute(select(CATALOGUE_ITEM).where(CATALOGUE_ITEM.c.unit_id == unit_id))
    return {row.code: Known(row.id, {name: getattr(row, name) for name in names}) for row in rows}


def _item_reader(connection: Connection, unit_id: int) -> Callable[[Texts], Values]:
    known = catalogue.load(connection, unit_id)
    return lambda texts: catalogue.values_of(texts, known)


def _item_texts(values: Values) -> dict[str, str]:
    prices = {name: "" if (one := values[f"{name}_micro"]) is None else micro_text(one, 2) for name in _PRICES}
    plain = {name: str(values[name]) for name in ("code", "name", "charge_code", "unit")}
    return {"area": AREAS[values["area"]], **plain, **prices, **_days(values)}


# 业务科室

_DEPARTMENTS = (
    ImportColumn("code", "科室编码", True, "已有的编码更新该科室，没有的新增", most=50),
    ImportColumn("name", "科室名称", True, most=200),
    ImportColumn("general_name", "对外通用名", hint="敏感科室对外显示的名称，例如：专科门诊；可空", most=60),
)


def _known_departments(connection: Connection, unit_id: int) -> dict[str, Known]:
    rows = connection.execute(select(DEPARTMENT).where(DEPARTMENT.c.unit_id == unit_id))
    names = ("code", "name", "general_name")
    return {row.code: Known(row.id, {name: getattr(row, name) for name in names}) for row in rows}


# 收费项目对照

_CHARGES = (
    ImportColumn("code", "院内编码", True, "已有的编码更新该对照，没有的新增", most=50),
    ImportColumn("name", "院内名称", True),
    ImportColumn("fiscal_code", "财政收入项目", True, "财政下发的项目编码，见“财政收入项目”工作表", most=50),
    ImportColumn("low_fen", "单行下限", hint="元，可空", number=True),
    ImportColumn("high_fen", "单行上限", hint="元，可空", number=True),
    ImportColumn("valid_from", "生效日期", hint="例如 2026-01-05，可空", day=True),
    ImportColumn("valid_until", "失效日期", hint="可空", day=True),
)


def _known_charges(connection: Connection, unit_id: int) -> dict[str, Known]:
    names = (*(column.name for column in _CHARGES), "fiscal_name")
    rows = connection.execute(select(CHARGE_ITEM).where(CHARGE_ITEM.c.unit_id == unit_id))
    return {row.code: Known(row.id, {name: getattr(row, name) for name in names}) for row in rows}


def _charge_reader(connection: Connection, unit_id: int) -> Callable[[Texts], Values]:
    fiscal, known = active_income_items(connection), _known_charges(connection, unit_id)

    def read(texts: Texts) -> Values:
        problems: list[str] = []
        values: Values = {name: texts[name] for name in ("code", "name", "fiscal_code")}
        before = known.get(texts["code"])
        if before is not None and before.values["fiscal_code"] == texts["fiscal_code"]:
            values["fiscal_name"] = before.values["fiscal_name"]  # kept also when finance grants it no longer
        elif texts["fiscal_code"] not in fiscal:
            problems.append(f"财政收入项目 {texts['fiscal_code']} 不在财政下发的项目中")
        else:
            values["fiscal_name"] = fiscal[texts["fiscal_code"]]
        values |= {name: _fen(texts[name], title, problems) for name, title in _BOUNDS}
        values |= {name: read_day(texts[name], title, problems) for name, title in _TIMES}
        for (low, title), (high, other) in (_BOUNDS, _TIMES):
            if values[low] is not None and values[high] is not None and values[low] > values[high]:
                problems.append(f"{title}不能{'晚' if low == 'valid_from' else '大'}于{other}")
        if problems:
            raise Refusal("ENTRY_INVALID", problems="；".join(problems))
        return values

    return read


_BOUNDS = (("low_fen", "单行下限"), ("high_fen", "单行上限"))
_TIMES = (("valid_from", "生效日期"), ("valid_until", "失效日期"))


def _fen(text: str, title: str, problems: list[str]) -> int | None:
    if not text:
        return None
    try:
        value = fen_of(text.replace(",", "").replace("，", "").strip("¥￥元"))
    except ValueError:
        problems.append(f"{title}不是金额，例如 12.50")
        return None
    if value < 0:
        problems.append(f"{title}不能为负数")
    return value


def _charge_texts(values: Values) -> dict[str, str]:
    bounds = {name: "" if values[name] is None else yuan(values[name]) for name, _ in _BOUNDS}
    return {name: str(values[name]) for name in ("code", "name", "fiscal_code")} | bounds | _days(values)


def _kept(kind: str) -> Callable[[Connection, Actor, int, Values], int]:
    return lambda connection, actor, object_id, values: master_data.save_on(connection, actor, kind, object_id, values)


KINDS: Mapping[str, ImportKind] = {
    "catalogue": ImportKind("收费明细", _ITEMS, _known_items, _item_reader, catalogue.keep_on, _item_texts),
    "departments": ImportKind(
        "业务科室", _DEPARTMENTS, _known_departments, lambda _connection, _unit_id: dict, _kept("department"), dict
    ),
    "charge-items": ImportKind(
        "收费项目对照", _CHARGES, _known_charges, _charge_reader, _kept("charge_item"), _charge_texts
    ),
}
"""By the word that stands in addresses and rows."""
