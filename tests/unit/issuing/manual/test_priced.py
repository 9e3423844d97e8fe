"""Items of the catalogue: what may be charged, at which price, on which day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from portal.domain.documents.settlement import Scene
from tests.factories.manual_entries import CATALOGUE, priced

ITEM = priced("medical", "F1", "诊查费", "0101", "2", "6", valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31))
DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("price", "day", "told"),
    [
        (2_000_000, DAY, None),
        (6_000_000, DAY, None),
        (4_000_000, date(2026, 1, 1), None),
        (4_000_000, date(2026, 12, 31), None),
        (1_999_999, DAY, ("低于标准下限 2.00 元", "请核对收费标准")),
        (6_000_001, DAY, ("高于标准上限 6.00 元", "请核对收费标准")),
        (
            4_000_000,
            date(2025, 12, 31),
            ("“诊查费”在 2025-12-31 不在有效期内（2026-01-01 至 2026-12-31）", "请换用当日有效的项目"),
        ),
        (
            4_000_000,
            date(2027, 1, 1),
            ("“诊查费”在 2027-01-01 不在有效期内（2026-01-01 至 2026-12-31）", "请换用当日有效的项目"),
        ),
    ],
)
def test_an_item_has_bounds_of_price_and_of_time(price: int, day: date, told: tuple[str, str] | None) -> None:
    assert ITEM.refuses(price, day) == told


def test_an_item_out_of_use_is_refused_at_any_price() -> None:
    assert replace(ITEM, active=False).refuses(1, DAY) == ("“诊查费”已停用", "请换用现行项目，或请票据管理员启用")


def test_an_item_without_bounds_has_none() -> None:
    free = replace(ITEM, low_micro=None, high_micro=None, valid_from=None, valid_until=None)
    assert free.refuses(0, date(1999, 1, 1)) is None
    assert free.refuses(10**15, date(2099, 1, 1)) is None
    assert replace(free, valid_until=DAY).refuses(0, DAY) is None
    assert replace(free, valid_from=DAY).refuses(0, DAY) is None


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("F0001", Scene.OUTPATIENT, "普通门诊诊查费"),
        ("F0001", Scene.INPATIENT, "普通门诊诊查费"),
        ("F0001", Scene.DEALING, None),
        ("W0101", Scene.DEALING, "住院陪护床押金"),
        ("0109", Scene.OUTPATIENT, "西药费"),
        ("W01", Scene.OUTPATIENT, None),
        ("W01", Scene.DEALING, None),
        ("X", Scene.OUTPATIENT, None),
    ],
)
def test_a_code_is_found_on_the_bills_of_its_area(code: str, kind: Scene, name: str | None) -> None:
    found = CATALOGUE.find(code, kind)
    assert (found.name if found else None) == name


def test_a_bare_charge_of_care_has_no_bounds() -> None:
    found = CATALOGUE.find("0109", Scene.OUTPATIENT)
    assert found is not None
    assert (found.id, found.charge_code, found.refuses(10**15, DAY)) == (0, "0109", None)
